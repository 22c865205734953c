"""Models chosen when they are asked, by `config={"configurable": {…}}`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from nbchat.flow.attempt import Target
from nbchat.flow.effects import Flow
from nbchat.model.config import RunnableConfig, merge_configs
from nbchat.model.names import split_name
from nbchat.model.showable import shown
from nbchat.model.tools import as_tool, tools_in
from nbchat.model.verbs import Verbs
from nbchat.providers.table import find_provider
from nbchat.values.errors import ConfigurationError
from nbchat.values.schema import output_schema
from nbchat.wire.codec import Call

KEPT = 32  # chosen models that each configurable one keeps
_OURS = frozenset(
    {
        *("model", "model_provider", "base_url", "api_key", "proxy", "timeout", "max_retries"),
        *("temperature", "top_p", "top_k", "max_tokens", "stop", "seed", "logprobs", "top_logprobs", "reasoning"),
    }
)
Step = tuple[str, tuple[Any, ...], Mapping[str, Any]]


@dataclass(frozen=True, eq=False, repr=False)
class ConfigurableModel(Verbs[Any]):
    """A model whose name or parameters are chosen by each call; made by `init_chat_model`.

    `bind_tools`, `with_structured_output` and `bind` are kept, and done to the model that is chosen.

    Attributes:
        make: makes a model of a name and parameters.
        defaults: what is not chosen: `model`, `model_provider`, `temperature`, ….
        fields: what may be chosen, or "any".
        prefix: keys of `configurable` for this model begin with it and an underscore; "" for none.
        steps: methods to call on the chosen model.
        config: what is merged under each call's config.
    """

    make: Callable[..., Any]
    defaults: Mapping[str, Any]
    fields: tuple[str, ...] | str
    prefix: str = ""
    steps: tuple[Step, ...] = ()
    config: RunnableConfig = field(default_factory=RunnableConfig)
    _made: list[tuple[dict[str, Any], Any]] = field(default_factory=list, init=False)

    def flow(self, input: Any, config: RunnableConfig | None = None, *, stream: bool, **kwargs: Any) -> Flow[Any]:
        merged = merge_configs(self.config, config)
        model = self.chosen(merged)
        merged.pop("configurable", None)
        return model.flow(input, merged, stream=stream, **kwargs)

    def asked(self, input: Any) -> tuple[Target, Call]:
        """Those of the model chosen beforehand."""
        return self.chosen(self.config).asked(input)

    def chosen(self, config: RunnableConfig | None = None) -> Any:
        """The model that a call with this config asks.

        Raises:
            ConfigurationError: no model was chosen, or a parameter was that is not configurable.
        """
        choice = self._choice((config or {}).get("configurable") or {})
        for known, model in self._made:
            if known == choice:
                return model
        model = self.make(**self._parameters(choice))
        for method, args, kwargs in self.steps:
            model = getattr(model, method)(*args, **kwargs)
        self._made[KEPT - 1 :] = []
        self._made.insert(0, (choice, model))
        return model

    def _choice(self, configurable: Mapping[str, Any]) -> dict[str, Any]:
        """This model's part of `configurable`: what is not ours belongs to others."""
        start = f"{self.prefix}_" if self.prefix else ""
        choice = {}
        for key, value in configurable.items():
            name = key.removeprefix(start)
            if not key.startswith(start) or value is None:
                continue
            if self.fields == "any" or name in self.fields:
                choice[name] = value
            elif start or name in _OURS:
                raise ConfigurationError(
                    f"{key!r} is not configurable here; {', '.join(start + each for each in self.fields)} is: "
                    "see configurable_fields= of init_chat_model"
                )
        return choice

    def _parameters(self, choice: Mapping[str, Any]) -> dict[str, Any]:
        defaults = dict(self.defaults)
        given, home = defaults.pop("model", None), defaults.pop("model_provider", None)
        if given is not None:
            home, given = split_name(given, home)
        name = choice.get("model", given)
        if name is None:
            key = f"{self.prefix}_model" if self.prefix else "model"
            raise ConfigurationError(
                f'no model was chosen: pass config={{"configurable": {{"{key}": "openai:gpt-5-nano"}}}}'
            )
        provider = choice.get("model_provider") or (self._provider(name, home) if "model" in choice else home)
        if home is not None and provider != home:  # address and key are for that provider alone
            own = find_provider(home).own_arguments | {"base_url", "api_key"}
            defaults = {key: value for key, value in defaults.items() if key not in own}
        return {**defaults, **choice, "model": name, "model_provider": provider}

    def _provider(self, name: str, home: str | None) -> str | None:
        """The provider of a chosen name: what the name says, else the given one, else what the name suggests."""
        try:
            found = split_name(name, None)[0]
        except ConfigurationError:
            return home
        stays = self.defaults.get("model_provider") is not None and not name.startswith(f"{found}:")
        return home if stays else found

    def bind(self, **kwargs: Any) -> Self:
        """See `ChatModel.bind`."""
        return self._with_step("bind", **kwargs)

    def bind_tools(self, tools: Iterable[Any], **kwargs: Any) -> Self:
        """See `ChatModel.bind_tools`. What is not a tool is an error at once."""
        return self._with_step("bind_tools", [as_tool(each) for each in tools_in(tools)], **kwargs)

    def with_structured_output(self, schema: Any, **kwargs: Any) -> Self:
        """See `ChatModel.with_structured_output`. What is not a schema is an error at once."""
        output_schema(schema)
        return self._with_step("with_structured_output", schema, **kwargs)

    def with_config(self, config: RunnableConfig | None = None, **kwargs: Any) -> Self:
        """A model whose calls all have this config under their own; its `configurable` chooses beforehand."""
        return replace(self, config=merge_configs(self.config, config, kwargs))

    def with_configurable(self, **choice: Any) -> Self:
        """A model with this choice made, in the names that `configurable` has: `with_configurable(model="gpt-5")`."""
        return self.with_config({"configurable": choice})

    def _with_step(self, method: str, /, *args: Any, **kwargs: Any) -> Self:
        return replace(self, steps=(*self.steps, (method, args, kwargs)))

    def __repr__(self) -> str:
        parts = [f"{name}={value}" for name, value in shown(self.defaults).items() if name != "api_key"]
        done = "".join(f".{method}(…)" for method, _, _ in self.steps)
        return f"ConfigurableModel({', '.join([*parts, f'configurable_fields={self.fields!r}'])}){done}"


def configurable_model(
    make: Callable[..., Any], defaults: dict[str, Any], fields: Any, prefix: str | None
) -> ConfigurableModel:
    """See `init_chat_model`. Raises ConfigurationError where `fields` are no names."""
    config = defaults.pop("config", None) or RunnableConfig()
    if isinstance(fields, str):
        fields = fields if fields == "any" else (fields,)
    else:
        fields = tuple(fields)
        if not all(isinstance(each, str) for each in fields):
            raise ConfigurationError(f'configurable_fields takes names of parameters, or "any", not {fields!r}')
    given = {key: value for key, value in defaults.items() if value is not None}
    return ConfigurableModel(make, given, fields, prefix=(prefix or "").removesuffix("_"), config=config)
