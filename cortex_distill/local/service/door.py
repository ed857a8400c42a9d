"""How clients find the engine of a folder: `connections.toml`, which every Snowflake client reads, and a lock."""

import os
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import tomlkit
from filelock import FileLock

NAME = "local"  # of the connection in the file
DOOR, LOCK, LOG = "connections.toml", "engine.lock", "engine.log"
HOST, USER = "127.0.0.1", "local"
DATABASE, SCHEMA = "DISTILL", "PUBLIC"

_HEAD = """ Written by the local engine while it runs, and removed when it stops; the password is new each time.
 Any Snowflake client can use it: SNOWFLAKE_HOME={home}, connection name "{name}"."""


class Door(NamedTuple):
    """Where an engine listens, and the password that it wants."""

    port: int
    account: str
    token: str

    def parameters(self, database: str = DATABASE, schema: str = SCHEMA) -> dict[str, Any]:
        """Parameters of a connection, as Snowflake's connector takes them."""
        return {
            "host": HOST,
            "port": self.port,
            "protocol": "http",
            "account": self.account,
            "user": USER,
            "password": self.token,
            "database": database,
            "schema": schema,
            "platform_detection_timeout_seconds": 0.0,  # else the connector asks the cloud's metadata address
        }


def write(home: Path, door: Door) -> None:
    """Open the door: a file that only this user can read, complete from the moment it exists."""
    document = tomlkit.document()
    for line in _HEAD.format(home=home, name=NAME).splitlines():
        document.add(tomlkit.comment(line.strip()))
    document[NAME] = door.parameters()
    draft = home / f"{DOOR}.{os.getpid()}"
    draft.touch(mode=0o600)
    draft.write_text(tomlkit.dumps(document), "utf-8")
    draft.replace(home / DOOR)


def read(home: Path) -> Door | None:
    """The door of the folder's engine, which may be gone; None if there is no readable one."""
    try:
        found = tomllib.loads((home / DOOR).read_text("utf-8"))[NAME]
        return Door(int(found["port"]), str(found["account"]), str(found["password"]))
    except (FileNotFoundError, KeyError, tomllib.TOMLDecodeError):
        return None


def lock_of(home: Path) -> FileLock:
    """The lock that the engine of a folder holds as long as it lives. The system frees it, even after kill -9."""
    return FileLock(home / LOCK, mode=0o600, thread_local=False)
