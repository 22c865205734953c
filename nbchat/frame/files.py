"""Batches from a CSV or Parquet file to another, a piece at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbchat.frame.plan import Plan
from nbchat.values.errors import ConfigurationError

if TYPE_CHECKING:
    import pandas as pd

ROWS = 50_000  # of a piece


def is_path(thing: Any) -> bool:
    """Whether this is the path of a file, and no table."""
    return isinstance(thing, str | os.PathLike)


def batch_file(
    source: Any, plan: Plan, out: str | os.PathLike[str] | None, finished: Callable[[pd.DataFrame, Plan], pd.DataFrame]
) -> Any:
    """Rows of a file, or of a frame, through `finished`.

    Args:
        source: a path that ends in .csv, .tsv or .parquet, or a DataFrame.
        out: a path of these kinds, written whole or not at all; None for a frame.

    Returns:
        The path that was written, or a frame.

    Raises:
        ConfigurationError: another kind of file, none to be read, or a batch that was stopped: what came is in the
            journal.
    """
    if out is None:
        return finished(_read_whole(Path(source).expanduser()), plan)
    target = Path(out).expanduser()
    _kind(target)
    if not is_path(source):
        pieces = iter([source])
    elif plan.by_provider:  # piece after piece, each would wait a day for its jobs
        pieces = iter([_read_whole(Path(source).expanduser())])
    else:
        pieces = _pieces(Path(source).expanduser())
    unfinished = target.with_name(f"{target.name}.unfinished")
    with _told(target, "written"):
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished.touch()
    with ExitStack() as stack:
        write = stack.enter_context(_writer(target, unfinished))
        for piece in pieces:
            done = finished(piece, plan)
            if stopped := done.attrs["nbchat"]["stopped"]:
                raise ConfigurationError(f"{target} is not written: {stopped}; what came is in the journal")
            write(done)
    unfinished.replace(target)
    return target


def _kind(path: Path) -> str:
    kind = path.suffix.lower().lstrip(".")
    if kind not in ("csv", "tsv", "parquet"):
        raise ConfigurationError(f"a batch reads and writes .csv, .tsv and .parquet files, not {path.name!r}")
    return kind


@contextmanager
def _told(path: Path, what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigurationError(f"the file {str(path)!r} cannot be {what}: {error.strerror or error}") from None
    except ImportError:
        raise ConfigurationError("Parquet needs pyarrow: pip install pyarrow") from None


def _read_whole(path: Path) -> pd.DataFrame:
    import pandas as pd

    with _told(path, "read"):
        match _kind(path):
            case "parquet":
                return pd.read_parquet(path)
            case kind:
                return pd.read_csv(path, sep="\t" if kind == "tsv" else ",")


def _pieces(path: Path) -> Iterator[pd.DataFrame]:
    import pandas as pd

    with _told(path, "read"):
        if (kind := _kind(path)) == "parquet":
            import pyarrow.parquet

            for part in pyarrow.parquet.ParquetFile(path).iter_batches(ROWS):
                yield part.to_pandas()
        else:
            yield from pd.read_csv(path, sep="\t" if kind == "tsv" else ",", chunksize=ROWS)


@contextmanager
def _writer(target: Path, path: Path) -> Iterator[Callable[[pd.DataFrame], None]]:
    """A function that appends a frame to the file at `path`, in the form that the target's name says."""
    kind = _kind(target)
    with ExitStack() as stack:
        opened: list[Any] = []

        def write_text(frame: pd.DataFrame) -> None:
            separator = "\t" if kind == "tsv" else ","
            frame.to_csv(path, sep=separator, index=_named(frame), mode="a" if opened else "w", header=not opened)
            opened.append(True)

        def write_parquet(frame: pd.DataFrame) -> None:
            import pyarrow
            import pyarrow.parquet

            frame.attrs = {}
            schema = opened[0].schema if opened else None
            table = pyarrow.Table.from_pandas(frame, schema=schema, preserve_index=_named(frame))
            if not opened:
                opened.append(stack.enter_context(pyarrow.parquet.ParquetWriter(path, table.schema)))
            opened[0].write_table(table)

        yield write_parquet if kind == "parquet" else write_text


def _named(frame: pd.DataFrame) -> bool:
    """Whether the index says more than the number of the row."""
    return type(frame.index).__name__ != "RangeIndex"
