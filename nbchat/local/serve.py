"""The engine's own process: llama.cpp's server on a free loopback port, until its parent goes away.

A process of its own, because llama.cpp inside the kernel's holds the interpreter while it loads, waits half a minute
to stop during an answer, cannot be forked, and takes the kernel's variables with it when it aborts.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

CONTEXT = 8192  # tokens, shared by the answers in progress
SLOTS = 4  # answers in progress at once; more are queued, and would not be faster on one CPU


def main() -> None:
    """Read the order from stdin, say where the server listens on stdout, and live until stdin closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is for the cell, not for the engine
    order = json.loads(sys.stdin.readline())
    import xllamacpp

    server = xllamacpp.Server(_params(xllamacpp, order))
    print(json.dumps({"url": server.listening_address}), flush=True)
    sys.stdin.read()
    os._exit(0)  # the server's own end waits for the answers in progress


def _params(xllamacpp: Any, order: dict[str, str]) -> Any:
    params = xllamacpp.CommonParams()
    params.model.path = order["path"]
    params.model_alias = {order["model"]}
    params.api_keys = [order["api_key"]]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_ctx = CONTEXT
    params.n_parallel = SLOTS
    params.n_predict = CONTEXT // SLOTS  # tokens of an answer without max_tokens: small models may never find an end
    params.kv_unified = True  # one long answer may use the whole context
    params.cache_ram_mib = 256
    params.sampling.temp = 0.2  # what SmolLM2's model card advises; small models ramble at 0.8
    params.sampling.top_p = 0.9
    params.verbosity = 1  # errors
    params.ui = False
    params.endpoint_slots = False
    params.cpuparams.poll = 0  # sleep, not spin, between tokens: the notebook needs the CPU too
    if quota := _cpu_quota():
        params.cpuparams.n_threads = quota
    return params


def _cpu_quota() -> int | None:
    """CPUs a container may use: llama.cpp counts the machine's, and far too many threads only wait for each other."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
    except (OSError, ValueError):
        return None
    return max(1, int(quota) // int(period)) if quota.isdigit() else None


if __name__ == "__main__":
    main()
