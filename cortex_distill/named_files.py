"""The files that an experiment names (examples, holdout, requests): found, summed for its hash, the examples read."""

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

from cortex_distill.problem_list import Problems
from cortex_distill.raw_data import get_in, labels_in
from cortex_distill.spelling import suggestion


class NamedFile(NamedTuple):
    """One of them, as it lay there."""

    path: Path
    content: bytes


class NamedFiles:
    """The files of one experiment; `sums` has the SHA-256 of each that was read, by the dotted key that names it."""

    def __init__(self, base: Path, found: Problems) -> None:
        self.base, self.found, self.sums = base, found, dict[str, str]()

    def add(self, data: dict[str, Any], *at: str, missing: str = "") -> None:
        """The sum of a file that later steps read, however large it is. `missing`: what to do if it is not there."""
        if (path := self._path(data, at, missing)) is None:
            return
        try:
            with path.open("rb") as file:
                self.sums[".".join(at)] = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            self.found.at(at, f"{path} cannot be read: {error}; mend its rights or the path")

    def read(self, data: dict[str, Any], *at: str) -> NamedFile | None:
        """The file that a key names; None if the key is missing or wrong, or its file is not there."""
        if (path := self._path(data, at)) is None:
            return None
        try:
            content = path.read_bytes()
        except OSError as error:
            self.found.at(at, f"{path} cannot be read: {error}; mend its rights or the path")
            return None
        self.sums[".".join(at)] = hashlib.sha256(content).hexdigest()
        return NamedFile(path, content)

    def there(self, data: dict[str, Any], *at: str) -> None:
        """Whether a file is there that has no part in the hash, since it changes no figure."""
        self._path(data, at)

    def _path(self, data: dict[str, Any], at: tuple[str, ...], missing: str = "") -> Path | None:
        name = get_in(data, *at)
        if not isinstance(name, str) or not name.strip() or Path(name).is_absolute():
            return None  # said by the config
        path = self.base / name
        try:
            if path.is_file():
                return path
            what = missing or "write a path that starts beside the experiment file"
            self.found.at(at, f"no such file: {path}; {what}")
        except (OSError, ValueError) as error:
            self.found.at(at, f"{path} cannot be read: {error}; mend its rights or the path")
        return None

    def examples(self, data: dict[str, Any]) -> dict[str, list[dict[str, str]]]:
        """The sound examples by category, {} if none are named; each wrong line becomes a problem."""
        read = self.read(data, "generate", "examples", "file")
        if read is None:
            return {}
        path, content = read
        examples: dict[str, list[dict[str, str]]] = {}
        for number, line in enumerate(content.split(b"\n"), start=1):
            row = self._row(path, number, line, labels_in(data)) if line.strip() else None
            if row:
                examples.setdefault(row["category"], []).append(row)
        if not content.strip():
            self.found.elsewhere(path, 1, "holds no example; write JSON lines with category, scenario, request")
        return examples

    def _row(self, path: Path, number: int, line: bytes, labels: list[str]) -> dict[str, str] | None:
        try:
            row = json.loads(line.decode("utf-8-sig"))
            json.dumps(row, ensure_ascii=False).encode("utf-8")
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            self.found.elsewhere(path, number, "is not a JSON object in UTF-8; write one object per line")
            return None
        wrong = [key for key in ("category", "scenario", "request") if not str(row.get(key) or "").strip()]
        wrong += [key for key in ("category", "scenario", "request") if not isinstance(row.get(key, ""), str)]
        for key in wrong:
            self.found.elsewhere(path, number, f"{key}: should be text that is not blank; write it")
        if not wrong and row["category"] not in labels:
            what = f"category: '{row['category']}' is not in the experiment file; {suggestion(row['category'], labels)}"
            self.found.elsewhere(path, number, what)
        return None if wrong else {key: row[key] for key in ("category", "scenario", "request")}
