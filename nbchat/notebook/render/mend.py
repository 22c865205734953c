"""The calm end of an answer that still comes: what is half written is shown as what it will most likely be."""

import re

from markdown_it.rules_core import StateCore

# A last line that holds nothing but the beginning of a list item, a heading, a fence, a rule or a table.
_MARKER_ONLY = re.compile(r"(?:^|\n)[ \t>]*(?:[-*+=_#`~|:]+|\d{1,9}[.)])[ \t]*\Z")
_HALF_LINK = re.compile(r"(?<![\w\\])(?P<image>!?)\[(?P<text>[^\[\]\n]*)(?:\](?:\([^\s()]*)?)?\Z")
_TICKS = re.compile(r"`+")
_OPAQUE = re.compile(r"`[^`]*`|\$[^$\n]*\$|\\\(.*?\\\)|\\\[.*?\\\]", re.DOTALL)  # code and formulas
_RUN = re.compile(r"\\.|\*+|_+|~~", re.DOTALL)
_TABLE_RULE = re.compile(r"[|:\- \t]*")


def without_marker(source: str) -> str:
    """Drop a last line that is only a marker: `-` under a paragraph would make a heading of it for one moment."""
    found = _MARKER_ONLY.search(source[-200:])
    return source[: len(source) - len(found[0])] if found else source


def mend(state: StateCore) -> None:
    """Core rule between blocks and inlines: close what the last text of an open answer leaves open."""
    if not state.env.get("open") or not state.tokens:
        return
    leaves = [token for token in state.tokens[-12:] if token.nesting == 0]
    if not leaves or leaves[-1].type != "inline" or state.tokens[-1].nesting == 0:
        return
    last = leaves[-1]
    if table := _table(last.content) if state.tokens[-1].type == "paragraph_close" and last.level == 1 else None:
        del state.tokens[-3:]
        state.md.block.parse(table, state.md, state.env, state.tokens)
    else:
        last.content = mend_inline(last.content)


def _table(content: str) -> str | None:
    """A header row that still waits for its rule, with the rule."""
    header, _, rule = content.partition("\n")
    if not header.startswith("|") or header.count("|") < 2 or not _TABLE_RULE.fullmatch(rule):
        return None
    header = header if header.rstrip().endswith("|") else header + "|"
    return header + "\n" + "|-" * (header.count("|") - 1) + "|"


def mend_inline(text: str) -> str:
    """Close code, formulas, emphasis and links that are open at the end of the text.

    >>> mend_inline("a **bold and `co")
    'a **bold and `co`**'
    """
    text = text.rstrip("*_~`\\ ") if text[-1:] in "*_~`\\" else text
    if (start := _open_code(text)) is not None:
        ticks = _TICKS.match(text, start)
        return _emphasis_closed(text[:start], text[start:] + (ticks[0] if ticks else ""))
    if (start := _open_formula(text)) is not None:
        return _emphasis_closed(text[:start], "`` " + text[start:] + " ``")
    if link := _HALF_LINK.search(text[-4000:]):
        text = text[: len(text) - len(link[0])] + ("" if link["image"] else link["text"])
    return _emphasis_closed(text, "")


def _open_code(text: str) -> int | None:
    """Where the code span starts that no run of as many backticks closes."""
    start, size = None, 0
    for run in _TICKS.finditer(text):
        if start is None:
            start, size = run.start(), len(run[0])
        elif len(run[0]) == size:
            start = None
    return start


def _open_formula(text: str) -> int | None:
    for opener, closer in (("\\(", "\\)"), ("\\[", "\\]")):
        start = text.rfind(opener)
        if start >= 0 and text.find(closer, start) < 0:
            return start
    return text.rfind("$$") if text.count("$$") % 2 else None


def _emphasis_closed(text: str, rest: str) -> str:
    """The text and the rest, then a closer for every emphasis still open."""
    open_runs: list[str] = []
    for run in _RUN.finditer(_OPAQUE.sub(lambda m: "x" * len(m[0]), text)):
        mark, before = run[0], text[max(0, run.start() - 1) : run.start()]
        after = text[run.end() : run.end() + 1] or rest[:1]
        if mark[0] == "\\":
            continue
        if mark in open_runs and not before.isspace():
            del open_runs[open_runs.index(mark) :]
        elif after.strip() and not before.isalnum():
            open_runs.append(mark)
    return text + rest + "".join(reversed(open_runs))
