"""A provider's error answer, read into the tree of errors. No network, no clock."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json

from nbchat.values.errors import ProviderError, RateLimitError, ServerError
from nbchat.wire.error_words import ADVICE, BY_WORD, kind_of, plain
from nbchat.wire.untrusted import object_of, objects_in

REQUEST_IDS = (
    "x-request-id",
    "request-id",
    "x-amzn-requestid",
    "apim-request-id",
    "x-ms-request-id",
    "x-goog-request-id",
    "x-kong-request-id",
    "cf-ray",
)

_AGAIN = re.compile(r"(?:try again|retry) in (?:(\d+)h)?(?:(\d+)m(?!s))?(?:([\d.]+) ?(ms|s))?", re.I)


def read_error(
    provider: str,
    status: int | None,
    headers: Mapping[str, str],
    body: bytes | Any,
    *,
    retry_after: float | None = None,
) -> ProviderError:
    """The error that an answer means.

    Args:
        provider: name shown in the message.
        status: HTTP status; None for an error event inside a stream.
        headers: lower-case names.
        body: bytes as received, or the parsed error of a stream's event.
        retry_after: seconds to wait, where the headers say.
    """
    content = _parsed(body) if isinstance(body, bytes) else body
    code, said = _code_and_message(content)
    if status is not None and 300 <= status < 400:  # not followed: the key is not for whoever is named there
        said = f"it wants to be asked at {headers.get('location') or 'another address'}"
    code = code or (headers.get("x-amzn-errortype") or "").partition(":")[0] or None
    retry_after = _wait(content, said) if retry_after is None else retry_after
    kind = kind_of(status or _inner_status(content), code, said, waits=retry_after is not None)
    request_id = next(filter(None, map(headers.get, REQUEST_IDS)), None) or _inner_id(content)
    head = f"{provider} answered {status}" if status else f"{provider} broke off its answer"
    parts = [f"{head}: {_shortened(said) or code or 'no reason given'}"]
    if retry_after is not None and issubclass(kind, RateLimitError | ServerError):
        parts.append(f"; retry in {retry_after:g} s")
    elif advice := ADVICE.get(kind):
        parts.append(f"; {advice}")
    if request_id:
        parts.append(f" (request {request_id})")
    return kind(
        "".join(parts),
        provider=provider,
        status=status,
        code=code,
        request_id=request_id,
        retry_after=retry_after,
        body=content,
    )


def _parsed(body: bytes) -> Any:
    try:
        return from_json(body)
    except ValueError:
        return body.decode("utf-8", "replace")


def _code_and_message(content: Any) -> tuple[str | None, str]:
    """(provider's code, provider's words), whatever the shape of its error."""
    content = _first(content)
    if isinstance(content, str):
        return None, _page_title(content)
    if not isinstance(content, Mapping):
        return None, ""
    error = _first(content.get("error") or content.get("errors") or content)
    if not isinstance(error, Mapping):
        said, more = _words(error), _words(content.get("message") or content.get("detail"))
        return _word(content.get("code") or content.get("type")), f"{said}: {more}" if more else said
    said = _words(next((error[key] for key in _SAID if error.get(key)), ""))
    meta = error.get("metadata")
    if isinstance(meta, Mapping) and isinstance(meta.get("raw"), str):  # OpenRouter wraps the provider's own words
        said = f"{said}: {meta['raw']}"
    known = [word for key in _CODE if (word := _word(error.get(key)))]
    code = next((word for word in known if plain(word) in BY_WORD), None) or next(iter(known), None)
    return code, said


_SAID = ("message", "Message", "detail", "msg", "error", "error_msg", "title")
_CODE = ("code", "status", "type", "__type", "error_type", "error_code")


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else value


def _words(said: Any) -> str:
    """A message as text: some are lists of what is wrong where, or objects around such a list."""
    if isinstance(said, str):
        return said
    if isinstance(said, list):
        return "; ".join(map(_words, said))
    if not isinstance(said, Mapping):
        return "" if said is None else str(said)
    inner = next((said[key] for key in (*_SAID, "detail") if said.get(key)), None)
    text = _words(inner) if inner is not None else str(dict(said))
    place = said.get("loc")
    return f"{'.'.join(map(str, place))}: {text}" if isinstance(place, list) and place else text


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _inner_status(content: Any) -> int | None:
    """The HTTP status that an error inside a stream names, as a number or as text."""
    told = object_of(content)
    for inside in (told.get("error"), _first(told.get("errors")), told):
        for key in ("status_code", "code", "status"):
            value = str(object_of(inside).get(key))
            if value.isdecimal() and len(value) == 3 and 400 <= int(value) < 600:
                return int(value)
    return None


def _wait(content: Any, said: str) -> float | None:
    """Seconds to wait where only the body says so: Google's `retryDelay`, or "try again in 1m20.5s"."""
    error = content.get("error") if isinstance(content, Mapping) else None
    for detail in objects_in(object_of(error).get("details")):
        delay = detail.get("retryDelay")
        if isinstance(delay, str) and delay.removesuffix("s").replace(".", "", 1).isdecimal():
            return float(delay.removesuffix("s"))
    found = _AGAIN.search(said)
    if not found or not any(found.groups()):
        return None
    hours, minutes, seconds, unit = found.groups()
    rest = float(seconds) if seconds and seconds.count(".") < 2 and seconds != "." else 0.0
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + rest / (1000 if unit and unit.lower() == "ms" else 1)


def _inner_id(content: Any) -> str | None:
    for inside in (content, content.get("error") if isinstance(content, Mapping) else None):
        if isinstance(inside, Mapping) and isinstance(found := inside.get("request_id"), str):
            return found
    return None


def _page_title(text: str) -> str:
    title = re.search(r"<title[^>]*>(.*?)</title>", text, re.I | re.S)
    if title:
        return f"an HTML page titled {' '.join(title[1].split())!r}, not the API's own error; is the base URL right?"
    if text.lstrip()[:1] == "<":
        return "an HTML page, not the API's own error; is the base URL right?"
    return text.strip()


def _shortened(text: str, limit: int = 600) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
