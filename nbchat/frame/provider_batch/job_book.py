"""The jobs at providers that a journal knows of, and which rows are in them: in the journal's own file."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import NamedTuple

from nbchat.frame.journal import Journal

_TABLES = """
CREATE TABLE IF NOT EXISTS jobs (
    tag TEXT PRIMARY KEY, provider TEXT, job TEXT NOT NULL DEFAULT '', file TEXT NOT NULL DEFAULT '',
    total INTEGER, created REAL, ended REAL
);
CREATE TABLE IF NOT EXISTS job_rows (
    id TEXT, tag TEXT, key TEXT, prompt TEXT, done INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (id, tag)
);
CREATE INDEX IF NOT EXISTS job_rows_of_tag ON job_rows (tag);
"""


class Row(NamedTuple):
    """A question in a job: its name there, its key in the journal, what that shows of its prompt, and whether it has
    what became of it."""

    id: str
    key: str
    prompt: str
    done: bool = False


class Entry(NamedTuple):
    """What is written down of a job.

    Attributes:
        tag: our mark, written down before anything is sent.
        job: the provider's name of it; "" as long as it is not known whether it was started.
        file: of its requests, at the provider; "" where there is none, or none was uploaded yet.
        total: its requests.
        created: seconds since 1970.
    """

    tag: str
    job: str
    file: str
    total: int
    created: float


class JobBook:
    """A table of jobs and one of their rows, as long as these are under way.

    Args:
        journal: the file.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        with journal.writing() as db:
            for statement in _TABLES.split(";"):
                db.execute(statement)

    def add(self, tag: str, provider: str, rows: Sequence[Row]) -> Entry:
        """Write down what is about to be submitted."""
        entry = Entry(tag, "", "", len(rows), time.time())
        with self._journal.writing() as db:
            db.execute(
                "INSERT INTO jobs (tag, provider, total, created) VALUES (?, ?, ?, ?)",
                (tag, provider, entry.total, entry.created),
            )
            db.executemany(
                "INSERT INTO job_rows (id, tag, key, prompt) VALUES (?, ?, ?, ?)",
                [(row.id, tag, row.key, row.prompt) for row in rows],
            )
        return entry

    def uploaded(self, tag: str, file: str) -> None:
        """The file of a job's requests is at the provider."""
        with self._journal.writing() as db:
            db.execute("UPDATE jobs SET file = ? WHERE tag = ?", (file, tag))

    def started(self, tag: str, job: str) -> None:
        """The provider has taken a job, and named it."""
        with self._journal.writing() as db:
            db.execute("UPDATE jobs SET job = ? WHERE tag = ?", (job, tag))

    def not_ours(self, tag: str, provider: str, job: str) -> None:
        """What was thought to be this job is somebody else's."""
        with self._journal.writing() as db:
            db.execute("UPDATE jobs SET job = '' WHERE tag = ?", (tag,))
            db.execute(
                "INSERT OR IGNORE INTO jobs (tag, provider, job, ended) VALUES (?, ?, ?, ?)",
                (f"another's {job}", provider, job, time.time()),
            )

    def ended(self, tag: str) -> None:
        """Nothing more will come of a job. Its name is kept: it is no other's."""
        with self._journal.writing() as db:
            db.execute("DELETE FROM job_rows WHERE tag = ?", (tag,))
            db.execute("DELETE FROM jobs WHERE tag = ? AND job = ''", (tag,))
            db.execute("UPDATE jobs SET ended = ? WHERE tag = ?", (time.time(), tag))

    def holding(self, ids: Sequence[str]) -> dict[str, Entry]:
        """Which of these questions are in jobs under way."""
        with self._journal.writing() as db:
            found = db.execute(
                "SELECT id, jobs.tag, job, file, total, created FROM job_rows JOIN jobs ON jobs.tag = job_rows.tag "
                f"WHERE ended IS NULL AND NOT done AND id IN ({_places(ids)})",
                list(ids),
            ).fetchall()
        return {row[0]: Entry(*row[1:]) for row in found}

    def names(self, provider: str) -> set[str]:
        """The provider's names of all jobs that were ever written down."""
        with self._journal.writing() as db:
            return {row[0] for row in db.execute("SELECT job FROM jobs WHERE provider = ?", (provider,))}

    def rows(self, tag: str, ids: Sequence[str]) -> dict[str, Row]:
        """Those of a job's rows that have these names there."""
        with self._journal.writing() as db:
            found = db.execute(
                f"SELECT id, key, prompt, done FROM job_rows WHERE tag = ? AND id IN ({_places(ids)})", [tag, *ids]
            ).fetchall()
        return {row[0]: Row(*row) for row in found}

    def ids(self, tag: str) -> list[str]:
        """The names of all of a job's rows, in the order in which it has them."""
        with self._journal.writing() as db:
            return [row[0] for row in db.execute("SELECT id FROM job_rows WHERE tag = ? ORDER BY rowid", (tag,))]

    def rest(self, tag: str, most: int) -> list[Row]:
        """Some of a job's rows that are not done."""
        with self._journal.writing() as db:
            query = "SELECT id, key, prompt, done FROM job_rows WHERE tag = ? AND NOT done LIMIT ?"
            found = db.execute(query, (tag, most))
            return [Row(*row) for row in found]

    def done(self, tag: str, ids: Iterable[str]) -> None:
        """The journal has what became of these."""
        with self._journal.writing() as db:
            db.executemany("UPDATE job_rows SET done = 1 WHERE tag = ? AND id = ?", [(tag, id) for id in ids])


def name_in_job(key: str) -> str:
    """What a question is called in a job: 32 characters that every provider takes."""
    return blake2b(key.encode(), digest_size=16).hexdigest()


def _places(values: Sequence[str]) -> str:
    return ",".join("?" * len(values))
