"""What a batch is to do, apart from the rows it does it to."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from inspect import Parameter, Signature, signature
from numbers import Real
from typing import Any, Literal, TypeVar
from uuid import uuid4

from nbchat.frame.journal import DEFAULT, Journal
from nbchat.io.rate_limiter import InMemoryRateLimiter
from nbchat.providers.endpoint import Secret
from nbchat.values.complaints import check_spelling
from nbchat.values.errors import ConfigurationError

F = TypeVar("F", bound=Callable[..., Any])

KEPT = 32  # plans that are remembered, for `retry_errors`
UNLIMITED = 1e6  # requests a second
OF_BATCH_FRAME = ("dry_run", "sample", "out")


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
    max_rounds: int = 10
    n: int = 1
    wide: bool = False
    explode: bool = False
    include: str | Sequence[str] = ()
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
        for name in ("n", "max_rounds"):
            check_number(name, getattr(self, name) or 0, whole=True)
        check_number("max_concurrency", self.max_concurrency, whole=True)
        for name in ("poll_s", "rpm", "tpm", "budget_usd", "budget_tokens"):
            check_number(name, getattr(self, name))
        if self.n > 1 and self.wide:
            raise ConfigurationError("wide=True gives a column a model; with n= samples a row, leave it out")
        if self.mode not in ("live", "provider"):
            raise ConfigurationError(f"mode= takes 'live' or 'provider' (its Batch API), not {self.mode!r}")
        if self.errors not in ("rows", "raise"):
            raise ConfigurationError(f"errors= takes 'rows' or 'raise', not {self.errors!r}")
        if not isinstance(self.prefix, str):
            raise ConfigurationError(f"prefix= is a text before the names of columns, not {self.prefix!r}")
        if self.on_row is not None and not callable(self.on_row):
            raise ConfigurationError(f"on_row= takes a function of a row, not {self.on_row!r:.80}")

    @property
    def several(self) -> bool:
        """Whether several models answer each row."""
        return isinstance(self.model, list | tuple | Mapping)

    @property
    def answers_a_row(self) -> int:
        """How many answers each row gets."""
        return self.n * (len(self.model) if self.several else 1)

    @property
    def by_provider(self) -> bool:
        """Whether questions go through the provider's Batch API."""
        return self.mode == "provider"

    def limiter(self) -> InMemoryRateLimiter | None:
        """What holds the batch to `rpm` and `tpm`; None where there is no limit."""
        return limiter_of(self.rpm, self.tpm)


def check_number(name: str, value: Any, whole: bool = False) -> None:
    """Raises ConfigurationError where an argument is there and no number above 0."""
    number = float(value) if isinstance(value, Real) and value is not True else 0.0
    if value is not None and (not number > 0 or (whole and not number.is_integer())):
        raise ConfigurationError(f"{name}= is a {'whole ' * whole}number above 0, not {value!r:.80}")


def limiter_of(rpm: float | None, tpm: float | None) -> InMemoryRateLimiter | None:
    """A limiter of requests and tokens a minute; None where neither is limited."""
    if rpm is None and tpm is None:
        return None
    a_second = rpm / 60 if rpm else UNLIMITED
    return InMemoryRateLimiter(requests_per_second=a_second, max_bucket_size=max(1.0, a_second), tokens_per_minute=tpm)


_OURS = frozenset(each.name for each in fields(Plan)) - {"prompt", "model", "options", "id"}


def plan_of(frame: Any, prompt: Any, model: Any, arguments: dict[str, Any]) -> Plan:
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
    if isinstance(arguments.get("api_key"), str):
        arguments["api_key"] = Secret(arguments["api_key"])  # a verbose traceback shows local variables
    own = {name: value for name, value in arguments.items() if name in _OURS}
    options = {name: value for name, value in arguments.items() if name not in _OURS}
    for name in options:
        if name in OF_BATCH_FRAME:
            raise ConfigurationError(f"{name}= is an argument of batch_frame alone")
    check_spelling(options, (*_OURS, *OF_BATCH_FRAME))
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
