"""The embedded model really answering, and its process: apart, quiet, restarted when it dies, gone with its parent."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from nbchat.local import LocalEndpoint, endpoint, engine, find_weights
from nbchat.values.errors import ConfigurationError

pytestmark = pytest.mark.local
pytest.importorskip("xllamacpp")

QUESTION = [{"role": "user", "content": "What is the capital of France? Answer in one word."}]


@pytest.fixture
def local() -> LocalEndpoint:
    return endpoint()


def ask(local: LocalEndpoint, path: str, **body: Any) -> httpx.Response:
    headers = {"authorization": f"Bearer {local.api_key}", "connection": "close"}
    return httpx.post(f"{local.base_url}{path}", json={"max_tokens": 12, **body}, headers=headers, timeout=60)


def run(script: str, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", script], text=True, capture_output=True, timeout=60, **more)


def test_it_answers_in_the_openai_chat_format(local: LocalEndpoint) -> None:
    answer = ask(local, "/chat/completions", messages=QUESTION).json()
    assert answer["choices"][0]["message"]["content"].strip()
    assert answer["model"] == local.model == "SmolLM2-135M-Instruct.Q4_1"
    assert answer["usage"]["prompt_tokens"] > 10


def test_it_answers_in_the_anthropic_format(local: LocalEndpoint) -> None:
    answer = ask(local, "/messages", messages=QUESTION).json()
    assert answer["content"][0]["type"] == "text"
    assert answer["usage"]["output_tokens"] > 0


def test_it_answers_in_the_openai_responses_format(local: LocalEndpoint) -> None:
    answer = ask(local, "/responses", input="What is the capital of France?", max_output_tokens=12).json()
    assert answer["output"][0]["content"][0]["type"] == "output_text"


def test_a_stream_has_logprobs_and_ends_with_usage(local: LocalEndpoint) -> None:
    body = {"stream": True, "stream_options": {"include_usage": True}, "logprobs": True, "top_logprobs": 3}
    lines = ask(local, "/chat/completions", messages=QUESTION, **body).text.split("\n\n")
    assert "data: [DONE]" in lines[-3:]
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: {")]
    assert any(len(c["choices"][0]["logprobs"]["content"][0]["top_logprobs"]) == 3 for c in chunks[1:-2])
    assert chunks[-1]["usage"]["completion_tokens"] > 0


def test_a_json_schema_is_kept_to(local: LocalEndpoint) -> None:
    schema = {
        "type": "object",
        "properties": {"n": {"enum": [1, 2, 3]}},
        "required": ["n"],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "json_schema": {"name": "Pick", "schema": schema, "strict": True}}
    answer = ask(local, "/chat/completions", messages=QUESTION, response_format=form, max_tokens=40).json()
    assert json.loads(answer["choices"][0]["message"]["content"])["n"] in (1, 2, 3)


def test_a_prompt_longer_than_the_context_is_refused_with_its_length(local: LocalEndpoint) -> None:
    answer = ask(local, "/chat/completions", messages=[{"role": "user", "content": "word " * 9000}])
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "exceed_context_size_error"


def test_strangers_on_this_machine_are_refused(local: LocalEndpoint) -> None:
    answer = httpx.post(f"{local.base_url}/chat/completions", json={"messages": QUESTION}, timeout=60)
    assert answer.status_code == 401


def test_one_engine_serves_every_thread(capsys: pytest.CaptureFixture[str]) -> None:
    found: list[LocalEndpoint] = []
    threads = [threading.Thread(target=lambda: found.append(endpoint(str(find_weights())))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1


def test_the_key_is_in_no_repr_no_pickle_and_no_process_list(local: LocalEndpoint) -> None:
    process = engine._engines[local.path].process
    for shown in (repr(local), str(pickle.dumps(local)), str(process.args)):
        assert local.api_key not in shown
    assert pickle.loads(pickle.dumps(local)) == local


def test_an_engine_that_died_is_started_again(local: LocalEndpoint) -> None:
    process = engine._engines[local.path].process
    process.kill()
    process.wait()
    again = endpoint()
    assert again.base_url != local.base_url
    assert ask(again, "/chat/completions", messages=QUESTION).status_code == 200


def test_weights_it_cannot_load_give_llama_cpp_s_own_reason(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    with find_weights().open("rb") as whole:
        broken.write_bytes(whole.read(3_000_000))
    with pytest.raises(ConfigurationError, match=r"broken\.gguf: .*not within the file bounds"):
        endpoint(str(broken))


def test_loading_says_one_line_and_llama_cpp_says_nothing() -> None:
    done = run("from nbchat.local import endpoint; endpoint()")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "loading SmolLM2-135M-Instruct.Q4_1 (98 MB) …\n"


BUSY = """
import httpx, os, sys
from nbchat.local import endpoint
local = endpoint()
body = {"messages": [{"role": "user", "content": "Count to a thousand."}], "stream": True, "ignore_eos": True}
headers = {"authorization": f"Bearer {local.api_key}"}
with httpx.Client(timeout=60) as client:
    answer = client.send(client.build_request("POST", f"{local.base_url}/chat/completions", json=body, headers=headers),
                         stream=True)
    next(answer.iter_raw())
    print(local.base_url, flush=True)
    LAST
"""


def gone(url: str) -> bool:
    """That nothing listens there. A process at its very end takes a connection and resets it: it is not gone yet."""
    try:
        httpx.get(f"{url}/models")
    except httpx.ConnectError:
        return True
    except httpx.TransportError:
        pass
    return False


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while not (held := holds()) and time.monotonic() < end:
        time.sleep(0.05)
    return held


@pytest.mark.parametrize("last", ["sys.exit(0)", "os._exit(0)"])
def test_it_goes_with_its_parent_even_in_the_middle_of_an_answer(last: str) -> None:
    url = run(BUSY.replace("LAST", last)).stdout.strip()
    assert url.startswith("http://127.0.0.1:")
    assert within(30, lambda: gone(url))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_uses_its_parent_s_engine_and_leaves_it_running(local: LocalEndpoint) -> None:
    script = """
import httpx, os, sys
from nbchat.local import endpoint
local = endpoint()
child = os.fork()
if child == 0:
    same = endpoint() == local and httpx.get(local.base_url.replace("/v1", "/health")).status_code
    sys.exit(7 if same == 200 else 1)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print(status, httpx.get(local.base_url.replace("/v1", "/health")).status_code)
"""
    assert run(script).stdout == "7 200\n"


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="no process groups on this system")
def test_an_interrupt_of_the_whole_group_leaves_the_engine_alive() -> None:
    script = """
import httpx, os, signal
from nbchat.local import endpoint
local = endpoint()
try:
    os.killpg(os.getpgrp(), signal.SIGINT)
except KeyboardInterrupt:
    print("interrupted", httpx.get(local.base_url.replace("/v1", "/health")).status_code)
"""
    assert run(script, start_new_session=True).stdout == "interrupted 200\n"


def test_importing_it_does_not_import_the_engine() -> None:
    assert run("import sys, nbchat, nbchat.local; print('xllamacpp' in sys.modules)").stdout == "False\n"
