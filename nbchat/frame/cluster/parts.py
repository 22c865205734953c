"""The journals of a dask DataFrame's partitions: in a folder beside that of the whole, which takes them in."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from nbchat.frame.alive import CLAIM_S
from nbchat.frame.journal import Journal
from nbchat.frame.outcome import Outcome


class PartJournal(Journal):
    """A partition's journal, which knows as well what is in that of the whole."""

    def __init__(self, path: str | os.PathLike[str], whole: str | os.PathLike[str]) -> None:
        super().__init__(path)
        self._whole = Journal(whole)

    def answered(self, keys: Sequence[str]) -> dict[str, Outcome]:
        found = super().answered(keys)
        missing = [key for key in keys if key not in found]
        return found | self._whole.answered(missing) if missing else found

    def close(self) -> None:
        super().close()
        self._whole.close()


@contextmanager
def parts_of(whole: Path | None, batch: str) -> Iterator[Path | None]:
    """The folder for the journals of a batch's partitions; what is in them goes into that of the whole at the end.

    What an earlier batch left behind is taken in first, also of one that is still at work.

    Args:
        whole: the journal of the whole; None for none.
        batch: an id, for no two batches may share the folder.
    """
    if whole is None:
        yield None
        return
    all_parts = whole.with_name(f"{whole.name}.parts")
    with Journal(whole) as journal:
        for left in list(all_parts.glob("*/")):
            _take_in(journal, left)
            if time.time() - max(path.stat().st_mtime for path in [left, *left.iterdir()]) > CLAIM_S:
                shutil.rmtree(left, ignore_errors=True)
    own = all_parts / batch
    own.mkdir(parents=True)
    left_at_work = False
    try:
        yield own
    except KeyboardInterrupt:
        left_at_work = True  # what else comes is taken in by the next batch
        raise
    finally:
        with Journal(whole) as journal:
            _take_in(journal, own)
        if not left_at_work:
            shutil.rmtree(own, ignore_errors=True)
        with suppress(OSError):
            all_parts.rmdir()  # where it is empty


def _take_in(journal: Journal, parts: Path) -> None:
    for part in sorted(parts.glob("*.sqlite")):
        journal.take_in(part)
