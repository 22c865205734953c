"""Models whose answers are values of the user's type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic_core import to_json

from nbchat.flow.attempt import Target
from nbchat.flow.effects import Flow
from nbchat.flow.structured import Form, structured
from nbchat.model.combinators import Around
from nbchat.model.config import RunnableConfig
from nbchat.model.verbs import Verbs
from nbchat.values.errors import ConfigurationError, UnsupportedError
from nbchat.values.messages import AIMessage, HumanMessage, Message, SystemMessage
from nbchat.values.reading import read_messages
from nbchat.values.schema import output_schema
from nbchat.wire import features
from nbchat.wire.codec import Call, OutputSchema, ToolSpec

if TYPE_CHECKING:
    from nbchat.model.chat_model import ChatModel

Method = Literal["json_schema", "function_calling", "json_mode"]
METHODS: tuple[Method, ...] = ("json_schema", "function_calling", "json_mode")


@dataclass(frozen=True, eq=False)
class StructuredModel(Around[Any]):
    """A model that answers with a value; made by `with_structured_output`."""

    model: Verbs[AIMessage]
    form: Form
    include_raw: bool = False

    def flow(self, input: Any, config: RunnableConfig | None = None, *, stream: bool, **kwargs: Any) -> Flow[Any]:
        answer = self.model.flow(self._told(input), config, stream=stream, **kwargs)
        return structured(answer, self.form, stream=stream, include_raw=self.include_raw)

    def asked(self, input: Any) -> tuple[Target, Call]:
        return self.model.asked(self._told(input))

    def _told(self, input: Any) -> Any:
        return _told(read_messages(input), self.form) if self.form.method == "json_mode" else input

    def bind_tools(self, tools: Any, **kwargs: Any) -> Self:
        """Tools come first: `model.bind_tools(…).with_structured_output(…)`. Raises ConfigurationError that says so."""
        raise ConfigurationError("bind tools first: model.bind_tools(…).with_structured_output(…)")

    def with_structured_output(self, schema: Any, **kwargs: Any) -> Self:
        """An answer has one schema. Raises ConfigurationError that says so."""
        raise ConfigurationError(f"this model answers with {self.form.name} already: start from its .model")

    def __repr__(self) -> str:
        return f"StructuredModel({self.model!r}, {self.form.name}, method={self.form.method!r})"


def structured_model(
    model: ChatModel, schema: Any, method: Method | None, include_raw: bool, strict: bool | None
) -> StructuredModel:
    """See `ChatModel.with_structured_output`."""
    name, plain, about = output_schema(schema)
    if method is None:
        method = _first_possible(model, OutputSchema(name, plain, description=about))
    if method not in METHODS:
        raise ConfigurationError(f"method is one of {', '.join(METHODS)}, not {method!r}")
    if method == "function_calling":
        asked = model.bind(tools=(ToolSpec(name, about, plain, strict),), tool_choice=name)
    else:
        asked = model.bind(output=OutputSchema(name, plain, method, strict, about))
    return StructuredModel(asked, Form(name, schema, plain, method), include_raw)


def _first_possible(model: ChatModel, output: OutputSchema) -> Method:
    """The surest method that this provider, this model and this schema allow."""
    question = [HumanMessage("?")]
    tool = ToolSpec(output.name, output.description, output.schema)
    calls: dict[Method, Call] = {
        "json_schema": Call(model.model, question, output=output),
        "function_calling": Call(model.model, question, tools=(tool,), tool_choice=tool.name),
    }
    for method, call in calls.items():
        try:
            features.check(model.target.codec, call, provider=model.provider, lacks=model.target.lacks)
            model.target.codec.request(call)
        except UnsupportedError:
            continue
        return method
    return "json_mode"


def _told(messages: list[Message], form: Form) -> list[Message]:
    """The conversation, with the schema in words: in JSON mode the provider only knows that JSON is wanted."""
    place = next((i for i, m in enumerate(messages) if not isinstance(m, SystemMessage)), len(messages))
    schema = to_json(form.schema).decode()
    order = SystemMessage(f"Answer with one JSON object, and nothing else, that fits this JSON schema:\n{schema}")
    return [*messages[:place], order, *messages[place:]]
