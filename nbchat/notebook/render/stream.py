"""An answer as it grows: finished blocks are rendered once, only the open end again."""

import re
from collections.abc import Collection
from typing import Any

from markdown_it.token import Token

from nbchat.notebook.render.code import GrowingCode
from nbchat.notebook.render.markdown import markdown_parser, normal
from nbchat.notebook.render.mend import without_marker
from nbchat.notebook.render.safe import clean

_BLANK_LINE = re.compile(r"\n[ \t]*\n(?=\S)")


class MarkdownStream:
    """Markdown that arrives in pieces, as HTML at any moment.

    >>> stream = MarkdownStream()
    >>> stream.feed("one **tw")
    >>> stream.html(streaming=True)
    '<p>one <strong>tw</strong></p>\\n'
    """

    def __init__(self, *, allow_hosts: Collection[str] = frozenset()) -> None:
        self._parser = markdown_parser(frozenset(allow_hosts))
        self._sources: list[str] = []  # finished blocks
        self._markup: list[str] = []  # the same, rendered with the definitions in `_known`
        self._definitions: dict[str, Any] = {}  # of links, in finished blocks
        self._known: dict[str, Any] = {}
        self._new: list[str] = []
        self._tail = ""
        self._tried = 0  # blank lines of the tail that were tried as an end of a block
        self._inlines: Any = None
        self._code = GrowingCode()
        self._drawn: dict[bool, str] = {}  # by `streaming`, until more comes

    def feed(self, text: str) -> None:
        """Add the next piece, cut anywhere."""
        self._new.append(text)
        self._drawn.clear()

    def html(self, *, streaming: bool = False) -> str:
        """HTML of all that came so far: the same as `markdown_html` of the whole.

        With `streaming`, a half-written end looks calm: open emphasis and code are closed, an unfinished formula is
        shown as its source, a table begins with its header, and a marker that may become anything waits.
        """
        if streaming not in self._drawn:
            self._drawn[streaming] = self._draw(streaming)
        return self._drawn[streaming]

    def _draw(self, streaming: bool) -> str:
        self._tail += "".join(self._new)
        self._new.clear()
        self._finish_blocks()
        tail = normal(self._tail)
        env: dict[str, Any] = {"references": dict(self._definitions), "open": streaming}
        env |= {"inlines": self._inlines, "growing_code": self._code if streaming else None}
        tokens = self._parser.parse(without_marker(tail) if streaming else tail, env)
        self._inlines = env["inlines"]
        self._render_finished(env["references"])
        return "".join(self._markup) + clean(self._parser.renderer.render(tokens, self._parser.options, env))

    def _finish_blocks(self) -> None:
        """Move every block that later text cannot change from the tail to the finished ones."""
        complete = normal(self._tail[: self._tail.rfind("\n") + 1])
        paragraphs = len(_BLANK_LINE.findall(complete))
        if paragraphs == self._tried:
            return
        self._tried = paragraphs
        env: dict[str, Any] = {"references": dict(self._definitions)}
        tokens: list[Token] = []
        self._parser.block.parse(complete, self._parser, env, tokens)
        starts = [token.map[0] for token in tokens if token.level == 0 and token.nesting >= 0 and token.map]
        lines = complete.split("\n")
        cuts = [start for start in starts[1:] if not lines[start - 1].strip(" \t")]
        if not cuts:
            return
        source = "\n".join(lines[: cuts[-1]]) + "\n"
        self._parser.block.parse(source, self._parser, {"references": self._definitions}, [])
        self._sources.append(source)
        self._tried = 0
        self._tail = "\n".join(lines[cuts[-1] :]) + self._tail[self._tail.rfind("\n") + 1 :]

    def _render_finished(self, definitions: dict[str, Any]) -> None:
        """Render new finished blocks; and old ones again when a definition below makes links of their labels."""
        changed, self._known = definitions != self._known, definitions
        for index, source in enumerate(self._sources):
            if index >= len(self._markup) or (changed and "[" in source):
                markup = self._parser.render(source, {"references": dict(definitions)})
                self._markup[index : index + 1] = [clean(markup)]
