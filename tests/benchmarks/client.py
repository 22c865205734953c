"""One client measured: `client.py PEER SHORT_URL LONG_URL` prints a line of JSON. Imports only the peer it measures."""

from __future__ import annotations

import asyncio
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

ROUNDS = 5


def cpu_per_call(call: Callable[[], Any], times: int = 100) -> float:
    """Median CPU milliseconds of one call."""
    call()
    found = []
    for _ in range(ROUNDS):
        start = time.process_time()
        for _ in range(times):
            call()
        found.append((time.process_time() - start) / times * 1000)
    return statistics.median(found)


def rate(work: Callable[[], int], clock: Callable[[], float] = time.perf_counter, rounds: int = 3) -> float:
    """Median of things done per second of `clock`."""
    work()
    found = []
    for _ in range(rounds):
        start = clock()
        count = work()
        found.append(count / (clock() - start))
    return statistics.median(found)


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def chat_model(model: Any, long_model: Any) -> dict[str, float]:
    """The measures of a client with the page's verbs."""
    prompts = ["Why do parrots talk?"] * 1000

    def config(width: int) -> dict[str, int]:
        return {"max_concurrency": width}

    run = asyncio.new_event_loop().run_until_complete  # one loop: LangChain's clients die with theirs
    base = peak_mb()
    out = {
        "invoke_ms": cpu_per_call(lambda: model.invoke("Why do parrots talk?")),
        "stream_per_s": rate(lambda: sum(1 for _ in long_model.stream("Why?")), time.process_time),
        "batch_per_s": rate(lambda: len(model.batch(prompts, config=config(128)))),
        "abatch_per_s": rate(lambda: len(run(model.abatch(prompts, config=config(128))))),
        "abatch_1000_per_s": rate(lambda: len(run(model.abatch(prompts * 2, config=config(1000)))), rounds=1),
    }
    model.batch(prompts * 10, config=config(128))
    out["batch_10000_mb"] = peak_mb() - base
    return out


def nbchat(short: str, long: str) -> dict[str, float]:
    from nbchat import init_chat_model

    def make(url: str) -> Any:
        return init_chat_model("openai:gpt-test", base_url=f"{url}/v1", api_key="k")

    return chat_model(make(short), make(long))


def langchain(short: str, long: str) -> dict[str, float]:
    from langchain_openai import ChatOpenAI

    def make(url: str) -> Any:
        return ChatOpenAI(model="gpt-test", base_url=f"{url}/v1", api_key="k")

    return chat_model(make(short), make(long))


def httpx(short: str, long: str) -> dict[str, float]:
    """The floor for one call and one stream: no client library at all."""
    import httpx as bare

    client = bare.Client()
    headers = {"authorization": "Bearer k"}
    body = {"model": "gpt-test", "messages": [{"role": "user", "content": "Why do parrots talk?"}]}

    def stream() -> int:
        count = 0
        streamed = {**body, "stream": True}
        with client.stream("POST", f"{long}/v1/chat/completions", json=streamed, headers=headers) as response:
            for line in response.iter_lines():
                if line.startswith("data: {"):
                    json.loads(line[6:])
                    count += 1
        return count

    address = f"{short}/v1/chat/completions"
    return {
        "invoke_ms": cpu_per_call(lambda: client.post(address, json=body, headers=headers).json()),
        "stream_per_s": rate(stream, time.process_time),
    }


if __name__ == "__main__":
    peer, short_url, long_url = sys.argv[1:]
    print(json.dumps({"nbchat": nbchat, "langchain": langchain, "httpx": httpx}[peer](short_url, long_url)))
