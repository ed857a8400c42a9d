"""CREATE, DROP, DESCRIBE and SHOW of stages and file formats; LIST and REMOVE; the file format that a clause means."""

import hashlib
import json
from email.utils import formatdate
from typing import Any

from cortex_distill.local.duck import literal
from cortex_distill.local.faults import Refused, unsupported
from cortex_distill.local.session.connection import ROLE, LocalConnection
from cortex_distill.local.stages import stages
from cortex_distill.local.stages.clauses import format_of, full_name, matching, reference, rows_query
from cortex_distill.local.stages.file_formats import complete
from cortex_distill.local.stages.wording import Wording

_STAGE_OPTIONS = ("URL", "FILE_FORMAT", "COMMENT", "ENCRYPTION", "DIRECTORY", "COPY_OPTIONS")
_NO_ADDRESS = (
    "not supported by the local engine: an external stage, because it connects to no address."
    " Create the stage without URL and PUT the files into it"
)


def of_text(session: LocalConnection, sql: str) -> str | None:
    """DuckDB text that answers such a statement, which has then been done; None if the statement is another."""
    words = Wording(sql)
    if words.take("CREATE"):
        return _create(session, words)
    if words.take("DROP"):
        return _drop(session, words)
    if words.take("DESC") or words.take("DESCRIBE"):
        return _describe(session, words)
    if words.take("LIST") or words.take("LS"):
        return _list(session, words)
    if words.take("REMOVE") or words.take("RM"):
        return _remove(session, words)
    return None


def _kind(words: Wording) -> str | None:
    if words.take("STAGE"):
        return "stage"
    return "format" if words.take("FILE", "FORMAT") else None


def _create(session: LocalConnection, words: Wording) -> str | None:
    replace = words.take("OR", "REPLACE")
    scoped = words.take("SCOPED")
    temporary = words.take("TEMPORARY") or words.take("TEMP") or scoped
    kind = _kind(words)
    if kind is None:
        return None
    lenient = words.take("IF", "NOT", "EXISTS")
    name = full_name(session, words.name())
    options: dict[str, Any] = words.options()
    words.end()
    if session.stages.settings(kind, name) is not None and not replace:
        if lenient:
            return _status(f"{name[2]} already exists, statement succeeded.")
        raise Refused(f"SQL compilation error:\nObject '{'.'.join(name)}' already exists.", 2002, "42710")
    if kind == "format":
        complete(options)
        options = {"options": options, "COMMENT": options.pop("COMMENT", "")}
    else:
        _check_stage(session, options)
    session.stages.create(kind, name, options, temporary=temporary)
    what = "Stage area" if kind == "stage" else "File format"
    return _status(f"{what} {name[2]} successfully created.")


def _check_stage(session: LocalConnection, options: dict[str, Any]) -> None:
    if "URL" in options or "STORAGE_INTEGRATION" in options:
        raise Refused(_NO_ADDRESS, 2, "0A000")
    if wrong := [name for name in options if name not in _STAGE_OPTIONS]:
        raise unsupported(f"CREATE STAGE option {wrong[0]}")
    if "COPY_OPTIONS" in options:
        raise unsupported("COPY_OPTIONS of a stage; give them to COPY INTO")
    if options.get("FILE_FORMAT") is not None:
        format_of(session, options["FILE_FORMAT"])


def _drop(session: LocalConnection, words: Wording) -> str | None:
    kind = _kind(words)
    if kind is None:
        return None
    lenient = words.take("IF", "EXISTS")
    name = full_name(session, words.name())
    words.end()
    if session.stages.settings(kind, name) is not None:
        session.stages.drop(kind, name)
        return _status(f"{name[2]} successfully dropped.")
    if lenient:
        return _status("Drop statement executed successfully.")
    raise stages.missing(kind, name)


def _describe(session: LocalConnection, words: Wording) -> str | None:
    kind = _kind(words)
    if kind is None:
        return None
    name = full_name(session, words.name())
    words.end()
    settings = session.stages.settings(kind, name)
    if settings is None:
        raise stages.missing(kind, name)
    clause = settings.get("FILE_FORMAT") if kind == "stage" else settings["options"]
    given = format_of(session, clause)
    plain = complete({"TYPE": given["TYPE"]})
    columns = dict.fromkeys(("property", "property_type", "property_value", "property_default"), "VARCHAR")
    rows = [(key, _type_of(plain[key]), _shown(value), _shown(plain[key])) for key, value in given.items()]
    if kind == "stage":
        columns = {"parent_property": "VARCHAR", **columns}
        return rows_query(columns, [("STAGE_FILE_FORMAT", *row) for row in rows])
    return rows_query(columns, rows)


def _type_of(value: Any) -> str:
    if isinstance(value, bool):
        return "Boolean"
    if isinstance(value, list):
        return "List"
    return "Integer" if str(value).isdigit() else "String"


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(value)}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def show(session: LocalConnection, kind: str) -> str:
    """A DuckDB query of all stages or file formats, with the columns that SHOW has."""
    rows: list[list[object]] = []
    for database, schema, name, settings in session.stages.all_of(kind):
        head = [settings["created_on"], name, database, schema]
        if kind == "format":
            options = settings["options"]
            kept = json.dumps({key: value for key, value in complete(options).items() if key != "COMMENT"})
            rows.append([*head, complete(options)["TYPE"], ROLE, settings.get("COMMENT", ""), kept, "ROLE"])
        else:
            what = "INTERNAL TEMPORARY" if settings["temporary"] else "INTERNAL"
            comment = settings.get("COMMENT", "")
            rows.append([*head, "", "N", "N", ROLE, comment, None, what, None, None, None, None, "ROLE", "N"])
    head_columns = {"created_on": "TIMESTAMPTZ", **dict.fromkeys(("name", "database_name", "schema_name"), "VARCHAR")}
    names = {
        "format": "type owner comment format_options owner_role_type",
        "stage": "url has_credentials has_encryption_key owner comment region type cloud notification_channel"
        " storage_integration endpoint owner_role_type directory_enabled",
    }
    return rows_query({**head_columns, **dict.fromkeys(names[kind].split(), "VARCHAR")}, rows)


def _list(session: LocalConnection, words: Wording) -> str:
    place, names = _chosen(session, words)
    rows = []
    for name in names:
        file = place.folder / name
        digest = hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()
        rows.append([place.shown + name, file.stat().st_size, digest, formatdate(file.stat().st_mtime, usegmt=True)])
    return rows_query({"name": "VARCHAR", "size": "BIGINT", "md5": "VARCHAR", "last_modified": "VARCHAR"}, rows)


def _remove(session: LocalConnection, words: Wording) -> str:
    place, names = _chosen(session, words)
    for name in names:
        (place.folder / name).unlink()
    return rows_query({"name": "VARCHAR", "result": "VARCHAR"}, [[place.shown + name, "removed"] for name in names])


def _chosen(session: LocalConnection, words: Wording) -> tuple[stages.Place, list[str]]:
    place = session.stages.place(reference(words), session.database, session.schema)
    options = words.options()
    words.end()
    if wrong := [name for name in options if name != "PATTERN"]:
        raise unsupported(f"{wrong[0]} of LIST or REMOVE")
    return place, matching(stages.files(place), options.get("PATTERN"))


def _status(message: str) -> str:
    return f'SELECT {literal(message)} AS "status"'
