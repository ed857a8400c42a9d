"""What a single value of the experiment file must satisfy beyond its type, each fault with its remedy."""

import unicodedata
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath, PureWindowsPath

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from cortex_distill.replies import AROUND

Fault = tuple[tuple[str | int, ...], str]  # where, counted from the value that is checked; what is wrong and what to do


def faulty(faults: Iterable[Fault]) -> PydanticCustomError:
    """One error that carries several faults in its context, so that none hides another."""
    listed = list(faults)
    return PydanticCustomError("faults", "{said}", {"said": "; ".join(what for _, what in listed), "faults": listed})


def refusing(fault: Callable[[str], str]) -> AfterValidator:
    """Refuses each text for which `fault` has a message; an empty message means that nothing is wrong."""

    def check(text: str) -> str:
        message = fault(text)
        if message:
            raise faulty([((), message)])
        return text

    return AfterValidator(check)


def fault_of_text(text: str) -> str:
    """A message for a text that is empty or blank; empty if it is neither."""
    return "" if text.strip() else "is empty; write its text, or leave the key out if it has a default"


def fault_of_file(file: str) -> str:
    """A message for a path that is absolute, here or on Windows, or blank; empty if it is neither."""
    starts_elsewhere = PurePosixPath(file).is_absolute() or PureWindowsPath(file).is_absolute()
    return (
        f"should start beside this file, got '{file}'; write a relative path"
        if starts_elsewhere
        else fault_of_text(file)
    )


def _unseen(text: str) -> str:
    """The line breaks and control characters of a text, as code points; half characters are told of elsewhere."""
    return ", ".join(sorted({f"U+{ord(c):04X}" for c in text if unicodedata.category(c) in {"Cc", "Zl", "Zp"}}))


def fault_of_model(name: str) -> str:
    """A message for a model's name that is blank or would act in a terminal; empty if it is sound."""
    bad = _unseen(name)
    return f"a model's name holds control characters ({bad}); take them out" if bad else fault_of_text(name)


def fault_of_label(label: str) -> str:
    """A message for a label that no model could be asked to repeat; empty if it is sound."""
    bad = _unseen(label)
    checks = (
        (bad, f"a label holds line breaks or control characters ({bad}); take them out"),
        (not label.strip(), "a label is blank; write its name"),
        (label != label.strip(), f"label '{label}' starts or ends with a blank; write '{label.strip()}'"),
        (not label.strip(AROUND), f"label '{label}' is nothing but marks, which answers are read without; use words"),
        (len(label) > 100, f"a label has at most 100 characters, got {len(label)}; move the rest to its definition"),
    )
    return next((message for wrong, message in checks if wrong), "")


def alike(labels: Iterable[str]) -> dict[int, str]:
    """A message for each label that differs from an earlier one only in case, blanks, Unicode form or the marks around
    it, by position: models put marks around a label, so answers are compared without them."""
    seen: dict[str, str] = {}
    found: dict[int, str] = {}
    for position, label in enumerate(labels):
        folded = " ".join(unicodedata.normalize("NFC", label.strip(AROUND)).casefold().split())
        if folded in seen:
            found[position] = (
                f"is the same label as '{seen[folded]}' but for case, blanks and marks around it; rename or drop one"
            )
        seen.setdefault(folded, label)
    return found


def one_of(file: str | None, table: str | None) -> list[Fault]:
    """A fault unless exactly one place is named where rows come from."""
    given = [source for source in (file, table) if source is not None]
    what = f"should have exactly one of file and table, got {len(given)}; write one of them"
    return [((), what)] if len(given) != 1 else []


def checked_categories(given: dict[str, str] | list[str]) -> dict[str, str]:
    """Label → definition, empty where only labels are given. Raises PydanticCustomError for labels alike or too few."""
    keys = list(given) if isinstance(given, dict) else range(len(given))
    faults: list[Fault] = [((keys[position],), message) for position, message in alike(given).items()]
    if len(given) < 2:
        faults.append(((), f"should have at least 2 categories, got {len(given)}; add one"))
    if faults:
        raise faulty(faults)
    return given if isinstance(given, dict) else dict.fromkeys(given, "")
