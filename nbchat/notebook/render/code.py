"""Highlighted code as a few short classes: small in the notebook file, and plain code where styles are stripped."""

import html
import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from time import monotonic

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Generic, Keyword, Name, Number, Operator, String, _TokenType
from pygments.util import ClassNotFound

from nbchat.notebook.render.safe import visible

LONGEST = 20_000  # characters; longer code stays plain: it would grow fourfold in the notebook file
_SECONDS = 0.3  # a lexer that takes longer has met text made to slow it down; what is left stays plain

# The lexer is the model's choice, so only lexers without a runaway pattern.
LANGUAGES = frozenset(
    {
        "bash", "c", "cpp", "csharp", "css", "diff", "docker", "go", "graphql", "haskell", "html", "http", "java",
        "javascript", "json", "julia", "kotlin", "latex", "lua", "make", "nix", "perl", "php", "powershell",
        "protobuf", "pycon", "python", "r", "ruby", "rust", "sql", "swift", "toml", "tsx", "typescript", "xml",
        "yaml", "zig",
    }
)  # fmt: skip
_ALIASES = {
    **dict.fromkeys(["py", "python3", "ipython", "ipython3"], "python"),
    **dict.fromkeys(["sh", "shell", "zsh", "console", "shell-session"], "bash"),
    **dict.fromkeys(["js", "jsx", "mjs", "node"], "javascript"),
    **dict.fromkeys(["c++", "cc", "hpp"], "cpp"),
    **dict.fromkeys(["c#", "cs"], "csharp"),
    **dict.fromkeys(["jsonc", "json5", "jsonl"], "json"),
    "dockerfile": "docker",
    "golang": "go",
    "hs": "haskell",
    "jl": "julia",
    "kt": "kotlin",
    "makefile": "make",
    "patch": "diff",
    "ps1": "powershell",
    "rb": "ruby",
    "rs": "rust",
    "tex": "latex",
    "ts": "typescript",
    "yml": "yaml",
}

_CLASSES: list[tuple[_TokenType, str]] = [
    (Comment, "c"),
    (Keyword, "k"),
    (Operator.Word, "k"),
    (Name.Tag, "k"),
    (String, "s"),
    (Number, "m"),
    (Name.Function, "nf"),
    (Name.Class, "nf"),
    (Name.Builtin, "nb"),
    (Name.Exception, "nb"),
    (Name.Decorator, "nd"),
    (Name.Attribute, "nd"),
    (Generic.Deleted, "gd"),
    (Generic.Inserted, "gi"),
    (Generic.Heading, "gh"),
    (Generic.Subheading, "gh"),
    (Generic.Prompt, "c"),
]


def code_html(code: str, language: str = "") -> str:
    """`<pre>` with the code of a fenced block; `language` is the first word of its info, as the model spells it."""
    name = _ALIASES.get(language.lower(), language.lower())
    return _pre(_highlight(visible(code), name), name)  # a direction override can make code read other than it runs


_WITHIN = re.compile(r'<span class="([sc])">[^<]*\n</span>\Z')  # the code ends in a string or comment of many lines


class GrowingCode:
    """The same for a block that still grows: its last lines are lexed at each redraw, and all of them now and then.

    In between, the last lines are lexed as if they stood alone, which may miss a construct that began far above.
    """

    def __init__(self) -> None:
        self._language = self._lexed = self._markup = ""

    def html(self, code: str, language: str) -> str:
        """`<pre>` with the code so far."""
        name, code = _ALIASES.get(language.lower(), language.lower()), visible(code)
        new = len(code) - len(self._lexed)
        if name != self._language or not code.startswith(self._lexed) or new > max(1_500, len(code) // 8):
            self._language, self._lexed = name, code[: code.rfind("\n") + 1]
            self._markup = _highlight(self._lexed, name)
        rest = code[len(self._lexed) :]
        within = _WITHIN.search(self._markup)
        tail = f'<span class="{within[1]}">{html.escape(rest)}</span>' if within else _highlight(rest, name)
        return _pre(self._markup + tail, name)


def _pre(markup: str, name: str) -> str:
    shown = f' data-lang="{name}"' if name in LANGUAGES else ""
    return f"<pre{shown}><code>{markup}</code></pre>\n"


def _highlight(code: str, name: str) -> str:
    if name not in LANGUAGES or len(code) > LONGEST:
        return html.escape(code)
    runs = groupby(_tokens(code, name), key=itemgetter(0))
    pieces = ((kind, html.escape("".join(text for _, text in run))) for kind, run in runs)
    return "".join(f'<span class="{kind}">{text}</span>' if kind else text for kind, text in pieces)


def _tokens(code: str, name: str) -> Iterator[tuple[str, str]]:
    """Pairs of class and text that add up to the code."""
    lexer, done, deadline = _lexer(name), 0, monotonic() + _SECONDS
    for kind, text in lexer.get_tokens(code) if lexer else ():
        if monotonic() > deadline:
            break
        done += len(text)
        yield _class(kind), text
    yield "", code[done:]


@lru_cache(maxsize=len(LANGUAGES))
def _lexer(name: str) -> Lexer | None:
    try:
        return get_lexer_by_name(name, stripnl=False, ensurenl=False)
    except ClassNotFound:  # an older Pygments without this language
        return None


@lru_cache(maxsize=512)
def _class(kind: _TokenType) -> str:
    return next((name for family, name in _CLASSES if kind in family), "")
