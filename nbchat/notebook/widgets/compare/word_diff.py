"""What differs between two texts, word by word, as HTML. Quick for texts of any length."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import accumulate

from nbchat.notebook.render.safe import escape_text

_HAN = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"  # written without spaces: each sign is a word here
_MARKS = r"""!-/:-@\[-`{-~…“”„‘’«»–—、。！？，"""  # noqa: RUF001
_WORD = re.compile(rf"[{_HAN}]\s*|[^\s{_MARKS}{_HAN}]+\s*|[{_MARKS}]\s*|\s+")
_CLOSE = 40_000  # pairs of words up to which all matches are tried; longer stretches are cut at what occurs once
_PHRASE = 4  # words
_CRUMB = 20  # characters
_PATIENCE = 4_000_000  # pairs in all: beyond them, stretches without anchors count as different

Change = tuple[int, int, int, int]  # words of the old text from, to; words of the new one from, to


@lru_cache(maxsize=16)  # it is drawn again with every change of the page
def word_diff(old: str, new: str) -> str:
    """The new text with what is only in it marked `<ins>`, and what is only in the old one `<del>`."""
    a, b = _WORD.findall(old), _WORD.findall(new)
    out, come = [], 0
    for a0, a1, b0, b1 in _readable(_changes(_bare(a), _bare(b)), a, b):
        out.append(escape_text("".join(b[come:b0])))
        out += _marked("del", "".join(a[a0:a1])) + _marked("ins", "".join(b[b0:b1]))
        come = b1
    out.append(escape_text("".join(b[come:])))
    return f'<div class="words">{"".join(out)}</div>'


def _bare(words: list[str]) -> list[str]:
    return [word.rstrip() for word in words]  # another line break is no other word


def _marked(tag: str, text: str) -> list[str]:
    """The text in a tag, the space after it outside."""
    words = text.rstrip()
    return [f"<{tag}>{escape_text(words)}</{tag}>{text[len(words) :]}"] if words else []


def _changes(a: list[str], b: list[str]) -> list[Change]:
    """Where two lists of words differ, in order."""
    out: list[Change] = []
    patience = _PATIENCE
    waiting: list[Change] = [(0, len(a), 0, len(b))]
    while waiting:
        a0, a1, b0, b1 = _without_ends(a, b, waiting.pop())
        pairs = (a1 - a0) * (b1 - b0)
        if pairs == 0:
            if a1 > a0 or b1 > b0:
                out.append((a0, a1, b0, b1))
        elif pairs <= min(_CLOSE, patience):
            patience -= pairs
            codes = SequenceMatcher(None, a[a0:a1], b[b0:b1], autojunk=False).get_opcodes()
            out += [(a0 + i0, a0 + i1, b0 + j0, b0 + j1) for kind, i0, i1, j0, j1 in codes if kind != "equal"]
        elif anchors := _anchors(a, b, (a0, a1, b0, b1)):
            starts = [(a0, b0), *((i + 1, j + 1) for i, j in anchors)]
            ends = [*anchors, (a1, b1)]
            between = [(i0, i1, j0, j1) for (i0, j0), (i1, j1) in zip(starts, ends, strict=True)]
            waiting += reversed(between)
        else:
            out.append((a0, a1, b0, b1))
    return out


def _without_ends(a: list[str], b: list[str], stretch: Change) -> Change:
    """A stretch without the words that both begin and both end with."""
    a0, a1, b0, b1 = stretch
    while a0 < a1 and b0 < b1 and a[a0] == b[b0]:
        a0, b0 = a0 + 1, b0 + 1
    while a0 < a1 and b0 < b1 and a[a1 - 1] == b[b1 - 1]:
        a1, b1 = a1 - 1, b1 - 1
    return a0, a1, b0, b1


def _anchors(a: list[str], b: list[str], stretch: Change) -> list[tuple[int, int]]:
    """Places that both surely share: where phrases begin, or else words, that occur once in each."""
    for length in (_PHRASE, 1):
        if found := _rising(_unique(a, b, stretch, length)):
            return found
    return []


def _unique(a: list[str], b: list[str], stretch: Change, length: int) -> list[tuple[int, int]]:
    """Where in both each run of so many words is that occurs once in each."""
    a0, a1, b0, b1 = stretch
    runs_a = [tuple(a[i : i + length]) for i in range(a0, a1 - length + 1)]
    runs_b = [tuple(b[j : j + length]) for j in range(b0, b1 - length + 1)]
    once_a, once_b = Counter(runs_a), Counter(runs_b)
    places = {run: j for j, run in enumerate(runs_b, b0) if once_b[run] == 1}
    return [(i, places[run]) for i, run in enumerate(runs_a, a0) if once_a[run] == 1 and run in places]


def _rising(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """As many of the pairs as are in the same order in both: what patience diff goes by."""
    ends: list[int] = []  # the lowest end of a rising run, by its length
    chain: list[int] = []  # the pair at that end
    before: list[int] = []  # by pair: the one before it in its run
    for number, (_, j) in enumerate(pairs):
        length = bisect_left(ends, j)
        ends[length : length + 1] = [j]
        chain[length : length + 1] = [number]
        before.append(chain[length - 1] if length else -1)
    out, at = [], chain[-1] if chain else -1
    while at >= 0:
        out.append(pairs[at])
        at = before[at]
    return out[::-1]


def _readable(changes: list[Change], a: list[str], b: list[str]) -> list[Change]:
    """The changes, joined where only a crumb is equal between two, and no more than differs in each: it distracts."""
    old, new = ([0, *accumulate(map(len, words))] for words in (a, b))

    def size(change: Change) -> int:
        a0, a1, b0, b1 = change
        return max(old[a1] - old[a0], new[b1] - new[b0])

    out: list[Change] = []
    for change in changes:
        while out and old[change[0]] - old[out[-1][1]] <= min(_CRUMB, size(out[-1]), size(change)):
            a0, _, b0, _ = out.pop()
            change = (a0, change[1], b0, change[3])
        out.append(change)
    return out
