"""Work on the kernel's loop that an interrupt ends. Outside of cells a kernel ignores interrupts otherwise."""

from __future__ import annotations

import signal
import threading
from collections.abc import Coroutine, Generator, Iterator
from contextlib import contextmanager
from typing import Any


class Interruptible:
    """`await Interruptible(work)`: while a step of the work runs, an interrupt raises `KeyboardInterrupt` in it.

    A step is what runs between two waits: a tool that is a plain function is one, however long it takes. Between the
    steps, and while a cell runs, interrupts are the kernel's own.
    """

    def __init__(self, work: Coroutine[Any, Any, None]) -> None:
        self._work = work
        self._stepping = False

    def __await__(self) -> Generator[Any, Any, None]:
        turn: Any = self._work.send
        value: Any = None
        while True:
            with self._step():
                try:
                    waits_for = turn(value)
                except StopIteration:
                    return
            try:
                value = yield waits_for
                turn = self._work.send
            except BaseException as error:
                turn, value = self._work.throw, error

    @contextmanager
    def _step(self) -> Iterator[None]:
        ignored = threading.current_thread() is threading.main_thread()
        if not (ignored and signal.getsignal(signal.SIGINT) is signal.SIG_IGN):
            yield
            return
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self._stepping = True
        try:
            yield
        finally:
            self._stepping = False
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    def interrupt(self) -> None:
        """End the step that runs now, from another thread; where none runs, do nothing."""
        main = threading.main_thread().ident
        if self._stepping and main is not None and hasattr(signal, "pthread_kill"):
            signal.pthread_kill(main, signal.SIGINT)
