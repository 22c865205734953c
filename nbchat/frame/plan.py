"""What a batch is to do, apart from the rows it does it to."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from inspect import Parameter, Signature, signature
from typing import Any, Literal, TypeVar
from uuid import uuid4

from nbchat.frame.journal import DEFAULT, Journal
from nbchat.io.rate_limiter import InMemoryRateLimiter
from nbchat.values.errors import ConfigurationError

F = TypeVar("F", bound=Callable[..., Any])

KEPT = 32  # plans that are remembered, for `retry_errors`
UNLIMITED = 1e6  # requests a second


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The arguments of `batch_frame`, which see."""

    prompt: Any
    model: Any
    system: str | None = None
    images: Any = None
    files: Any = None
    schema: Any = None
    tools: Sequence[Any] | None = None
    n: int = 1
    wide: bool = False
    explode: bool = False
    include: Sequence[str] = ()
    prefix: str = ""
    journal: Journal | str | os.PathLike[str] | None = DEFAULT
    mode: Literal["live", "provider"] = "live"
    poll_s: float | None = 2.0
    max_concurrency: int | None = None
    rpm: float | None = None
    tpm: float | None = None
    budget_usd: float | None = None
    budget_tokens: int | None = None
    errors: Literal["rows", "raise"] = "rows"
    on_row: Callable[[Any], Any] | None = None
    progress: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)
    id: str = field(default_factory=lambda: uuid4().hex)

    def __post_init__(self) -> None:
        if self.n < 1:
            raise ConfigurationError(f"n is the number of samples a row, at least 1, not {self.n!r}")
        if self.n > 1 and self.wide:
            raise ConfigurationError("wide=True gives a column a model; with n= samples a row, leave it out")
        if self.max_concurrency is not None and self.max_concurrency < 1:
            raise ConfigurationError(f"max_concurrency is a number of at least 1, not {self.max_concurrency!r}")
        if self.mode not in ("live", "provider"):
            raise ConfigurationError(f"mode= takes 'live' or 'provider' (its Batch API), not {self.mode!r}")
        if self.poll_s is not None and not self.poll_s > 0:
            raise ConfigurationError(f"poll_s is a number of seconds above 0, not {self.poll_s!r}")
        if self.errors not in ("rows", "raise"):
            raise ConfigurationError(f"errors= takes 'rows' or 'raise', not {self.errors!r}")

    @property
    def by_provider(self) -> bool:
        """Whether questions go through the provider's Batch API."""
        return self.mode == "provider"

    def limiter(self) -> InMemoryRateLimiter | None:
        """What holds the batch to `rpm` and `tpm`; None where there is no limit."""
        return limiter_of(self.rpm, self.tpm)


def limiter_of(rpm: float | None, tpm: float | None) -> InMemoryRateLimiter | None:
    """A limiter of requests and tokens a minute; None where neither is limited."""
    for name, value in (("rpm", rpm), ("tpm", tpm)):
        if value is not None and not value > 0:
            raise ConfigurationError(f"{name} is a number a minute above 0, not {value!r}")
    if rpm is None and tpm is None:
        return None
    a_second = rpm / 60 if rpm else UNLIMITED
    return InMemoryRateLimiter(requests_per_second=a_second, max_bucket_size=max(1.0, a_second), tokens_per_minute=tpm)


_OURS = frozenset(each.name for each in fields(Plan)) - {"prompt", "model", "options", "id"}


def plan_of(frame: Any, prompt: Any, model: Any, arguments: Mapping[str, Any]) -> Plan:
    """The plan of a call; arguments that are not its own are parameters for the model.

    Raises:
        ConfigurationError: there is no prompt or no model, or an argument that cannot be.
    """
    if prompt is None:
        if getattr(frame, "ndim", 2) != 1:
            raise ConfigurationError("a batch needs a prompt: a format string over columns, as in 'Sum up: {text}'")
        prompt = frame
    if model is None:
        raise ConfigurationError("a batch needs a model, as in model='openai:gpt-5-nano' or 'local:smollm2-135m'")
    own = {name: value for name, value in arguments.items() if name in _OURS}
    options = {name: value for name, value in arguments.items() if name not in _OURS}
    return Plan(prompt=prompt, model=model, options=options, **own)


def takes_a_plan(function: F) -> F:
    """Let a function's signature, which completion shows, name the arguments of a plan in place of `**arguments`."""
    own = [p for p in signature(function).parameters.values() if p.kind is not p.VAR_KEYWORD]
    plan = [
        Parameter(each.name, Parameter.KEYWORD_ONLY, default=each.default, annotation=each.type)
        for each in fields(Plan)
        if each.name in _OURS
    ]
    options = Parameter("options", Parameter.VAR_KEYWORD)
    function.__signature__ = Signature([*own, *plan, options])  # type: ignore[attr-defined]
    return function


_plans: OrderedDict[str, Plan] = OrderedDict()


def remember(plan: Plan) -> None:
    """Keep a plan for `retry_errors`, as long as not too many others follow."""
    _plans[plan.id] = plan
    while len(_plans) > KEPT:
        _plans.popitem(last=False)


def remembered(id: str | None) -> Plan:
    """The plan of this id.

    Raises:
        ConfigurationError: it was made in another process, or long ago.
    """
    if id not in _plans:
        raise ConfigurationError(
            "this frame comes from no batch of this kernel: call batch_frame(df, …) again with the same arguments; "
            "it asks only what has no answer in the journal"
        )
    return _plans[id or ""]
