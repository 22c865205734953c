"""A turn as HTML: what was said, the parts of the answer, and its footer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from nbchat.notebook.text_file import text_file
from nbchat.notebook.transcript import said
from nbchat.notebook.view import AnswerView
from nbchat.values.messages import AIMessage, Message, ToolMessage


@dataclass
class DrawnTurn:
    """HTML of a turn, and the text of its question, for editing it."""

    said: str = ""
    text: str = ""
    parts: list[str] = field(default_factory=list)
    foot: str = ""

    def slots(self, name: str) -> dict[str, str]:
        """The HTML by slot: `NAME.said`, `NAME.text`, `NAME.0`, …, `NAME.foot`."""
        slots = {f"{name}.said": self.said, f"{name}.text": self.text, f"{name}.foot": self.foot}
        return slots | {f"{name}.{number}": html for number, html in enumerate(self.parts)}

    def html(self) -> str:
        """The whole."""
        return "".join([self.said, *self.parts, self.foot])


def drawn(messages: Sequence[Message]) -> DrawnTurn:
    """A turn of the past."""
    out = DrawnTurn()
    view = AnswerView("")
    for message in messages:
        if isinstance(message, AIMessage | ToolMessage):
            view.add(message)
        else:
            out.said, out.text = said(message), written(message)
    answers = [message for message in messages if isinstance(message, AIMessage)]
    view.finish("stopped" if not answers or answers[-1].interrupted else "")
    out.parts = view.parts_html()
    if answers:
        out.foot = view.foot()
    return out


def written(question: Message) -> str:
    """What a person wrote, without the text files that were attached."""
    blocks = (block for block in question.content_blocks if block["type"] == "text" and not text_file(block))
    return "".join(str(block["text"]) for block in blocks)
