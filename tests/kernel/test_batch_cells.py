"""A batch in a cell of a real kernel: one line that is redrawn, and a stop that keeps what has come."""

from __future__ import annotations

from typing import Any

from tests.kernel.conftest import Kernel
from tests.servers import OpenAIServer

CELL = """
out = rows.chat.batch("{q}", model, journal="cells.sqlite", max_concurrency=4)
print(out.attrs["nbchat"]["left"], out.response.notna().sum(), out.attrs["nbchat"]["requests"])
"""


def test_a_stop_returns_the_rows_so_far_and_the_same_cell_goes_on(kernel: Kernel, tmp_path: Any) -> None:
    with OpenAIServer(latency=0.05) as server:
        ran = kernel.run(f"""
import os
os.chdir({str(tmp_path)!r})
import pandas as pd
from nbchat import init_chat_model
model = init_chat_model("gpt-4o-mini", model_provider="openai", base_url={server.base_url!r}, api_key="k")
rows = pd.DataFrame({{"q": [f"question {{i}}" for i in range(80)]}})
""")
        assert ran.status == "ok", ran.traceback
        draws: list[dict[str, Any]] = []

        def stop_midway(message: dict[str, Any]) -> None:
            if "display_data" in message["msg_type"]:
                draws.append(message)
                if len(draws) == 3:
                    kernel.manager.interrupt_kernel()

        stopped = kernel.finish(kernel.start(CELL), seen=stop_midway)
        assert stopped.status == "ok", stopped.traceback
        left, done, asked = map(int, stopped.printed.split())
        assert left + done == 80 and 0 < left < 80 and done == asked
        assert "stopped: interrupted" in stopped.shown["text/plain"] and "cells.sqlite" in stopped.shown["text/html"]
        again = kernel.run(CELL)
        assert again.printed.split() == ["0", "80", str(left)]
    assert [m["msg_type"] for m in draws][:2] == ["display_data", "update_display_data"]
    assert "of 80 rows" in draws[1]["content"]["data"]["text/html"]
    assert all(set(m["content"]["data"]) == {"text/plain", "text/html"} for m in draws)  # no widget, so no state
