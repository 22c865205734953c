"""What SQLite and the file system complain of, as one error that says what to do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from nbchat.values.errors import ConfigurationError


class JournalError(ConfigurationError):
    """The journal's file cannot be used: it is locked, full, read-only, of another version, or no journal."""


@contextmanager
def told(journal: str) -> Iterator[None]:
    """Raises JournalError in place of what a use of the journal's file raises."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise JournalError(f"the journal {journal} cannot be used: {error}{_advice(error)}") from None


def _advice(error: Exception) -> str:
    said = str(error)
    if "locked" in said:
        return "; another program holds it: wait for it, or give another file, journal='…'"
    if "full" in said or "No space" in said:
        return "; make room on the disk, then run the cell again: what was committed is kept"
    if "disk I/O" in said:
        return "; is the disk full, or gone? Then make room, or give another file, journal='…', and run the cell again"
    if "readonly" in said or "Read-only" in said or "Permission" in said or "unable to open" in said:
        return "; give a file in a folder that can be written, journal='…', or none, journal=None"
    if "not a database" in said or "malformed" in said:
        return "; it is no journal, or damaged: give another file, journal='…'"
    return "; give another file, journal='…'"
