"""The files of a job's folder that every trainer has, and how they are written."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

JOB = "job.json"
CHECKPOINT = "checkpoint"
ERRORS = "errors.txt"
LOCK = "train.lock"
RESULT = "training.json"


@contextmanager
def replacing(target: Path) -> Iterator[IO[bytes]]:
    """A file to write to, which takes the place of `target` once it is whole: a killed process leaves no half.

    After a power failure it may be cut or empty, since nothing waits for the disk: readers must notice.
    """
    part = part_of(target)
    with part.open("wb") as file:
        yield file
    part.replace(target)


def part_of(target: Path) -> Path:
    """Where a file is written before it is whole."""
    return target.with_name(f"{target.name}.part")


def clear(folder: Path) -> None:
    """Remove what only a training under way needs."""
    for name in (JOB, CHECKPOINT, ERRORS, LOCK):
        (folder / name).unlink(missing_ok=True)
        part_of(folder / name).unlink(missing_ok=True)
