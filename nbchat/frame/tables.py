"""Tables in CSV and Parquet files: read whole or a piece at a time, written a piece at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbchat.values.errors import ConfigurationError

if TYPE_CHECKING:
    import pandas as pd

ROWS = 50_000  # of a piece
_SEPARATORS = {"csv": ",", "tsv": "\t"}


class Table:
    """A table in a file. Its columns have one type each, in whatever pieces it is read.

    Args:
        path: ends in .csv, .tsv or .parquet.

    Raises:
        ConfigurationError: another kind of file; and by each method, one that cannot be read.
    """

    def __init__(self, path: Any) -> None:
        self.path = Path(path).expanduser()
        self.kind = kind_of(self.path)

    @cached_property
    def rows(self) -> int:
        """How many."""
        return self._parquet.metadata.num_rows if self.kind == "parquet" else self._looked_through[0]

    @cached_property
    def schema(self) -> Any:
        """Of Parquet, its types; None of text."""
        return self._parquet.schema_arrow if self.kind == "parquet" else None

    def whole(self) -> pd.DataFrame:
        """All of it."""
        import pandas as pd

        with told(self.path, "read"):
            if self.kind == "parquet":
                return pd.read_parquet(self.path)
            return pd.read_csv(self.path, sep=_SEPARATORS[self.kind], low_memory=False)

    def pieces(self) -> Iterator[pd.DataFrame]:
        """One after the other, each held only while it is in use."""
        if self.kind == "parquet":
            import pandas as pd
            import pyarrow

            kept = {
                pyarrow.int64(): pd.Int64Dtype(),
                pyarrow.int32(): pd.Int32Dtype(),
                pyarrow.bool_(): pd.BooleanDtype(),
            }
            with told(self.path, "read"):
                for part in self._parquet.iter_batches(ROWS):
                    yield part.to_pandas(types_mapper=kept.get)  # a missing number makes no float of the others
        else:
            yield from self._chunks(dtype=self._looked_through[1])

    @cached_property
    def _parquet(self) -> Any:
        with told(self.path, "read"):
            import pyarrow.parquet

            return pyarrow.parquet.ParquetFile(self.path)

    @cached_property
    def _looked_through(self) -> tuple[int, dict[Any, Any]]:
        """How many rows a text has, and the types which all pieces of its columns fit."""
        rows, types = 0, dict[Any, Any]()
        for chunk in self._chunks():
            rows += len(chunk)
            for name, type_ in chunk.dtypes.items():
                types[name] = _common(types.get(name, type_), type_)
        return rows, types

    def _chunks(self, **how: Any) -> Iterator[pd.DataFrame]:
        import pandas as pd

        with (
            told(self.path, "read"),
            pd.read_csv(self.path, sep=_SEPARATORS[self.kind], chunksize=ROWS, low_memory=False, **how) as chunks,
        ):
            yield from chunks


def _common(one: Any, other: Any) -> Any:
    """The type of a column whose pieces have these: numbers where all are, else text as it is in the file."""
    import numpy as np

    if one == other:
        return one
    numbers = all(getattr(each, "kind", None) in ("i", "u", "f") for each in (one, other))
    return np.result_type(one, other) if numbers else str


def kind_of(path: Path) -> str:
    """ "csv", "tsv" or "parquet". Raises ConfigurationError where a path ends otherwise."""
    kind = path.suffix.lower().lstrip(".")
    if kind not in (*_SEPARATORS, "parquet"):
        raise ConfigurationError(f"a batch reads and writes .csv, .tsv and .parquet files, not {path.name!r}")
    return kind


@contextmanager
def told(path: Path, what: str) -> Iterator[None]:
    """What the file system and the readers complain of, as an error that names the file."""
    try:
        yield
    except OSError as error:
        raise ConfigurationError(f"the file {str(path)!r} cannot be {what}: {error.strerror or error}") from None
    except ImportError:
        raise ConfigurationError("Parquet needs pyarrow: pip install pyarrow") from None
    except ConfigurationError:
        raise
    except ValueError as error:  # a reader's: no columns, a row with too many, bytes that are no Parquet
        raise ConfigurationError(f"the file {str(path)!r} cannot be {what}: {error}") from None


@contextmanager
def writer(path: Path, kind: str, schema: Any = None) -> Iterator[Callable[[pd.DataFrame], None]]:
    """A function that appends a frame to a new file.

    Args:
        kind: "csv", "tsv" or "parquet".
        schema: types that columns of these names have in Parquet, whatever the first frame's look like.
    """
    with ExitStack() as stack:
        opened: list[Any] = []

        def write_text(frame: pd.DataFrame) -> None:
            separator = _SEPARATORS[kind]
            frame.to_csv(path, sep=separator, index=_named(frame), mode="a" if opened else "w", header=not opened)
            opened.append(True)

        def write_parquet(frame: pd.DataFrame) -> None:
            import pyarrow
            import pyarrow.parquet

            frame.attrs = {}
            known = opened[0].schema if opened else _typed(pyarrow.Schema.from_pandas(frame, _named(frame)), schema)
            table = pyarrow.Table.from_pandas(frame, schema=known, preserve_index=_named(frame))
            if not opened:
                opened.append(stack.enter_context(pyarrow.parquet.ParquetWriter(path, table.schema)))
            opened[0].write_table(table)

        yield write_parquet if kind == "parquet" else write_text


def _typed(found: Any, given: Any) -> Any:
    """A schema with the given types for columns that have one there."""
    for at, name in enumerate(found.names):
        if given is not None and name in given.names:
            found = found.set(at, given.field(name).with_nullable(True))
    return found


def _named(frame: pd.DataFrame) -> bool:
    """Whether the index says more than the number of the row."""
    return type(frame.index).__name__ != "RangeIndex"
