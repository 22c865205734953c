"""What a page would do with our HTML: read by a real HTML parser, and every way to run, load or clobber named."""

import re
import xml.etree.ElementTree as ET

import html5lib

_ELEMENTS = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "hr", "br", "pre", "div"}
_ELEMENTS |= {"em", "strong", "s", "sub", "sup", "a", "code", "span", "img"}
_ELEMENTS |= {"table", "thead", "tbody", "tr", "th", "td"}
_ATTRIBUTES = {
    "a": {"href", "rel", "target"},
    "img": {"src", "alt", "loading", "referrerpolicy"},
    "ol": {"start"},
    "pre": {"data-lang"},
    "td": {"align"},
    "th": {"align"},
    "span": {"class"},
    "div": {"class"},
}
_CLASSES = {"math", "k", "s", "c", "m", "nf", "nb", "nd", "gd", "gi", "gh"}
_OURS = {  # what our own renderers write around a model's text
    "details": {"open"},
    "summary": set(),
    "b": set(),
    "style": set(),
    "label": set(),
    "span": {"tabindex", "class", "data-a", "title"},
    "i": {"class"},
    "input": {"type", "name", "class", "checked"},
    "p": {"role"},
    "div": {"class", "role", "aria-label"},
    "ol": {"class", "aria-label", "start"},
    "table": {"class"},
    "tr": {"style"},
    "th": {"scope", "align"},
}
_OUR_CLASSES = {"call", "ok", "bad", "warn", "sure", "lp", "keys", "sources"}
_OUR_CLASSES |= {f"{letter}{step}" for letter in "abc" for step in ("", *range(9))}
_LINK = re.compile(r"https?://[^/?#\\@\s]+([/?#].*)?|mailto:\S+", re.DOTALL)
_RASTER = re.compile(r"data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]+")
_FORMULA = re.compile(
    r"\$\$.+?\$\$|\$.+?\$|\\\(.+?\\\)|\\\[.+?\\\]|\\begin\{.+?\\end\{\w+\*?\}|\\(?:eq)?ref\{|\\\$", re.DOTALL
)
_REACHES_OUT = re.compile(
    r"\\(href|url|style|class|cssId|data|html\w+|require|includegraphics|bbox|fcolorbox|enclose|mmlToken|unicode|let|def"
    r"|renewcommand|newcommand|csname|global|setOptions|toggle|mathtip|texttip|label)(?![A-Za-z])"
)


def parse(markup: str) -> ET.Element:
    """The fragment as a browser builds it inside a `<div>`."""
    return html5lib.parseFragment(markup, container="div", treebuilder="etree", namespaceHTMLElements=False)


def dangers(markup: str, allow_hosts: frozenset[str] = frozenset(), *, ours: bool = False) -> list[str]:
    """Everything in the page that could run, load by itself, act on the page or be clobbered. Empty when safe.

    With `ours`, what our own renderers write around a model's text is allowed too.
    """
    root = parse(markup)
    attributes = {**_ATTRIBUTES, **_OURS} if ours else _ATTRIBUTES
    elements = _ELEMENTS | _OURS.keys() if ours else _ELEMENTS
    classes = _CLASSES | _OUR_CLASSES if ours else _CLASSES
    found = []
    for element in root.iter():
        if element is root:
            continue
        if not isinstance(element.tag, str) or element.tag not in elements:
            found.append(f"element {element.tag}")
            continue
        for name, value in element.attrib.items():
            if name not in attributes.get(element.tag, set()):
                found.append(f"{element.tag} {name}={value}")
        found += _bad_values(element, allow_hosts, classes)
    return found + [f"formula {text}" for text in formulas(root) if _REACHES_OUT.search(text)]


def _bad_values(element: ET.Element, allow_hosts: frozenset[str], classes: set[str]) -> list[str]:
    get = element.attrib.get
    found = [f"class {name}" for name in get("class", "").split() if name not in classes]
    if element.tag == "a":
        if not _LINK.fullmatch(get("href", "")):
            found.append(f"link to {get('href')}")
        if get("target") != "_blank" or not {"noopener", "noreferrer", "nofollow"} <= set(get("rel", "").split()):
            found.append(f"link that keeps its opener: {get('href')}")
    if element.tag == "img":
        source = get("src", "")
        host = re.match(r"https://([a-z0-9.-]+)(?=[/?#:]|$)", source)
        if source and not _RASTER.fullmatch(source) and not (host and host[1] in allow_hosts):
            found.append(f"loads {source}")
    return found


def formulas(root: ET.Element) -> list[str]:
    """What MathJax would take for formulas: it pairs delimiters inside one run of text, and skips code."""
    return [found[0] for run in _runs(root) for found in _FORMULA.finditer(run)]


def _runs(element: ET.Element) -> list[str]:
    runs = [element.text or ""]
    for child in element:
        if child.tag == "br":  # MathJax reads on over a line break
            runs[-1] += "\n" + (child.tail or "")
            continue
        if child.tag not in ("code", "pre"):
            runs += _runs(child)
        runs.append(child.tail or "")
    return runs


def text(markup: str) -> str:
    """What a reader, or a screen reader, gets."""
    return "".join(parse(markup).itertext())
