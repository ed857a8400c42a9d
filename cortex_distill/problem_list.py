"""Gathers what is wrong with an experiment file, each with the line of the file or the word override."""

import re
from pathlib import Path

import yaml

from cortex_distill.errors import ConfigError

At = tuple[str | int, ...]  # the way to a value: keys and list positions, from the top of the file


class Problems:
    """Gathers problems; a place in the data is turned into the line of the file, or into `override`."""

    def __init__(self, shown: str, overridden: set[At]) -> None:
        self.shown, self.overridden = shown, overridden
        self.lines: dict[At, int] = {(): 1}
        self.texts: dict[At, yaml.ScalarNode] = {}
        self.found: set[tuple[str, int, str]] = set()

    def at(self, at: At, what: str, line: int | None = None) -> None:
        """Adds a problem of the value at a place, in the line of the nearest key that the file has, unless given."""
        key = ".".join(map(str, at))
        text = f"{key}: {what}" if key else what
        if line is None and any(at and (at[: len(o)] == o or o[: len(at)] == at) for o in self.overridden):
            self.found.add(("override", 0, text))
            return
        known = next(at[:n] for n in range(len(at), -1, -1) if at[:n] in self.lines)
        self.found.add((self.shown, line or self.lines[known], text))

    def elsewhere(self, path: Path, line: int, what: str) -> None:
        """Adds a problem of a file that the experiment names."""
        self.found.add((str(path), line, what))

    def in_template(self, at: At, line: int, what: str) -> None:
        """Adds a problem of a template: its own line in a block scalar; other styles fold, so they give their first."""
        node = self.texts.get(at)
        if node is None or any(at[: len(o)] == o for o in self.overridden):
            self.at(at, what)
        else:
            self.at(at, what, node.start_mark.line + 1 + (line if node.style == "|" else 0))

    def stop_if_any(self) -> None:
        """Raises ConfigError with one line per problem, sorted, overrides last; control characters become blanks."""
        if self.found:
            order = sorted(self.found, key=lambda found: (found[0] == "override", found))
            lines = [f"{path}:{line}: {text}" if line else f"{path}: {text}" for path, line, text in order]
            raise ConfigError(
                "\n".join(re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+", " ", t) for t in lines)
            )
