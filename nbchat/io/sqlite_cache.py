"""A cache of answers in an SQLite file: it outlives the process, and several processes may share it."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import threading
import time
import warnings
from pathlib import Path
from typing import Any, TypeVar

from nbchat.values.errors import ConfigurationError
from nbchat.values.messages import AIMessage
from nbchat.values.reading import message_from_dict

VERSION = 1
BUSY_S = 5.0
_SIDES = ("", "-wal", "-shm")  # the file and what WAL keeps beside it

_OF_A_JOURNAL = "SELECT 1 FROM pragma_table_info('answers') WHERE name = 'cost_usd'"

T = TypeVar("T")


class SQLiteCache:
    """Answers by request, in a file. Where it cannot be used, a warning says so, and models are asked without a cache.

        set_llm_cache(SQLiteCache("answers.sqlite"))

    A file that is corrupt or of another version is set aside under another name, never emptied.

    Args:
        database_path: the file (WAL, JSON); made where it is missing, with its folder.

    Raises:
        ConfigurationError: by each method, where the file is the journal of a batch.
    """

    def __init__(self, database_path: str | os.PathLike[str] = ".nbchat/cache.sqlite") -> None:
        self.path = Path(database_path).expanduser()
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._pid = 0
        self._busy_s = BUSY_S
        self._warned = False

    def lookup(self, key: str) -> AIMessage | None:
        """The answer kept under this key."""
        row = self._do(lambda db: db.execute("SELECT message FROM answers WHERE key = ?", (key,)).fetchone())
        if row is None:
            return None
        try:
            message = message_from_dict(json.loads(row[0]))
        except (ValueError, KeyError, TypeError, AttributeError):
            return None  # a row that cannot be read is asked again, and written anew
        return message if isinstance(message, AIMessage) else None

    def update(self, key: str, message: AIMessage) -> None:
        """Keep this answer."""
        text = json.dumps(message.to_dict(), ensure_ascii=False, default=str)
        row = (key, text, time.time())
        insert = "INSERT OR REPLACE INTO answers (key, message, saved) VALUES (?, ?, ?)"
        self._do(lambda db: db.execute(insert, row), writes=True)

    def clear(self) -> None:
        """Forget all answers."""
        self._do(lambda db: db.execute("DELETE FROM answers"))

    async def alookup(self, key: str) -> AIMessage | None:
        """`lookup` on another thread: a file may be locked for a while."""
        return await asyncio.to_thread(self.lookup, key)

    async def aupdate(self, key: str, message: AIMessage) -> None:
        """`update` on another thread: a file may be locked for a while."""
        await asyncio.to_thread(self.update, key, message)

    def close(self) -> None:
        """Close the file; it is opened again when it is needed."""
        with self._lock:
            if self._connection is not None and self._pid == os.getpid():
                self._connection.close()
            self._connection = None

    def _do(self, work: Any, writes: bool = False) -> Any:
        with self._lock:
            for attempt in range(2):
                try:
                    done = work(self._open())
                    if writes:
                        self._wait(BUSY_S)
                    return done
                except sqlite3.OperationalError as error:  # locked, read-only, full, no such folder
                    self._wait(0.0)
                    self._warn(f"{error}; answers are not cached for now")
                    return None
                except sqlite3.DatabaseError as error:
                    self._set_aside(str(error))
                    if attempt:
                        return None
        return None

    def _wait(self, seconds: float) -> None:
        """Set how long to wait for a locked file: after one wait in vain not at all, until a write succeeds."""
        if seconds != self._busy_s:
            self._busy_s = seconds
            if self._connection is not None:
                self._connection.execute(f"PRAGMA busy_timeout = {seconds * 1000:.0f}")

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None and self._pid == os.getpid():  # a fork opens its own
            return self._connection
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise sqlite3.OperationalError(f"cannot make the folder {self.path.parent}: {error}") from None
        connection = sqlite3.connect(self.path, timeout=self._busy_s, isolation_level=None, check_same_thread=False)
        try:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, VERSION):
                raise sqlite3.DatabaseError(f"it is of version {version}, and this nbchat writes version {VERSION}")
            if version and connection.execute(_OF_A_JOURNAL).fetchone():
                raise ConfigurationError(
                    f"{self.path} is the journal of a batch, and no cache: give the cache another file"
                )
            if version == 0:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute(
                    "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, message TEXT NOT NULL, saved REAL)"
                )
                connection.execute(f"PRAGMA user_version = {VERSION}")
            connection.execute("PRAGMA synchronous = NORMAL")
        except Exception:
            connection.close()
            raise
        self._connection, self._pid = connection, os.getpid()
        return connection

    def _set_aside(self, why: str) -> None:
        """Give the file another name, so that nothing in it is lost, and begin anew."""
        self.close()
        aside = self.path.with_name(f"{self.path.name}.aside-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}")
        for side in _SIDES:
            found = Path(f"{self.path}{side}")
            if found.exists():
                try:
                    found.rename(f"{aside}{side}")
                except OSError as error:
                    self._warn(f"{why}, and it cannot be renamed ({error}); answers are not cached")
                    return
        self._warn(f"{why}; it is kept as {aside.name}, and a new one is begun")

    def _warn(self, what: str) -> None:
        if not self._warned:
            self._warned = True
            warnings.warn(f"the cache {self.path} cannot be used: {what}", RuntimeWarning, stacklevel=2)

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["path"])  # type: ignore[misc]

    def __repr__(self) -> str:
        return f"SQLiteCache({str(self.path)!r})"
