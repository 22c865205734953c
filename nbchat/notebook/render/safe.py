"""What may reach the page: escaping, the policy for links and images, the last cleaning. Model output is hostile."""

import html
import re
from collections.abc import Collection

import nh3

CODE_CLASSES = frozenset({"k", "s", "c", "m", "nf", "nb", "nd", "gd", "gi", "gh"})

_REL = "noopener noreferrer nofollow"
# No user@host, no backslash and no control character: browsers and Python read such authorities differently.
_LINK = re.compile(r"(?:https?://[^\s/?#\\@<>\"]+(?:[/?#]\S*)?|mailto:[^\s<>\"]+@[^\s<>\"]+)", re.IGNORECASE)
_REMOTE_IMAGE = re.compile(r"https://([a-z0-9.-]+)(?::\d+)?(?:[/?#]\S*)?", re.IGNORECASE)
_INLINE_IMAGE = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+={0,2}", re.IGNORECASE)
_AUTHORITY = re.compile(r"https?://([^/?#]+)", re.IGNORECASE)

# C0 and C1 controls, soft hyphen, zero-width and direction marks, invisible operators, interlinear and tag characters;
# but not the two joiners, which scripts and emoji need.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)


def whole_characters(text: str) -> str:
    """Join surrogate pairs that arrived as two halves; a lone half becomes U+FFFD, since no page can carry it."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def visible(text: str) -> str:
    """Show what hides: a control, zero-width or direction-changing character is `⟨U+202E⟩`; tab and newline stay."""
    if text.isprintable():  # the usual case, kept short
        return text
    return _INVISIBLE.sub(lambda m: f"⟨U+{ord(m[0]):04X}⟩", whole_characters(text))


def without_math(escaped: str) -> str:
    """Set `$` and `\\` of escaped text apart in a bare span: MathJax pairs delimiters only inside one run of text."""
    return re.sub(r"[$\\]", lambda m: f"<span>{m[0]}</span>", escaped)


def escape_text(text: object) -> str:
    """HTML for a tool's name, an argument, an error or a model's name, as the content of an element (no attribute).

    Markup is escaped, invisible characters are shown, and no part is taken for a formula.
    """
    return without_math(html.escape(visible(str(text))))


def escape_attribute(text: object) -> str:
    """The same for the value of a quoted attribute."""
    return html.escape(visible(str(text)), quote=True)


def is_safe_link(url: str) -> bool:
    """Whether a reader may be offered this address: absolute http, https or mailto.

    A relative one would act with the reader's own session on the notebook server (`/hub/logout`).
    """
    return _LINK.fullmatch(url) is not None


def link_html(url: str, label: str) -> str:
    """A link that tells the other side nothing; the label is safe HTML, the address is one that `is_safe_link`."""
    return f'<a href="{escape_attribute(url)}" rel="{_REL}" target="_blank">{label}</a>'


def is_loadable_image(url: str, allow_hosts: Collection[str]) -> bool:
    """Whether the page may load this image by itself: a `data:` raster, or https from an allowed host.

    Any other address would tell a stranger that, when and by whom the answer is read, and could carry data out.
    """
    if remote := _REMOTE_IMAGE.fullmatch(url):
        return remote[1].lower() in allow_hosts
    return _INLINE_IMAGE.fullmatch(url) is not None


def host(url: str) -> str:
    """The host (and port) of an http address, or the empty string."""
    found = _AUTHORITY.match(url)
    return found[1] if found else ""


_ATTRIBUTES = {"a": {"href"}, "ol": {"start"}, "pre": {"data-lang"}}
_IMAGE_ATTRIBUTES = {"img": {"src", "alt", "loading", "referrerpolicy"}}
_TAGS = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "hr", "br", "div"}
_TAGS |= {"em", "strong", "s", "sub", "sup", "a", "code", "pre", "span"}
_TAGS |= {"table", "thead", "tbody", "tr", "th", "td"}
_ALIGN = {"align": {"left", "center", "right"}}


def _image_source(element: str, attribute: str, value: str) -> str | None:
    if attribute == "href":
        return value if is_safe_link(value) else None
    if attribute == "src":
        return value if _REMOTE_IMAGE.fullmatch(value) or _INLINE_IMAGE.fullmatch(value) else None
    return value


def _cleaner(*, images: bool) -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=_TAGS | ({"img"} if images else set()),
        attributes=_ATTRIBUTES | (_IMAGE_ATTRIBUTES if images else {}),
        attribute_filter=_image_source if images else None,
        allowed_classes={"span": {*CODE_CLASSES, "math"}, "div": {"math"}},
        tag_attribute_values={"th": _ALIGN, "td": _ALIGN},
        set_tag_attribute_values={"a": {"target": "_blank"}},
        link_rel=_REL,
        url_schemes={"http", "https", "mailto"} | ({"data"} if images else set()),
        url_relative="deny",
    )


_WITHOUT_IMAGES = _cleaner(images=False)
_WITH_IMAGES = _cleaner(images=True)  # slower: it asks `_image_source` about every attribute


def clean(markup: str) -> str:
    """The last gate: keep only the elements, attributes, classes and schemes that our own renderers write."""
    return (_WITH_IMAGES if "<img" in markup else _WITHOUT_IMAGES).clean(markup)
