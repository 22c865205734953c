"""What the words, codes and statuses of providers' errors mean in our own tree of errors. No network, no clock."""

from __future__ import annotations

import re

from nbchat.values.errors import (
    AuthenticationError,
    BadRequestError,
    ContentFilterError,
    ContextLengthError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    ProviderError,
    QuotaError,
    RateLimitError,
    ServerError,
)

_CONTEXT = re.compile(
    r"context.{0,12}(length|window|size|limit)|maximum (context|prompt length)|too many (input )?tokens"
    r"|prompt is too long|input.{0,20}too long|exceeds? the (maximum|available).{0,30}(tokens|context)"
    r"|exceeds? max length|range of input length|string too long|reduce the length|request too large"
    r"|tokens.{0,30}must be <=",
    re.I,
)
_FILTER = re.compile(
    r"content.?(filter|policy|management)|content exists risk|(sensitive|inappropriate) content|safety system|flagged"
    r"|moderation|guardrail.{0,20}interven|violat\w+ (our |the )?(usage|safety|content)",
    re.I,
)
_QUOTA = re.compile(
    r"insufficient.{0,8}(quota|balance|credit|funds)|credit balance|exceeded.{0,2}(your.)?current.quota|billing"
    r"|any credits|spend(ing)? limit|payment required",
    re.I,
)
_KEY = re.compile(
    r"(api|access).?key.{0,24}(not valid|invalid|incorrect|missing|expired)"
    r"|(incorrect|invalid).{0,12}(api|access).?key",
    re.I,
)
_OVERLOADED = re.compile(r"overloaded|no.{0,12}capacity|temporarily unavailable|currently loading", re.I)

BY_WORD: dict[str, type[ProviderError]] = {
    "authentication_error": AuthenticationError,
    "unauthenticated": AuthenticationError,
    "unauthorized": AuthenticationError,
    "unrecognizedclientexception": AuthenticationError,
    "expiredtokenexception": AuthenticationError,
    "invalidsignatureexception": AuthenticationError,
    "missingauthenticationtokenexception": AuthenticationError,
    "invalid_api_key": AuthenticationError,
    "permission_error": PermissionDeniedError,
    "permission_denied": PermissionDeniedError,
    "accessdeniedexception": PermissionDeniedError,
    "not_found_error": NotFoundError,
    "not_found": NotFoundError,
    "model_not_found": NotFoundError,
    "resourcenotfoundexception": NotFoundError,
    "rate_limit_error": RateLimitError,
    "rate_limit_exceeded": RateLimitError,
    "resource_exhausted": RateLimitError,
    "throttlingexception": RateLimitError,
    "insufficient_quota": QuotaError,
    "exceeded_current_quota_error": QuotaError,
    "billing_error": QuotaError,
    "servicequotaexceededexception": QuotaError,
    "invalid_request_error": BadRequestError,
    "invalid_argument": BadRequestError,
    "failed_precondition": BadRequestError,
    "validationexception": BadRequestError,
    "context_length_exceeded": ContextLengthError,
    "exceed_context_size_error": ContextLengthError,
    "content_filter": ContentFilterError,
    "content_policy_violation": ContentFilterError,
    "api_error": ServerError,
    "server_error": ServerError,
    "internal": ServerError,
    "internalserverexception": ServerError,
    "modelstreamerrorexception": ServerError,
    "modelerrorexception": ServerError,
    "overloaded_error": OverloadedError,
    "unavailable": OverloadedError,
    "serviceunavailableexception": OverloadedError,
    "modelnotreadyexception": OverloadedError,
}

_BY_STATUS: dict[int, type[ProviderError]] = {
    401: AuthenticationError,
    402: QuotaError,
    403: PermissionDeniedError,
    404: NotFoundError,
    408: ServerError,
    409: ServerError,
    429: RateLimitError,
    503: OverloadedError,
    529: OverloadedError,
}

ADVICE: dict[type[ProviderError], str] = {
    AuthenticationError: "check the API key",
    PermissionDeniedError: "this key may not use it: check the model's name and the account's rights",
    NotFoundError: "check the model's name and the base URL",
    QuotaError: "the account is out of credit or over its limit",
    ContextLengthError: "shorten the conversation, or use a model with a larger window",
    ContentFilterError: "rephrase the prompt",
}


def kind_of(status: int | None, code: str | None, said: str, *, waits: bool) -> type[ProviderError]:
    """The kind of an error by its status, its code and its words; `waits`: it says when to try again."""
    by_word = BY_WORD.get(plain(code or ""))
    if by_word in (ContextLengthError, ContentFilterError, QuotaError):
        return by_word
    if by_word is AuthenticationError and status in (400, 403):
        return by_word
    if status in (402, 403, 429, 400, None) and not waits and _QUOTA.search(f"{code} {said}"):
        return QuotaError
    if status == 413 or (status in (None, 400, 422) and by_word in (None, BadRequestError)):
        if _CONTEXT.search(said):
            return ContextLengthError
        if _KEY.search(said):
            return AuthenticationError
    refused = status in (None, 400, 403, 422) and by_word in (None, BadRequestError, PermissionDeniedError)
    if refused and _FILTER.search(f"{code} {said}"):
        return ContentFilterError
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if by_word and (status is None or 400 <= status <= 500):
        return by_word
    if status is not None and 400 <= status < 500:
        return BadRequestError
    if status is not None and 300 <= status < 400:
        return NotFoundError
    return OverloadedError if _OVERLOADED.search(said) else ServerError


def plain(word: str) -> str:
    """A code as the table has it: in lower case, without the namespace that AWS puts before it."""
    return word.rpartition("#")[2].lower()
