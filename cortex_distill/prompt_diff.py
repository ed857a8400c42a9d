"""Prompts side by side: the first in full, of the others what is different, word by word."""

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher

from cortex_distill.markup import escaped, fenced

AROUND = 12  # words of context before and after a difference
_LINE = "\n"


def prompts_markdown(prompts: Mapping[str, str], remarks: Mapping[str, str]) -> str:
    """Every variant; `remarks` says something about some of them, e.g. that it can only answer with a category."""
    first, *others = prompts
    parts = [_heading(first, remarks), fenced(prompts[first])]
    seen = {prompts[first].strip(): first}
    for name in others:
        same = seen.setdefault(prompts[name].strip(), name)
        parts.append(_heading(name, remarks))
        if same != name:
            parts.append(f"The same words as {escaped(same)}.")
            continue
        parts += [
            f"Beside {escaped(first)}, with **new** and ~~dropped~~ words:",
            differences(prompts[first], prompts[name]),
            "In full:",
            fenced(prompts[name]),
        ]
    return "\n\n".join(parts)


def _heading(name: str, remarks: Mapping[str, str]) -> str:
    return f"### {escaped(name)}{f' ({escaped(remarks[name])})' if name in remarks else ''}"


def differences(old: str, new: str) -> str:
    """`new` as a Markdown paragraph, line by line: what `old` lacks in bold, what was dropped struck through."""
    before, after = _words(old), _words(new)
    pieces: list[str] = []
    codes = SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    for place, (what, a, b, c, d) in enumerate(codes):
        if what == "equal":
            pieces += _shortened(after[c:d], first=place == 0, last=place == len(codes) - 1)
        else:
            pieces += [*_marked([word for word in before[a:b] if word != _LINE], "~~"), *_marked(after[c:d], "**")]
    lines = " ".join(pieces).split(_LINE)
    return "\n".join(f"{line.strip()}  " for line in lines if line.strip())


def _words(text: str) -> list[str]:
    return re.findall(r"\n|[^\s]+", text.strip())


def _shortened(words: Sequence[str], *, first: bool, last: bool) -> list[str]:
    """What both have, escaped; of a long stretch only what lies beside a difference."""
    head, tail = (0 if first else AROUND), (0 if last else AROUND)
    if len(words) <= 2 * AROUND:
        return [*_runs(words)]
    return [*_runs(words[:head]), "…", *_runs(words[len(words) - tail :])]


def _marked(words: Sequence[str], mark: str) -> Iterator[str]:
    """Each line of the words between marks, since emphasis does not reach over a break."""
    for run in _runs(words):
        yield run if run == _LINE else f"{mark}{run}{mark}"


def _runs(words: Sequence[str]) -> Iterator[str]:
    for line in re.split(r"(\n)", " ".join(words)):
        if line == _LINE or line.strip():
            yield line if line == _LINE else escaped(line, 10_000)
