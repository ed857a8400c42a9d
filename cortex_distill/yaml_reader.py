"""Reads the YAML of an experiment file as plain data, and refuses what PyYAML would pass over.

In:   a path, and the list that gathers problems
Out:  a mapping; the list knows the line of every key, and the node of every text
"""

import re
from pathlib import Path
from typing import Any

import yaml

from cortex_distill.errors import ConfigError
from cortex_distill.problem_list import At, Problems
from cortex_distill.spelling import suggestion
from cortex_distill.wording import quote_hint, shown_value

_LARGEST_FILE = 1_000_000  # bytes; an experiment is a page or two
_MOST_VALUES = 20_000  # after aliases are written out, so that a small file cannot fill the memory
_PLAIN = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null", "map", "seq", "timestamp")}


class _Reader:
    """YAML nodes to plain data. PyYAML alone would let the last of two equal keys win and build objects from tags."""

    def __init__(self, problems: Problems) -> None:
        self.problems, self.count = problems, 0

    def value(self, node: yaml.Node, at: At, above: tuple[yaml.Node, ...] = ()) -> Any:
        self.count += 1
        line = node.start_mark.line + 1
        if node in above or self.count > _MOST_VALUES:
            self.problems.at(at, "an alias makes the file endless or huge; write the values out", line)
            self.problems.stop_if_any()
        if node.tag not in _PLAIN:
            tag = node.tag.replace("tag:yaml.org,2002:", "!!")
            self.problems.at(at, f"tag {tag} is not allowed in plain data; drop the tag, or quote the text", line)
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, at, (*above, node))
        if isinstance(node, yaml.SequenceNode):
            return [self.item(child, (*at, index), (*above, node)) for index, child in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode):
            self.problems.texts[at] = node
        return self.scalar(node, at)

    def item(self, node: yaml.Node, at: At, above: tuple[yaml.Node, ...]) -> Any:
        self.problems.lines[at] = node.start_mark.line + 1
        return self.value(node, at, above)

    def scalar(self, node: yaml.Node, at: At) -> Any:
        if node.tag not in _PLAIN:
            return node.value
        try:
            value = yaml.constructor.SafeConstructor().construct_object(node)
            if type(value) in (int, float) and re.match(r"[-+]?0\d|[^.]*:", node.value):
                read = f"YAML reads {node.value} as {value}; write {value}, or quote a text"
                self.problems.at(at, read, node.start_mark.line + 1)
            return value
        except (ValueError, OverflowError, yaml.YAMLError):
            self.problems.at(at, f"{node.value[:60]!r} is neither number nor date; quote it", node.start_mark.line + 1)
            return node.value

    def mapping(self, node: yaml.MappingNode, at: At, above: tuple[yaml.Node, ...]) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = self.key(key_node, at, line)
            if key is None:
                continue
            here = (*at, key)
            if key in data:
                first = self.problems.lines[here]
                self.problems.at(here, f"is given twice, in lines {first} and {line}; drop one", line)
                continue
            self.problems.lines[here] = line
            data[key] = self.value(value_node, here, above)
        return data

    def key(self, node: yaml.Node, at: At, line: int) -> str | None:
        if not isinstance(node, yaml.ScalarNode) or node.tag == "tag:yaml.org,2002:merge":
            self.problems.at(at, "a key should be text, not a merge (<<), list or mapping; write each key out", line)
            return None
        key = self.scalar(node, at)
        if not isinstance(key, str):
            self.problems.at(
                (*at, node.value), f"a key should be text, got {shown_value(key)}; {quote_hint(key)}", line
            )
        return str(node.value)


def _text(path: Path, shown: str) -> str:
    try:
        content = path.read_bytes()
        text = content.decode("utf-8")
    except FileNotFoundError as error:
        near = suggestion(path.name, [beside.name for beside in path.parent.glob("*.y*ml")])
        raise ConfigError(f"{shown}: no such file; {near}") from error
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigError(f"{shown}:{line}: is not UTF-8 text; save the file as UTF-8") from error
    except (OSError, ValueError) as error:
        raise ConfigError(f"{shown!r}: cannot be read: {error}; give the path of an experiment file") from error
    if len(content) > _LARGEST_FILE:
        raise ConfigError(f"{shown}: has {len(content)} bytes; an experiment file has at most {_LARGEST_FILE}")
    return text


def read_yaml(path: Path, found: Problems) -> dict[str, Any]:
    """The file as plain data. Raises ConfigError if there is none to speak of."""
    text, shown = _text(path, found.shown), found.shown
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = _Reader(found).value(node, ()) if node else None
    except yaml.reader.ReaderError as error:
        line, mark = text[: error.position].count("\n") + 1, f"U+{int(error.character):04X}"
        raise ConfigError(f"{shown}:{line}: holds the character {mark}, not allowed in YAML; take it out") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        what = f"is not YAML: {error.problem}; check indentation (blanks only), quotes and colons"
        raise ConfigError(f"{shown}:{line}: {what}") from error
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        raise ConfigError(f"{shown}: is not YAML: {error}; check escapes, and nest no deeper than needed") from error
    if data is None:
        raise ConfigError(f"{shown}:1: is empty; write name, categories, models, generate, judge, split, prompts")
    if not isinstance(data, dict):
        raise ConfigError(f"{shown}:1: should be a mapping of keys, got {shown_value(data)}; start with name: …")
    return data
