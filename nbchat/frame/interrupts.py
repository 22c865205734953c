"""Ctrl-C, held back while something is done that has to be done whole."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class Held:
    """`with Held(): …`: a Ctrl-C that comes within the block strikes at its end.

    Answers that were paid for go from hand to hand; an exception in between would drop them. Other threads than the
    main one are never struck, so there it does nothing.
    """

    def __enter__(self) -> None:
        self._struck: FrameType | None = None
        self._handler: Any = None
        if threading.current_thread() is threading.main_thread() and callable(signal.getsignal(signal.SIGINT)):
            self._handler = signal.signal(signal.SIGINT, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._struck = frame

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._handler is None:
            return
        signal.signal(signal.SIGINT, self._handler)
        if self._struck is not None:
            self._handler(signal.SIGINT, self._struck)
