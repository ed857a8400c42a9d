"""Stages and file formats of an engine: folders and small files under its home. Temporary ones belong to a session.

`<home>/stages/named/<database>/<schema>/<stage>/` holds files, `….stage` and `….format` beside it what was declared.
"""

import datetime
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from cortex_distill.local.faults import Refused
from cortex_distill.local.stages.wording import parts_of

Settings = dict[str, Any]
KINDS = {"stage": "Stage", "format": "File format"}


class Place(NamedTuple):
    """A stage and a path in it, as a statement names them."""

    folder: Path
    path: str
    shown: str
    """What file names begin with in the answers of LIST and COPY."""
    owner: tuple[str, str, str] | None
    """The table whose stage it is."""


class Stages:
    """What one session sees. `session` is its number."""

    def __init__(self, home: Path, session: int) -> None:
        self._root = home / "stages"
        self._lasting = home / "stages" / "named"
        self._own = home / "stages" / f"session-{session}"
        self._user = home / "stages" / "user"

    def create(self, kind: str, name: tuple[str, str, str], settings: Settings, *, temporary: bool) -> None:
        """Declare a stage or a file format; one that is there is replaced, and a stage then starts empty."""
        if self.settings(kind, name) is not None:
            self.drop(kind, name)
        base = self._base(name, self._own if temporary else self._lasting)
        base.parent.mkdir(parents=True, exist_ok=True)
        created = datetime.datetime.now(datetime.UTC).isoformat()
        _beside(base, kind).write_text(json.dumps({**settings, "created_on": created, "temporary": temporary}))

    def settings(self, kind: str, name: tuple[str, str, str]) -> Settings | None:
        """What was declared; None if there is none of the name. A temporary one shadows a lasting one."""
        file = _beside(self._found(kind, name), kind)
        found: Settings | None = json.loads(file.read_text()) if file.is_file() else None
        return found

    def drop(self, kind: str, name: tuple[str, str, str]) -> None:
        """Remove it, a stage with its files."""
        base = self._found(kind, name)
        _beside(base, kind).unlink()
        if kind == "stage":
            shutil.rmtree(base, ignore_errors=True)

    def drop_all_of(self, database: str, schema: str | None) -> None:
        """Remove what a dropped database or schema held."""
        for root in (self._lasting, self._own):
            folder = root / _coded(database)
            shutil.rmtree(folder / _coded(schema) if schema else folder, ignore_errors=True)

    def drop_table(self, name: tuple[str, str, str]) -> None:
        """Remove the files on the stage of a dropped table."""
        shutil.rmtree(self._table_folder(name), ignore_errors=True)

    def rename_table(self, old: tuple[str, str, str], new: tuple[str, str, str]) -> None:
        """Let the files on the stage of a table stay the table's under its new name."""
        self.drop_table(new)
        if self._table_folder(old).is_dir():
            self._table_folder(old).rename(self._table_folder(new))

    def all_of(self, kind: str) -> Iterator[tuple[str, str, str, Settings]]:
        """(database, schema, name, settings) of every one, temporary ones of this session included."""
        for root in (self._lasting, self._own):
            for file in sorted(root.glob(f"*/*/*.{kind}")):
                database, schema = (unquote(part) for part in file.parts[-3:-1])
                yield database, schema, unquote(file.stem), json.loads(file.read_text())

    def place(self, reference: str, database: str | None, schema: str | None) -> Place:
        """The place that `@stage/path` names. Raises Refused (2003) if there is no such stage."""
        name, _, path = _split(reference.removeprefix("@"))
        check_path(path)
        if name == "~":
            return Place(self._user, path, "", None)
        parts = full_name(parts_of(name), database, schema)
        if parts[2].startswith("%"):
            table = (*parts[:2], parts[2][1:])
            return Place(self._table_folder(table), path, "", table)
        if self.settings("stage", parts) is None:
            raise missing("stage", parts)
        return Place(self._found("stage", parts), path, parts[2].lower() + "/", None)

    def key(self, file: Path) -> str:
        """A staged file's name among all files of all stages."""
        return file.relative_to(self._root).as_posix()

    def end(self) -> None:
        """Forget what is temporary."""
        shutil.rmtree(self._own, ignore_errors=True)

    def _found(self, kind: str, name: tuple[str, str, str]) -> Path:
        own = self._base(name, self._own)
        return own if _beside(own, kind).is_file() else self._base(name, self._lasting)

    def _base(self, name: tuple[str, str, str], root: Path) -> Path:
        return root.joinpath(*map(_coded, name))

    def _table_folder(self, name: tuple[str, str, str]) -> Path:
        return self._base(name, self._lasting).with_name("of-table " + _coded(name[2]))


def forget_sessions(home: Path) -> None:
    """Remove what sessions of a killed process left behind."""
    for folder in (home / "stages").glob("session-*"):
        shutil.rmtree(folder, ignore_errors=True)


def full_name(parts: tuple[str, ...], database: str | None, schema: str | None) -> tuple[str, str, str]:
    """With the current database and schema where a name has none. Raises Refused where it has too many parts."""
    if not 1 <= len(parts) <= 3 or not all(parts):
        raise Refused(f"SQL compilation error:\ninvalid name '{'.'.join(parts)}'", 1003, "42000")
    whole = (database or "", schema or "")[: 3 - len(parts)] + parts
    if not all(whole):
        raise Refused("This session does not have a current schema. Call 'USE SCHEMA', or use a qualified name.", 90106)
    return whole[0], whole[1], whole[2]


def missing(kind: str, name: tuple[str, ...]) -> Refused:
    """As Snowflake says that there is none."""
    return Refused(
        f"SQL compilation error:\n{KINDS[kind]} '{'.'.join(name)}' does not exist or not authorized.", 2003, "02000"
    )


def check_path(path: str) -> None:
    """Raises Refused for a path that would leave the stage."""
    if ".." in path.split("/") or path.startswith("/") or "\\" in path or "\0" in path:
        raise Refused(f"not supported by the local engine: the path {path!r} on a stage", 2, "0A000")


def files(place: Place) -> list[str]:
    """The names of the staged files that begin with the place's path, in order."""
    found = (file for file in place.folder.rglob("*") if file.is_file() and not file.is_symlink())
    names = (file.relative_to(place.folder).as_posix() for file in found)
    return sorted(name for name in names if name.startswith(place.path))


def _split(reference: str) -> tuple[str, str, str]:
    quoted = False
    for at, sign in enumerate(reference):
        quoted ^= sign == '"'
        if sign == "/" and not quoted:
            return reference[:at], "/", reference[at + 1 :]
    return reference, "", ""


def _coded(name: str) -> str:
    return quote(name, safe="").replace(".", "%2E").replace("~", "%7E")


def _beside(base: Path, kind: str) -> Path:
    return base.with_name(f"{base.name}.{kind}")
