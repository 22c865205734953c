"""One llama.cpp process for each weights file, started on first use and stopped with this one."""

from __future__ import annotations

import atexit
import importlib.util
import json
import os
import re
import secrets
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from nbchat.local.notice import megabytes, saying
from nbchat.local.weights import DEFAULT_MODEL, find_weights
from nbchat.values.errors import ConfigurationError


@dataclass(frozen=True)
class LocalEndpoint:
    """Where an embedded model answers: OpenAI chat and responses, and Anthropic messages, below `base_url`.

    Pickled, it is only the path of the weights: whoever unpickles it starts an engine of their own.
    """

    base_url: str  # http://127.0.0.1:PORT/v1
    api_key: str = field(repr=False)
    model: str  # name of the weights file without .gguf; the server answers to any name
    path: Path

    def __reduce__(self) -> tuple[Any, ...]:
        return (endpoint, (str(self.path),))


@dataclass
class _Engine:
    process: subprocess.Popen[str]
    endpoint: LocalEndpoint

    def stop(self) -> None:
        self.process.kill()  # it holds no state, and asked politely it would finish its answers first
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


_engines: dict[Path, _Engine] = {}
_lock = threading.Lock()
_owner = os.getpid()


def endpoint(model: str = DEFAULT_MODEL) -> LocalEndpoint:
    """The running engine of `model` (see `find_weights` for its names); loads the weights on first use.

    Raises:
        ConfigurationError: xllamacpp or the weights are missing, or llama.cpp cannot load them.
        ProviderError, APIConnectionError: the weights' download failed.
    """
    with _lock:
        path = find_weights(model)
        engine = _engines.get(path)
        # After a fork the engine is the parent's: the child may talk to it, and can neither wait for it nor stop it.
        if engine is not None and (os.getpid() != _owner or engine.process.poll() is None):
            return engine.endpoint
        _engines[path] = engine = _start(path)
        return engine.endpoint


def _start(path: Path) -> _Engine:
    if importlib.util.find_spec("xllamacpp") is None:
        raise ConfigurationError("local models need the engine xllamacpp; run `pip install xllamacpp`")
    order = {"path": str(path), "model": path.stem, "api_key": secrets.token_urlsafe(24)}
    loading = f"loading {path.stem} ({megabytes(path.stat().st_size)}) …"
    with saying(loading), tempfile.TemporaryFile("w+", errors="replace") as log:
        process = _spawn(log)
        try:
            answer = _converse(process, json.dumps(order))
        except BaseException:
            process.kill()
            raise
        if answer:
            base_url = json.loads(answer)["url"].rstrip("/") + "/v1"
            return _Engine(process, LocalEndpoint(base_url, order["api_key"], path.stem, path))
        process.wait()
        log.seek(0)
        raise ConfigurationError(f"llama.cpp cannot load {path}: {_reason(log.read())}")


def _spawn(log: IO[str]) -> subprocess.Popen[str]:
    # A session of its own keeps it from the interrupts that Jupyter sends to the kernel's whole process group.
    apart: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    # Threads that spin long while they wait for each other crawl (2 tokens/s, not 70) once another process is busy.
    environment = {"GOMP_SPINCOUNT": "1000", **os.environ}
    script = Path(__file__).with_name("serve.py")
    return subprocess.Popen(
        [sys.executable, "-P", str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        encoding="utf-8",
        env=environment,
        **apart,
    )


def _converse(process: subprocess.Popen[str], order: str) -> str:
    """Hand over the order (never on the command line: the key is in it); the reply is empty if the process dies."""
    assert process.stdin is not None and process.stdout is not None
    try:
        process.stdin.write(order + "\n")
        process.stdin.flush()
    except BrokenPipeError:
        return ""
    return process.stdout.readline()


def _reason(log: str) -> str:
    """llama.cpp's first complaint, or the last line of whatever went wrong."""
    found = re.search(r"error loading model: (.+)", log)
    lines = log.strip().splitlines() or ["it died without a word; is there enough memory?"]
    reason = found[1] if found else lines[-1]
    return f"{reason}. Is it complete, and does this xllamacpp know its architecture? `pip install -U xllamacpp` may"


def _after_fork() -> None:
    global _lock
    _lock = threading.Lock()  # a thread of the parent may have held it


def _stop_all() -> None:
    if os.getpid() == _owner:
        for engine in _engines.values():
            engine.stop()
        _engines.clear()


atexit.register(_stop_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
