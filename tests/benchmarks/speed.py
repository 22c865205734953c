"""nbchat beside its peers, in one run: the server on one core, each client alone on the other.

    python -m tests.benchmarks.speed

Peers run in an environment of their own that `uv` makes. Every figure is the median of several rounds; CPU time is the
client's own. This machine's load shifts absolutes: read the ratios.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.servers.process import spawn

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PEERS = {
    "nbchat": [],
    "httpx": [],
    "langchain": ["langchain-openai", "langchain-core"],
}
MEASURES = {
    "invoke_ms": "one call, CPU ms",
    "stream_per_s": "streamed chunks, per CPU s",
    "batch_per_s": "batch at 128, requests/s",
    "abatch_per_s": "abatch at 128, requests/s",
    "abatch_1000_per_s": "abatch at 1,000, requests/s",
    "batch_10000_mb": "10,000 prompts, MB above import",
}


def measure(peer: str, packages: list[str], short: str, long: str) -> dict[str, float]:
    """What a client prints of itself."""
    command = [sys.executable]
    if packages:
        extra = [word for package in packages for word in ("--with", package)]
        command = ["uv", "run", "-q", "--no-project", "--python", sys.executable, *extra, "python"]
    done = subprocess.run(
        ["taskset", "-c", "0", *command, str(HERE / "client.py"), peer, short, long],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    if done.returncode:
        raise SystemExit(f"{peer} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Print the table in Markdown."""
    os.sched_setaffinity(0, {1})
    results = {}
    with spawn("openai", "--tokens", "40") as short, spawn("openai", "--tokens", "4000") as long:
        for peer, packages in PEERS.items():
            results[peer] = measure(peer, packages, short, long)
    ours, theirs = results["nbchat"], results["langchain"]
    print("| | " + " | ".join(PEERS) + " | nbchat / langchain |")
    print("|---|" + "---:|" * (len(PEERS) + 1))
    for name, said in MEASURES.items():
        digits = 2 if name == "invoke_ms" else 0
        cells = [f"{r[name]:,.{digits}f}" if name in r else "" for r in results.values()]
        better = theirs[name] / ours[name] if name.endswith(("_ms", "_mb")) else ours[name] / theirs[name]
        print(f"| {said} | {' | '.join(cells)} | {better:.1f} × |")


if __name__ == "__main__":
    main()
