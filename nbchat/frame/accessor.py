"""`df.chat.batch(…)` and `series.chat.batch(…)`."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.util
import sys
from functools import cache
from inspect import Signature, signature
from typing import Any


class ChatAccessor:
    """What a DataFrame or a Series has under the name `chat`."""

    def __init__(self, rows: Any) -> None:
        _describe()
        self._rows = rows

    def batch(self, prompt: Any = None, model: Any = None, **arguments: Any) -> Any:
        """See `nbchat.batch_frame`: this frame's rows with the answers as columns."""
        from nbchat.frame.batch_frame import batch_frame

        return batch_frame(self._rows, prompt, model, **arguments)

    def abatch(self, prompt: Any = None, model: Any = None, **arguments: Any) -> Any:
        """See `nbchat.abatch_frame`: to be awaited, or gone through with `async for`."""
        from nbchat.frame.batch_frame import abatch_frame

        return abatch_frame(self._rows, prompt, model, **arguments)


@cache
def _describe() -> None:
    """Let what a notebook shows of these methods be the arguments and the text of the functions that they call."""
    from nbchat.frame.batch_frame import abatch_frame, batch_frame

    for method, function in ((ChatAccessor.batch, batch_frame), (ChatAccessor.abatch, abatch_frame)):
        itself, *_ = signature(method).parameters.values()
        _, *arguments = signature(function).parameters.values()
        method.__signature__ = Signature([itself, *arguments])  # type: ignore[attr-defined]
        method.__doc__ = function.__doc__


_EXTENSIONS = {"pandas": "pandas.api.extensions", "dask.dataframe": "dask.dataframe.extensions"}


def register() -> None:
    """Give frames their `chat`: now where their library is imported, else as soon as it is, and not before."""
    missing = {name for name in _EXTENSIONS if name not in sys.modules}
    if missing:
        sys.meta_path.insert(0, _WhenFramesCome(missing))
    for name in _EXTENSIONS.keys() - missing:
        _register(name)


def _register(name: str) -> None:
    extensions = importlib.import_module(_EXTENSIONS[name])
    extensions.register_dataframe_accessor("chat")(ChatAccessor)
    extensions.register_series_accessor("chat")(ChatAccessor)


class _WhenFramesCome(importlib.abc.MetaPathFinder):
    """`import nbchat` comes before `import pandas` where imports are sorted, and must stay fast."""

    def __init__(self, names: set[str]) -> None:
        self._names = names

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> Any:
        if fullname not in self._names:
            return None
        self._names.discard(fullname)  # or this would be asked again
        spec = importlib.util.find_spec(fullname)
        self._names.add(fullname)  # some only look whether it could be imported
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def loaded(module: Any) -> None:
                self._names.discard(fullname)
                load(module)
                _register(fullname)

            spec.loader.exec_module = loaded  # type: ignore[method-assign]
        return spec
