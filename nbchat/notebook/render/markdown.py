"""A model's Markdown to safe HTML: tables, code, LaTeX, quiet headings; nothing runs and nothing loads by itself."""

import html
import re
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.rules_core.text_join import text_join
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from nbchat.notebook.render.code import code_html
from nbchat.notebook.render.math import math_plugin
from nbchat.notebook.render.mend import mend
from nbchat.notebook.render.safe import (
    clean,
    host,
    is_loadable_image,
    is_safe_link,
    visible,
    whole_characters,
    without_math,
)

HEADING_OFFSET = 2  # levels
MOST_BRACKETS = 1_000  # in one paragraph; with more it stays as written
DEEPEST = 60  # levels of quotes and lists; text below that is dropped


def markdown_html(text: str, *, allow_hosts: Collection[str] = frozenset()) -> str:
    """Safe HTML for an answer in CommonMark with GitHub's tables, strike-through and task lists, and LaTeX.

    Raw HTML is shown as text, but for `<br>`, `<sub>x</sub>` and `<sup>x</sup>`. A remote image becomes a link that
    names its host, unless the host is in `allow_hosts` (https only). Formulas keep their delimiters for the page's
    MathJax. A model's `#` is the notebook's `###`.
    """
    return clean(markdown_parser(frozenset(allow_hosts)).render(normal(text)))


def normal(text: str) -> str:
    """Text with whole characters and `\\n` line ends, so that a line number means the same to us and to the parser."""
    return whole_characters(text).replace("\r\n", "\n").replace("\r", "\n")


@lru_cache(maxsize=16)
def markdown_parser(allow_hosts: frozenset[str]) -> MarkdownIt:
    """The one configured parser. Its `env`, beside markdown-it's own keys, may hold:

    open: whether the answer still comes, and its end should look calm.
    inlines: the texts of the parse before and the `references` they were parsed with; replaced by those of this one.
    growing_code: a `GrowingCode` for the last block.
    """
    md = MarkdownIt("commonmark", {"html": False, "xhtmlOut": False, "maxNesting": DEEPEST})
    md.enable(["table", "strikethrough"]).use(math_plugin)
    md.validateLink = lambda url: is_safe_link(url) or is_loadable_image(url, ())  # type: ignore[method-assign]
    md.normalizeLinkText = lambda link: link  # type: ignore[method-assign]  # punycode unmasks a look-alike host
    md.inline.ruler.before("autolink", "plain_tag", _plain_tag)
    md.inline.ruler.push("bare_url", _bare_url)
    md.core.ruler.before("inline", "tasks", _tick_tasks)
    md.core.ruler.before("inline", "mend", mend)
    md.core.ruler.before("inline", "brackets", _leave_brackets)
    md.core.ruler.at("inline", _parse_inlines)
    md.disable("text_join")  # `_parse_inlines` does it: a second time it would join twice
    md.core.ruler.push("headings", _nest_headings)
    for name, rule in _RENDERERS.items():
        md.add_render_rule(name, rule)
    md.add_render_rule("image", _image(frozenset(map(str.lower, allow_hosts))))
    return md


_PLAIN_TAG = re.compile(r"<(br)\s{0,3}/?>|<(su[bp])>([\w\s+.,()=-]{1,80})</\2>", re.ASCII)


def _plain_tag(state: StateInline, silent: bool) -> bool:
    found = _PLAIN_TAG.match(state.src, state.pos, state.posMax)
    if found is None:
        return False
    if not silent:
        tag = found[1] or found[2]
        state.push("plain_tag", tag, 0).content = "<br>" if found[1] else f"<{tag}>{html.escape(found[3])}</{tag}>"
    state.pos = found.end()
    return True


_URL_TAIL = re.compile(r"://[^\s<>\"`*\\|$\[\]{}]+")
_SCHEME = re.compile(r"(?<![^\W_])https?$", re.IGNORECASE)


def _bare_url(state: StateInline, silent: bool) -> bool:
    """`https://…` in running text is a link, without the full stop or bracket that follows it."""
    found = _URL_TAIL.match(state.src, state.pos, state.posMax)
    scheme = _SCHEME.search(state.pending[-6:]) if found and not state.linkLevel else None
    if found is None or scheme is None:
        return False
    tail = found[0].rstrip(".,;:!?'_~")
    if tail.endswith(")") and tail.count("(") < tail.count(")"):
        tail = tail.rstrip(").,;:!?'")
    url = scheme[0] + tail
    if not is_safe_link(url):
        return False
    if not silent:
        state.pending = state.pending[: -len(scheme[0])]
        state.push("link_open", "a", 1).attrs = {"href": state.md.normalizeLink(url)}
        state.push("text", "", 0).content = url
        state.push("link_close", "a", -1)
    state.pos += len(tail)
    return True


def _nest_headings(state: StateCore) -> None:
    for token in state.tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + HEADING_OFFSET)}"


def _leave_brackets(state: StateCore) -> None:
    """A paragraph of nothing but brackets, a bare dump of nested lists say, is text: each would be tried as a link."""
    for token in state.tokens:
        if token.type == "inline" and token.content.count("[") > MOST_BRACKETS:
            token.type = "text"


def _tick_tasks(state: StateCore) -> None:
    for item, _, inline in zip(state.tokens, state.tokens[1:], state.tokens[2:], strict=False):
        if item.type == "list_item_open" and (box := re.match(r"\[([ xX])\](?=\s)", inline.content)):
            inline.content = ("☐" if box[1] == " " else "☑") + inline.content[3:]


def _parse_inlines(state: StateCore) -> None:
    """Parse the text of every block, or take over what the parse before made of the same text."""
    definitions = state.env.get("references", {})
    last: tuple[Any, dict[str, Any]] | None = state.env.get("inlines")
    defined, known = last or (None, {})
    texts = [token for token in state.tokens if token.type == "inline"]
    new = [token for token in texts if defined != definitions or token.content not in known]
    for token in new:
        token.children = []
        state.md.inline.parse(token.content, state.md, state.env, token.children)
    text_join(StateCore("", state.md, state.env, new))
    parsed = {token.content: token.children for token in new}
    for token in texts:
        token.children = parsed.setdefault(token.content, known.get(token.content))
    state.env["inlines"] = (dict(definitions), parsed)


def _text(self: Any, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
    return without_math(html.escape(tokens[idx].content, quote=False))


def _code(self: Any, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
    language = (tokens[idx].info.split() or [""])[0]
    growing = env.get("growing_code") if idx == len(tokens) - 1 else None
    return (growing.html if growing else code_html)(tokens[idx].content, language)


def _inline_code(self: Any, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
    return f"<code>{html.escape(visible(tokens[idx].content))}</code>"


def _image(allow_hosts: frozenset[str]) -> Any:
    def image(self: Any, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        """The image where the page may load it, otherwise what it shows and where it is."""
        source = str(tokens[idx].attrs["src"])
        alt = self.renderInlineAsText(tokens[idx].children or [], options, env)
        if is_loadable_image(source, allow_hosts):
            shown = f'src="{html.escape(source)}" alt="{html.escape(alt)}"'
            return f'<img {shown} loading="lazy" referrerpolicy="no-referrer">'
        label = without_math(html.escape(f"{alt or 'image'} ({host(source) or source})"))
        inside_link = sum(token.nesting for token in tokens[:idx] if token.tag == "a")
        return label if inside_link else f'<a href="{html.escape(source)}">{label}</a>'

    return image


def _cell(self: Any, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
    """Alignment as an attribute: it survives where styles are stripped."""
    style = str(tokens[idx].attrs.get("style", ""))
    align = f' align="{style.removeprefix("text-align:")}"' if style else ""
    return f"<{tokens[idx].tag}{align}>"


def _link(self: Any, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
    return f'<a href="{html.escape(str(tokens[idx].attrs["href"]))}">'  # a title could contradict the address


def _plain(self: Any, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
    return tokens[idx].content


_RENDERERS = {
    "text": _text,
    "fence": _code,
    "code_block": _code,
    "code_inline": _inline_code,
    "th_open": _cell,
    "td_open": _cell,
    "link_open": _link,
    "plain_tag": _plain,
}
