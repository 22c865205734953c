"""LaTeX in Markdown: found before Markdown can eat it, screened, and left for the page's MathJax to typeset."""

import html
import re
from collections.abc import Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

LONGEST = 10_000  # characters of one formula; a longer one is shown as its source

# Macros that make links, ids, classes, styles or tips, load things, or redefine macros for the page's later formulas.
_FORBIDDEN = re.compile(
    r"\\(?:href|url|html[a-z]*|style|class|cssId|data|require|unicode|include[a-z]*|input|image|mmlToken|bbox"
    r"|fcolorbox|enclose|toggle|endtoggle|(?:math|text|tool)tip|action|csname|catcode|let|futurelet|[gex]?def|global[a-z]*|long|outer"
    r"|(?:re)?new(?:command|environment|tagform)|Newextarrow|provide[a-z]*|Declare[a-z]*|definecolor|mathtoolsset"
    r"|usetagform|setOptions|begingroup[a-z]*|endgroup)(?![a-z])"
    r"|url\s*\(|(?:java|vb)script\s*:|://",
    re.IGNORECASE,
)
_LABEL = re.compile(r"\\label\s*\{[^{}]*\}")
_BEGIN = re.compile(r"\\begin\{([A-Za-z]+\*?)\}")
_MONEY = re.compile(r"\d[^\\]*\s[A-Za-z]{2,}")  # "$5 and up to $", while "$5 x$" is a formula
_CITATION = re.compile(r"[\d,;\s-]+")  # \[1, 2\] is a pair of escaped brackets


def math_html(source: str, element: str = "span") -> str:
    """Escaped formula with its delimiters, for MathJax; or as code where a macro could reach beyond the formula."""
    if len(source) > LONGEST or _FORBIDDEN.search(source):
        return f"<code>{html.escape(source)}</code>"
    # A label is invisible, becomes an id of the page, and is an error when the answer is drawn again.
    return f'<{element} class="math">{html.escape(_LABEL.sub("", source))}</{element}>'


def math_plugin(md: MarkdownIt) -> None:
    """Teach the parser `$…$`, `$$…$$`, `\\(…\\)`, `\\[…\\]` and bare `\\begin{…}…\\end{…}`."""
    md.block.ruler.before("fence", "math_block", _block, {"alt": ["paragraph", "reference", "blockquote", "list"]})
    md.inline.ruler.before("escape", "math", _inline)
    md.add_render_rule("math", _render_inline)
    md.add_render_rule("math_block", _render_block)


def _render_inline(self: Any, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
    return math_html(tokens[idx].content)


def _render_block(self: Any, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
    return math_html(tokens[idx].content, "div") + "\n"


def _closer(text: str) -> str | None:
    if text.startswith("$$"):
        return "$$"
    if text.startswith("\\["):
        return "\\]"
    begin = _BEGIN.match(text)
    return f"\\end{{{begin[1]}}}" if begin else None


def _block(state: StateBlock, startLine: int, endLine: int, silent: bool) -> bool:
    """A formula on lines of its own. As in TeX it holds no blank line, so later text cannot change earlier blocks."""
    start = state.bMarks[startLine] + state.tShift[startLine]
    if state.is_code_block(startLine) or state.src[start : start + 1] not in ("$", "\\"):
        return False
    first = state.src[start : state.eMarks[startLine]]
    closer = _closer(first)
    unclosed = state.env.setdefault("unclosed_math", {})  # closer → line up to which it was sought in vain
    if closer is None or startLine < unclosed.get(closer, 0):
        return False
    if silent and closer.startswith("\\end"):
        return False  # within a paragraph it may stand inside \[…\]: the inline rule sees to both
    line, text, size = startLine, first[2:], 0
    while closer not in text:
        size += len(text)
        line += 1
        ended = line >= endLine
        if ended or size > LONGEST or state.isEmpty(line) or state.sCount[line] < state.blkIndent:
            unclosed[closer] = line
            return ended and _still_open(state, startLine, endLine, silent)
        text = state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]
    if text.partition(closer)[2].strip(" .,;:"):
        return False  # more text on the line: the inline rule sees to it
    if not silent:
        _push(state, "math_block", startLine, line + 1)
    return True


def _still_open(state: StateBlock, startLine: int, endLine: int, silent: bool) -> bool:
    """While the answer still comes, an unfinished formula is shown as its source: half of one is an error in red."""
    if not state.env.get("open"):
        return False
    if not silent:
        _push(state, "fence", startLine, endLine).info = "latex"
    return True


def _push(state: StateBlock, kind: str, startLine: int, nextLine: int) -> Token:
    token = state.push(kind, "", 0)
    token.content = state.getLines(startLine, nextLine, state.sCount[startLine], False).strip()
    token.map = [startLine, nextLine]
    state.line = nextLine
    return token


def _inline(state: StateInline, silent: bool) -> bool:
    end = _inline_end(state.src, state.pos, state.posMax)
    if end is None:
        return False
    if not silent:
        state.push("math", "", 0).content = state.src[state.pos : end]
    state.pos = end
    return True


def _inline_end(src: str, pos: int, end: int) -> int | None:
    """Where the formula that starts at `pos` ends, or None when none starts there."""
    two = src[pos : pos + 2]
    if two == "\\(":
        return _after(src, "\\)", pos + 2, end)
    if two in ("$$", "\\[", "\\b"):
        closer = _closer(src[pos : pos + 40])
        found = _after(src, closer, pos + 2, end) if closer else None
        return None if found and two == "\\[" and _CITATION.fullmatch(src, pos + 2, found - 2) else found
    return _dollar_end(src, pos, end) if two[:1] == "$" else None


def _after(src: str, closer: str, pos: int, end: int) -> int | None:
    found = src.find(closer, pos, min(end, pos + LONGEST))
    while found > 0 and closer[0] == "\\" and src[found - 1] == "\\":  # a line break, then a bracket
        found = src.find(closer, found + 1, min(end, pos + LONGEST))
    return found + len(closer) if found > pos else None


_TO_DOLLAR = re.compile(r"(?:\\.|[^\\$`])+", re.DOTALL)


def _dollar_end(src: str, pos: int, end: int) -> int | None:
    """Pandoc's rule: no space inside the dollars and no digit after them, so that "$5 and $6" is money."""
    if pos and (src[pos - 1].isalnum() or src[pos - 1] == "$"):
        return None
    body = _TO_DOLLAR.match(src, pos + 1, min(end, pos + LONGEST))
    if body is None or body.end() >= end or src[body.end()] != "$":
        return None
    text, after = body[0], src[body.end() + 1 : body.end() + 2]
    if text[0].isspace() or text[-1].isspace() or after.isdigit() or after.isupper() or after in ("$", "_"):
        return None
    return None if _MONEY.match(text) else body.end() + 1
