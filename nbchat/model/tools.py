"""Tools: functions that a model may ask for, with the schema it sees and the check of what it gives."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, overload

from pydantic import BaseModel, ValidationError

from nbchat.flow import effects as do
from nbchat.flow.effects import Flow
from nbchat.io.drivers import arun, run
from nbchat.model.callbacks import handlers_of, tool_observed
from nbchat.model.config import RunnableConfig, merge_configs
from nbchat.model.tool_specs import Bound, spec_of, strictly
from nbchat.values.complaints import complaints
from nbchat.values.errors import ConfigurationError, ToolError
from nbchat.values.messages import ToolMessage
from nbchat.values.schema import checked_name
from nbchat.values.tool_results import tool_content
from nbchat.values.tool_schema import Arguments, arguments_of, function_name, function_text, parameters_schema
from nbchat.wire.codec import ToolSpec

ResponseFormat = Literal["content", "content_and_artifact"]


class Tool:
    """A function, with its name, description and schema for a model; made by `@tool`. It is still called as before.

    Args:
        function: the function, sync or async.
        name: as the model sees it; the function's own by default.
        description: what it does; the docstring by default.
        args_schema: a pydantic class that describes and checks the arguments; made from the signature by default.
        response_format: "content_and_artifact" where the function returns a pair, (content for the model, a value
            for people); the value is in `ToolMessage.artifact`.

    Raises:
        ConfigurationError: a parameter that a model cannot give, or a name that providers do not take.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        description: str | None = None,
        args_schema: type[BaseModel] | None = None,
        response_format: ResponseFormat = "content",
    ) -> None:
        self.function = function
        self.name = checked_name(name or function_name(function), f"tool {function_name(function)}")
        self.args_schema: type[BaseModel] = args_schema or arguments_of(function)
        parameters, about = parameters_schema(self.args_schema, self.name)
        self.description = description or function_text(function)[0] or about
        self.response_format = response_format
        self.is_async = inspect.iscoroutinefunction(function)
        self.spec = ToolSpec(self.name, self.description, parameters)
        self.__name__ = self.name
        self.__doc__ = self.description
        self.__wrapped__ = function  # so that `inspect` and `get_weather?` show its signature

    @property
    def args(self) -> Mapping[str, Any]:
        """{parameter: its JSON schema}."""
        return self.spec.parameters["properties"]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    def invoke(self, input: Any, config: RunnableConfig | None = None) -> Any:
        """Run it on this thread.

        Args:
            input: a model's tool call, which gives a `ToolMessage`; or a dict of arguments, or the value of the only
                parameter, which give what the function returns. An async function is run to its end.

        Raises:
            ToolError: the arguments do not fit; says which.
        """
        return run(self.flow(input, config))

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None) -> Any:
        """`invoke`, awaited. A function that is not async runs on the loop's own thread."""
        return await arun(self.flow(input, config))

    def flow(self, input: Any, config: RunnableConfig | None = None) -> Flow[Any]:
        """One run, for a driver."""
        call = input if is_tool_call(input) else None
        given = self._given(input) if call is None else call["args"]
        flow = self._message(call, given) if call is not None else self._result(given)
        config = merge_configs(config)
        handlers = handlers_of(config)
        if not handlers:
            return flow
        about = {"name": self.name, "description": self.description, "tool_call_id": (call or {}).get("id")}
        return tool_observed(flow, handlers, config, about, given)

    def _message(self, call: Mapping[str, Any], given: Mapping[str, Any]) -> Flow[ToolMessage]:
        value = yield from self._result(given)
        artifact = None
        if self.response_format == "content_and_artifact":
            if not (isinstance(value, tuple) and len(value) == 2):
                raise ToolError(
                    f"{self.name} has response_format='content_and_artifact', so it returns a pair "
                    f"(content, artifact), not {type(value).__name__}"
                )
            value, artifact = value
        content, itself = tool_content(value)
        return ToolMessage(
            content, call.get("id") or "", name=self.name, artifact=itself if artifact is None else artifact
        )

    def _result(self, given: Mapping[str, Any]) -> Flow[Any]:
        args, kwargs = self._checked(given)
        return (yield do.ask(lambda: self.function(*args, **kwargs)))

    def _given(self, input: Any) -> Mapping[str, Any]:
        if isinstance(input, Mapping):
            return input
        if len(self.args) != 1:
            raise ToolError(f"{self.name} takes a dict of {', '.join(self.args) or 'nothing'}, not a single value")
        return {next(iter(self.args)): input}

    def _checked(self, given: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """Positional and keyword arguments, each of the type that the function declares."""
        try:
            read = self.args_schema.model_validate(dict(given))
        except ValidationError as error:
            takes = ", ".join(self.args) or "no arguments"
            raise ToolError(f"{self.name}: {'; '.join(complaints(error, 'argument'))}. It takes {takes}.") from None
        if not isinstance(read, Arguments):
            return [], {name: getattr(read, name) for name in type(read).model_fields}
        names = {str(field.alias): getattr(read, name) for name, field in type(read).model_fields.items()}
        only = inspect.Parameter.POSITIONAL_ONLY
        first = [p.name for p in inspect.signature(self.function).parameters.values() if p.kind is only]
        return [names.pop(name) for name in first if name in names], names

    def __repr__(self) -> str:
        return f"Tool({self.name}({', '.join(self.args)}))"


def is_tool_call(input: Any) -> bool:
    """Whether this is a model's tool call: a dict of name, args and id."""
    if not isinstance(input, Mapping) or not isinstance(input.get("args"), Mapping) or "name" not in input:
        return False
    return input.get("type") == "tool_call" or input.keys() <= {"name", "args", "id", "type", "extras"}


@overload
def tool(
    given: Callable[..., Any],
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    args_schema: type[BaseModel] | None = None,
    response_format: ResponseFormat = "content",
) -> Tool: ...
@overload
def tool(
    given: str | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    args_schema: type[BaseModel] | None = None,
    response_format: ResponseFormat = "content",
) -> Callable[[Callable[..., Any]], Tool]: ...
def tool(
    given: Any = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    args_schema: type[BaseModel] | None = None,
    response_format: ResponseFormat = "content",
) -> Any:
    """Make a `Tool` of a function: `@tool`, `@tool("name")` or `@tool(description="…")`.

        @tool
        def get_weather(location: str) -> str:
            \"""Get the weather at a location.\"""
            return f"It's sunny in {location}."

    A model sees the schema of the signature, with descriptions from the docstring or from `Annotated[type, "text"]`.

    Args:
        given: the function, or the name.
        name, description, args_schema, response_format: see `Tool`.

    Raises:
        ConfigurationError: a parameter that a model cannot give, or a name that providers do not take.
    """
    about: Any = {"description": description, "args_schema": args_schema, "response_format": response_format}
    if callable(given):
        return Tool(given, name=name, **about)
    return lambda function: Tool(function, name=given or name, **about)


def as_tool(given: Any) -> Tool | Bound:
    """A tool to run, or the spec of one that has no function.

    Raises:
        ConfigurationError: it is neither.
    """
    if isinstance(given, Tool):
        return given
    if (spec := spec_of(given)) is not None:
        return spec
    if callable(given):
        return Tool(given)
    raise ConfigurationError(
        f"a tool is a function, a class, a JSON schema or a provider's own dict, not {type(given).__name__}"
    )


def tools_in(given: Any) -> list[Any]:
    """The tools of a list. Raises ConfigurationError where it is a single one."""
    if isinstance(given, str | Mapping) or not isinstance(given, Iterable):
        raise ConfigurationError(f"tools are given in a list, tools=[…], not as {given!r:.80}")
    return list(given)


def bound_tools(given: Any, strict: bool | None = None) -> tuple[Bound, ...]:
    """Tools as a model sees them; a provider's own dict passes as it is.

    Raises:
        ConfigurationError: there is no list of them, one of them is no tool, or two have the same name.
    """
    found = [as_tool(each) for each in tools_in(given)]
    specs = [each.spec if isinstance(each, Tool) else each for each in found]
    names = [spec.name for spec in specs if isinstance(spec, ToolSpec)]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ConfigurationError(f"two tools are called {twice[0]!r}: give one another name, as in @tool('other_name')")
    return tuple(strictly(spec, strict) for spec in specs)
