"""Answers on disk, in `answers.sqlite` of the engine's folder, for as long as somebody may still need them.

In a database of its own, because the statement that they belong to has a transaction open in DuckDB. Whatever is
written survives a kill -9; after a crash of the whole machine it may be gone, which costs the calls once more.
"""

import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from cortex_distill.errors import SetupError
from cortex_distill.local.providers import Answer

FILE = "answers.sqlite"  # not .db: those are DuckDB's, one for each database
KEPT_DAYS = 7
SOON = 0.01  # seconds; less than a real model takes for a call

_LOG = logging.getLogger(__name__)
# The order of the ids is the order of arrival: appending to a table costs half of what an index on the key would.
_SETUP = """
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = OFF;
CREATE TABLE IF NOT EXISTS answers (
    id INTEGER PRIMARY KEY, made INTEGER, key BLOB, draw INTEGER,
    text TEXT, prompt_tokens INTEGER, completion_tokens INTEGER, served_by TEXT);
CREATE TABLE IF NOT EXISTS draws (key BLOB PRIMARY KEY, made INTEGER, next INTEGER) WITHOUT ROWID;
"""
_INSERT = """INSERT INTO answers (made, key, draw, text, prompt_tokens, completion_tokens, served_by)
    VALUES (?, ?, ?, ?, ?, ?, ?)"""


class Asked(NamedTuple):
    """A call, by the hash of what is asked of whom, and the number of the draw."""

    key: bytes
    draw: int


Told = Callable[[Asked, int], None]  # that an answer is written, and under which number
Task = tuple[Asked, Answer, Told]


class AnswerStore:
    """Thread-safe. The file is made with the first answer."""

    def __init__(self, folder: Path) -> None:
        """Raises SetupError if there is a file that cannot be opened."""
        self._file = folder / FILE
        self._guard = threading.Lock()
        self._database: sqlite3.Connection | None = None
        self._broken = self._closed = False
        self._soon: deque[Task] = deque()
        self._waiting = threading.Event()
        self._writing = threading.Lock()
        self._writer: threading.Thread | None = None
        if self._file.exists():
            self._open_or_begin_anew()

    def all(self) -> list[tuple[Asked, int]]:
        """What is kept: the calls, and the numbers of their answers, oldest first."""
        if self._database is None:
            return []
        rows = self._database.execute("SELECT key, draw, id FROM answers ORDER BY id")
        return [(Asked(key, draw), number) for key, draw, number in rows]

    def keep(self, asked: Asked, answer: Answer, told: Told) -> None:
        """Write an answer down. `told` its number, unless it cannot be written: a full disk must fail no statement."""
        self._write([(asked, answer, told)])

    def keep_soon(self, asked: Asked, answer: Answer, told: Told) -> None:
        """Write it down some milliseconds later, together with what comes until then, while the caller goes on."""
        self._soon.append((asked, answer, told))
        if not self._waiting.is_set():
            self._waiting.set()
            if self._writer is None:
                self._start()

    def write_now(self) -> None:
        """Write what was to be written soon; when this returns it is written, whoever did it."""
        with self._writing:
            if tasks := [self._soon.popleft() for _ in range(len(self._soon))]:
                self._write(tasks)

    def read(self, number: int) -> Answer:
        """The answer of that number."""
        query = "SELECT text, prompt_tokens, completion_tokens, served_by FROM answers WHERE id = ?"
        with self._guard:
            return Answer(*self._opened().execute(query, (number,)).fetchone())

    def next_draw(self, key: bytes) -> int:
        """The first number that no draw of that call had, as far as `settle` was told."""
        with self._guard:
            if self._database is None:
                return 0
            found = self._database.execute("SELECT next FROM draws WHERE key = ?", (key,)).fetchone()
            return int(found[0]) if found else 0

    def settle(self, numbers: Iterable[int], draws: Mapping[bytes, int]) -> None:
        """Forget the answers of those numbers, and note the next draw of calls, both or neither."""
        now = int(time.time())
        with self._guard:
            try:
                with self._transaction() as database:
                    database.executemany("DELETE FROM answers WHERE id BETWEEN ? AND ?", _runs(numbers))
                    rows = ((key, now, number) for key, number in draws.items())
                    database.executemany("INSERT OR REPLACE INTO draws VALUES (?, ?, ?)", rows)
            except sqlite3.Error as error:
                _LOG.warning("answers that are no longer needed stay in %s: %s", self._file, error)

    def close(self) -> None:
        """Write what is left and close the file. Safe to repeat."""
        self.write_now()
        with self._guard:
            self._closed = True
            self._waiting.set()
            self._let_go()

    def _start(self) -> None:
        with self._guard:
            if self._writer is None:
                self._writer = threading.Thread(target=self._write_soon, name="answers", daemon=True)
                self._writer.start()

    def _write_soon(self) -> None:
        while not self._closed:
            self._waiting.wait()
            time.sleep(SOON)
            self._waiting.clear()
            self.write_now()

    def _write(self, tasks: Sequence[Task]) -> None:
        now = int(time.time())
        with self._guard:
            try:
                with self._transaction() if len(tasks) > 1 else nullcontext(self._opened()) as database:
                    numbers = [
                        database.execute(_INSERT, (now, *asked, *answer)).lastrowid for asked, answer, _ in tasks
                    ]
            except (sqlite3.Error, UnicodeEncodeError) as error:
                if not self._broken:
                    _LOG.warning("answers are not kept until their statement has succeeded: %s: %s", self._file, error)
                self._broken = True
                return
        for (asked, _, told), number in zip(tasks, numbers, strict=True):
            assert number is not None  # it is that of the row just written
            told(asked, number)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        database = self._opened()
        with database:  # commits, or rolls back
            database.execute("BEGIN")
            yield database

    def _let_go(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None

    def _opened(self) -> sqlite3.Connection:
        if self._closed:
            raise sqlite3.ProgrammingError("the engine has ended")
        if self._database is None:
            database = sqlite3.connect(self._file, isolation_level=None, check_same_thread=False)
            try:
                database.executescript(_SETUP)
            except sqlite3.Error:
                database.close()
                raise
            self._database = database
        return self._database

    def _open_or_begin_anew(self) -> None:
        """Drop what is too old. A file that a crash of the machine has spoiled is begun anew."""
        old = int(time.time()) - KEPT_DAYS * 86_400
        try:
            for table in ("answers", "draws"):
                self._opened().execute(f"DELETE FROM {table} WHERE made < ?", (old,))
        except sqlite3.OperationalError as error:
            raise SetupError(f"the local engine cannot open {self._file}: {error}") from error
        except sqlite3.DatabaseError as error:
            _LOG.warning("%s is spoiled and begun anew: %s", self._file, error)
            self._let_go()
            for file in (self._file, self._file.with_name(f"{FILE}-wal")):
                file.unlink(missing_ok=True)


def _runs(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Ranges that cover the numbers and nothing else: a statement's answers mostly stand together."""
    for _, pairs in groupby(enumerate(sorted(numbers)), lambda pair: pair[1] - pair[0]):
        run = [number for _, number in pairs]
        yield run[0], run[-1]
