"""How much a comparison says to its page while three models stream a hundred tokens a second each.

Counts only: a slower machine takes longer, and sends no more in a second and no more for a text.
"""

from __future__ import annotations

import asyncio

import pytest

from nbchat import Compare
from tests.servers import OpenAIServer
from tests.widgets.conftest import Page
from tests.widgets.test_compare import models, settled

GAP_S = 0.01
PROSE = "These **words** are `many`, and they come one by one. "  # some of it is drawn anew as it goes on
FRAMING = 400  # bytes of a message besides texts and the state of the page
STATE = 1500  # bytes; it changes with the beginning and the end of each answer, not with its words


@pytest.mark.parametrize("paragraph", [1, 10_000], ids=["many paragraphs", "one paragraph"])
def test_messages_a_second_stay_under_sixty_and_bytes_are_linear_in_the_text(page: Page, paragraph: int) -> None:
    traffic = {length: _traffic(page, length, paragraph) for length in (6, 24)}
    for sent, shown in traffic.values():
        times = [at for at, _ in sent]
        assert max(sum(begin <= at < begin + 1 for at in times) for begin in times) < 60
        assert sum(size for _, size in sent) < 3 * shown + FRAMING * len(sent) + 20 * STATE
    assert traffic[24][1] > 3.5 * traffic[6][1]  # the texts did differ in length


def _traffic(page: Page, length: int, paragraph: int) -> tuple[list[tuple[float, int]], int]:
    """((time, bytes) of each message, length of the HTML in the end) of three answers of so many sentences."""

    async def run(server: OpenAIServer) -> None:
        compare = Compare(models(server), "hi")
        page.sent.clear()  # the script was sent as well, once
        page.open(compare)
        await settled(page)
        compare.close()

    sentences = ["\n\n" * (number % paragraph == 0) + PROSE for number in range(length)]
    with OpenAIServer(lambda body: "".join(sentences), gap=GAP_S) as server:
        asyncio.run(run(server))
    sent = list(page.sent)
    shown = sum(len(html) for html in page.slots.values())
    page.slots.clear()
    page.state = {}
    return sent, shown
