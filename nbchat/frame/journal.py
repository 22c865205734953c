"""The journal of a batch: every answer in an SQLite file before it counts as done. Several processes may share it."""

from __future__ import annotations

import os
import socket
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from pydantic_core import from_json, to_json

from nbchat.frame.alive import CLAIM_S, alive
from nbchat.frame.journal_error import JournalError, told
from nbchat.frame.outcome import Outcome
from nbchat.values.errors import ConfigurationError
from nbchat.values.messages import AIMessage
from nbchat.values.reading import message_from_dict

if TYPE_CHECKING:
    import pandas as pd

DEFAULT = ".nbchat/batch.sqlite"
VERSION = 1
BUSY_S = 5.0
_TABLES = """
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY, prompt TEXT, message TEXT, error TEXT,
    cost_usd REAL, latency_s REAL, attempts INTEGER, saved REAL
);
CREATE TABLE IF NOT EXISTS claims (key TEXT PRIMARY KEY, owner TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS owners (owner TEXT PRIMARY KEY, host TEXT, pid INTEGER, seen REAL);
"""

_ABOUT = """
SELECT user_version, (SELECT count(*) FROM sqlite_master),
    (SELECT group_concat(name) FROM pragma_table_info('answers')) FROM pragma_user_version
"""
_NEWER = """
ON CONFLICT (key) DO UPDATE SET (prompt, message, error, cost_usd, latency_s, attempts, saved) = (
    excluded.prompt, excluded.message, excluded.error,
    excluded.cost_usd, excluded.latency_s, excluded.attempts, excluded.saved
) WHERE excluded.message IS NOT NULL OR answers.message IS NULL
"""  # an error never takes the place of an answer


class Journal:
    """Answers by the key of their whole request, in a file (WAL, one JSON text each, no API keys).

    An answer is committed, and forced to the disk, before its row counts as done. Errors are kept for reading; a row
    that failed is asked again by the next run. A run claims what it is about to ask, so that another on the same file
    waits for the answer instead of paying for it again; the claims of a process that has died are void.

    Args:
        path: the file, made where it is missing, with its folder; "" for a private one that goes with this object.

    Raises:
        JournalError: the file cannot be used; says why, and what to do.
    """

    def __init__(self, path: str | os.PathLike[str] = DEFAULT) -> None:
        if not isinstance(path, str | os.PathLike):
            raise ConfigurationError(f"journal= takes the path of a file, an open Journal, or None, not {path!r:.80}")
        self.path = Path(path).expanduser() if path != "" else None
        self._lock = threading.RLock()  # threads may share a journal, but not a transaction
        self.owner = uuid4().hex
        self._seen = 0.0
        with self._told():
            if self.path is not None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self.path or "", timeout=BUSY_S, isolation_level=None, check_same_thread=False)
            self._check_version()
            self._write_ahead()
            self._db.execute("PRAGMA synchronous = FULL")  # a commit outlives a power cut
            with self._transaction() as db:  # also a trial whether it can be written
                for statement in _TABLES.split(";"):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {VERSION}")

    def _write_ahead(self) -> None:
        """Turn WAL on. While others open a new file as well, SQLite refuses that without waiting."""
        deadline = time.monotonic() + BUSY_S
        while True:
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def _check_version(self) -> None:
        """Raises JournalError where the file is somebody else's, or of another time; it is left as it is then."""
        version, tables, columns = self._db.execute(_ABOUT).fetchone()  # at one moment: another may be making it
        if version not in (0, VERSION):
            raise JournalError(
                f"the journal {self.path} is of version {version}, and this nbchat writes version {VERSION}: "
                "give another file, journal='…', or update nbchat"
            )
        if tables and (version == 0 or "cost_usd" not in (columns or "")):
            kind = "a cache of answers" if columns == "key,message,saved" else "a database"
            raise JournalError(f"{self.path} is {kind}, and no journal of nbchat's: give another file, journal='…'")

    def take(self, keys: Sequence[str]) -> tuple[dict[str, Outcome], set[str]]:
        """The answers that are there, by key, and what another living process has claimed; the rest is ours to ask."""
        found = self.answered(keys)
        missing = [key for key in keys if key not in found]
        if not missing:
            return found, set()
        others = self.claim(missing)
        found |= self.answered(missing)  # what another process committed before we could claim it
        return found, others - found.keys()

    def answered(self, keys: Sequence[str]) -> dict[str, Outcome]:
        """The answers that are there, by key; errors are not among them."""
        found: dict[str, Outcome] = {}
        with self._told():
            for row in self._rows("key, message, cost_usd, latency_s, attempts", keys):
                message = _message(row[1])
                if message is not None:
                    found[row[0]] = Outcome(message, None, *row[2:])
        return found

    def claim(self, keys: Sequence[str]) -> set[str]:
        """Claim what is about to be asked; returns those keys that another living process has claimed."""
        with self._told(), self._transaction() as db:
            self._sign()
            places = ",".join("?" * len(keys))
            claimed = db.execute(
                "SELECT key, claims.owner, host, pid, seen FROM claims "
                f"LEFT JOIN owners ON owners.owner = claims.owner WHERE key IN ({places})",
                list(keys),
            ).fetchall()
            others = {key for key, owner, *process in claimed if owner != self.owner and alive(*process)}
            mine = [(key, self.owner) for key in keys if key not in others]
            db.executemany("INSERT OR REPLACE INTO claims VALUES (?, ?)", mine)
        return others

    def put(self, outcomes: Iterable[tuple[str, str, Outcome]]) -> None:
        """Commit (key, prompt, outcome) of what has come."""
        if self.path is not None and not self.path.exists():
            raise JournalError(f"the journal {self.path} has been deleted; run the cell again: it begins a new one")
        now = time.time()
        rows = [
            (key, prompt, _text(o.message), o.error, o.cost_usd, o.latency_s, o.attempts, now)
            for key, prompt, o in outcomes
        ]
        with self._told(), self._transaction() as db:
            db.executemany(
                f"INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?) {_NEWER}",
                rows,
            )
            db.executemany("DELETE FROM claims WHERE key = ? AND owner = ?", [(row[0], self.owner) for row in rows])
            self._sign()

    def take_in(self, path: str | os.PathLike[str]) -> None:
        """Commit what another journal's file has beyond this one."""
        Journal(path).close()  # a journal indeed, and of this version
        with self._told():
            self._db.execute("ATTACH ? AS other", (str(path),))
            try:
                with self._transaction() as db:
                    db.execute(f"INSERT INTO answers SELECT * FROM other.answers WHERE true {_NEWER}")
            finally:
                self._db.execute("DETACH other")

    def sign(self) -> None:
        """Show other processes, now and then, that this one is alive."""
        if time.time() - self._seen > CLAIM_S / 6:
            with self._told(), self._transaction():
                self._sign()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction on the file, for what else is kept there."""
        with self._told(), self._transaction() as db:
            yield db

    def frame(self) -> pd.DataFrame:
        """All that is in the journal, oldest first: its prompt, and the columns of `batch_frame`."""
        import pandas as pd

        from nbchat.frame.columns import Columns

        query = "SELECT key, prompt, saved, message, error, cost_usd, latency_s, attempts FROM answers ORDER BY saved"
        with self._told():
            rows = self._db.execute(query).fetchall()
        columns = Columns(len(rows))
        for place, (_, _, _, message, *rest) in enumerate(rows):
            columns.put(place, Outcome(_message(message), *rest))
        out = columns.frame()
        out.insert(0, "prompt", [row[1] for row in rows])
        out["saved"] = pd.to_datetime([row[2] for row in rows], unit="s", utc=True)
        out.index = pd.Index([row[0] for row in rows], name="key")
        return out

    def release(self, keys: Sequence[str]) -> None:
        """Give back what was claimed and will not be asked, where the file lets us; else the claims run out."""
        with suppress(sqlite3.Error), self._transaction() as db:
            db.executemany("DELETE FROM claims WHERE key = ? AND owner = ?", [(key, self.owner) for key in keys])

    def close(self) -> None:
        """Give back all that was claimed, and close the file."""
        with suppress(sqlite3.Error), self._transaction() as db:
            db.execute("DELETE FROM claims WHERE owner = ?", (self.owner,))
            db.execute("DELETE FROM owners WHERE owner = ?", (self.owner,))
        with suppress(sqlite3.Error):
            self._db.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _sign(self) -> None:
        self._seen = time.time()
        self._db.execute(
            "INSERT OR REPLACE INTO owners VALUES (?, ?, ?, ?)",
            (self.owner, socket.gethostname(), os.getpid(), self._seen),
        )

    def _rows(self, columns: str, keys: Sequence[str]) -> Iterator[Any]:
        places = ",".join("?" * len(keys))
        yield from self._db.execute(
            f"SELECT {columns} FROM answers WHERE message IS NOT NULL AND key IN ({places})", list(keys)
        )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _told(self) -> AbstractContextManager[None]:
        return told(str(self.path or "(private)"))

    def __repr__(self) -> str:
        return f"Journal({str(self.path or '')!r})"


def _text(message: AIMessage | None) -> str | None:
    return None if message is None else to_json(message.to_dict(), fallback=str).decode()


def _message(text: str | None) -> AIMessage | None:
    """An answer as it was; None where there is none, or none that can be read: it is asked again then."""
    try:
        message = message_from_dict(from_json(text or "null"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return message if isinstance(message, AIMessage) else None


def opened(given: Journal | str | os.PathLike[str] | None) -> Journal:
    """The journal of a `journal=` argument: an open one, a path, or None for a private one."""
    return given if isinstance(given, Journal) else Journal("" if given is None else given)
