"""A batch in a process of its own, to be killed; forked from one that has imported everything."""

from __future__ import annotations

import multiprocessing
import os
from multiprocessing.process import BaseProcess

import pandas as pd

import nbchat
from nbchat.frame.batch_frame import batch_frame

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([__name__])


def start(base_url: str, rows: int, out: str, width: int = 32) -> BaseProcess:
    """Ask `question 0` and so on, with the journal `j.sqlite` of this folder; at the end write the frame to `out`."""
    process = _CONTEXT.Process(target=_run, args=(os.getcwd(), base_url, rows, out, width))
    process.start()
    return process


def ended(process: BaseProcess) -> int | None:
    """Wait for its end; returns its exit code."""
    process.join(60)
    return process.exitcode


def _run(folder: str, base_url: str, rows: int, out: str, width: int) -> None:
    os.chdir(folder)
    model = nbchat.init_chat_model("gpt-test", model_provider="openai", base_url=base_url, api_key="k")
    frame = pd.DataFrame({"q": [f"question {i}" for i in range(rows)]})
    done = batch_frame(frame, "q", model, journal="j.sqlite", max_concurrency=width, progress=False)
    done.to_csv(out, index=False)
