"""`df.chat.batch(…)` and `series.chat.batch(…)`."""

from __future__ import annotations

import importlib.abc
import importlib.util
import sys
from typing import Any


class ChatAccessor:
    """What a DataFrame or a Series has under the name `chat`."""

    def __init__(self, rows: Any) -> None:
        self._rows = rows

    def batch(self, prompt: Any = None, model: Any = None, **arguments: Any) -> Any:
        """See `nbchat.batch_frame`: this frame's rows with the answers as columns."""
        from nbchat.frame.batch_frame import batch_frame

        return batch_frame(self._rows, prompt, model, **arguments)

    def abatch(self, prompt: Any = None, model: Any = None, **arguments: Any) -> Any:
        """See `nbchat.abatch_frame`: to be awaited, or gone through with `async for`."""
        from nbchat.frame.batch_frame import abatch_frame

        return abatch_frame(self._rows, prompt, model, **arguments)


def register() -> None:
    """Give frames their `chat`: now where pandas is imported, else as soon as it is. Nothing is imported for it."""
    if "pandas" in sys.modules:
        _register(sys.modules["pandas"])
    else:
        sys.meta_path.insert(0, _WhenPandasComes())


def _register(pandas: Any) -> None:
    pandas.api.extensions.register_dataframe_accessor("chat")(ChatAccessor)
    pandas.api.extensions.register_series_accessor("chat")(ChatAccessor)


class _WhenPandasComes(importlib.abc.MetaPathFinder):
    """`import nbchat` comes before `import pandas` where imports are sorted, and must stay fast."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> Any:
        if fullname != "pandas":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec("pandas")
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def loaded(module: Any) -> None:
                load(module)
                _register(module)

            spec.loader.exec_module = loaded  # type: ignore[method-assign]
        return spec
