"""PUT and GET: what the connector is told, which then copies the files itself, from and to the engine's folder.

So a client over loopback must run on the same machine as the same user. Source: docs: sql-reference/sql/put, …/get
"""

import glob
import re
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any

from cortex_distill.local.faults import Refused, unsupported
from cortex_distill.local.session.connection import LocalConnection
from cortex_distill.local.stages import stages
from cortex_distill.local.stages.clauses import matching, reference
from cortex_distill.local.stages.wording import Wording, bound, text_of

Reply = dict[str, Any]
_TRANSFER = re.compile(r"(\s|--[^\n]*\n|/\*.*?\*/)*(put|get)\s", re.IGNORECASE | re.DOTALL)
_PUT = ("PARALLEL", "AUTO_COMPRESS", "SOURCE_COMPRESSION", "OVERWRITE")
_PACKED = (".gz", ".bz2", ".br", ".zst", ".deflate", ".parquet", ".orc", ".avro")
_COLUMNS = "source target source_size target_size source_compression target_compression status message"


def is_transfer(sql: str) -> bool:
    """Whether it is a PUT or GET."""
    return _TRANSFER.match(sql) is not None


def of_text(session: LocalConnection, sql: str, values: Sequence[object]) -> Reply:
    """The `data` of the reply to a PUT or GET."""
    words = Wording(bound(sql, values))
    return _put(session, words) if words.next().text.upper() == "PUT" else _get(session, words)


def _put(session: LocalConnection, words: Wording) -> Reply:
    source = _local(words)
    place = session.stages.place(reference(words), session.database, session.schema)
    options = words.options()
    words.end()
    if wrong := [name for name in options if name not in _PUT]:
        raise unsupported(f"{wrong[0]} of PUT")
    compress, overwrite = options.get("AUTO_COMPRESS", True), options.get("OVERWRITE", False)
    if not isinstance(compress, bool) or not isinstance(overwrite, bool):
        raise Refused("Invalid value specified for property 'AUTO_COMPRESS' or 'OVERWRITE'", 1481, "42601")
    folder = place.folder / place.path
    if not overwrite:
        there = _there(source, folder, compress=compress)
        if there is not None:
            return there
    folder.mkdir(parents=True, exist_ok=True)
    return {
        "command": "UPLOAD",
        "stageInfo": {"locationType": "LOCAL_FS", "location": str(folder), "creds": {}},
        "src_locations": [source],
        "parallel": 4,
        "autoCompress": compress,
        "sourceCompression": str(options.get("SOURCE_COMPRESSION", "auto_detect")).lower(),
        # The connector looks for a file to spare in the client's working folder; what is there was looked up above.
        "overwrite": True,
    }


def _there(source: str, folder: Path, *, compress: bool) -> Reply | None:
    """The reply if all files are staged already, which are then left alone; None if none is."""
    paths = sorted(glob.glob(source)) or [source]  # noqa: PTH207  the path is absolute and the client's own
    targets = [_target(path, compress=compress) for path in paths]
    known = [(folder / target).is_file() for target in targets]
    if not any(known):
        return None
    if not all(known):
        raise unsupported("PUT of several files of which some are staged already; add OVERWRITE = TRUE")
    rows = [
        [PurePath(path).name, target, _size(Path(path)), "0", "NONE", "GZIP" if compress else "NONE", "SKIPPED", ""]
        for path, target in zip(paths, targets, strict=True)
    ]
    kinds = {name: "fixed" if name.endswith("size") else "text" for name in _COLUMNS.split()}
    described = [
        {"name": name, "type": kind, "nullable": True, "length": None, "precision": 38, "scale": 0, "byteLength": None}
        for name, kind in kinds.items()
    ]
    return {"rowtype": described, "rowset": rows, "total": len(rows), "returned": len(rows)}


def _size(file: Path) -> str:
    return str(file.stat().st_size) if file.is_file() else "0"  # a stream has no file


def _target(path: str, *, compress: bool) -> str:
    name = PurePath(path).name
    return name + ".gz" if compress and not name.endswith(_PACKED) else name


def _get(session: LocalConnection, words: Wording) -> Reply:
    place = session.stages.place(reference(words), session.database, session.schema)
    folder = _local(words)
    options = words.options()
    words.end()
    if wrong := [name for name in options if name not in ("PARALLEL", "PATTERN")]:
        raise unsupported(f"{wrong[0]} of GET")
    return {
        "command": "DOWNLOAD",
        "stageInfo": {"locationType": "LOCAL_FS", "location": str(place.folder), "creds": {}},
        "src_locations": matching(stages.files(place), options.get("PATTERN")),
        "localLocation": folder,
        "parallel": 4,
        "encryptionMaterial": [],
    }


def _local(words: Wording) -> str:
    """The path of file://… in quotes or not."""
    word = words.next()
    text = text_of(word.text) if word.kind == "text" else word.text
    if not text.lower().startswith("file://"):
        words.at -= 1
        raise words.error()
    return str(Path(text[len("file://") :]).expanduser())
