"""Answers as values: every kind of schema, every method, the ways an answer can fail, and streams that grow."""

from __future__ import annotations

import asyncio
import json
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from typing import Annotated, Any, Literal, TypedDict

import pytest
import typing_extensions
from pydantic import BaseModel, Field, RootModel, field_validator

from nbchat import AIMessage, SystemMessage, init_chat_model
from nbchat.model.chat_model import ChatModel
from nbchat.values.errors import ConfigurationError, StructuredOutputError
from tests.servers import AnthropicServer, OpenAIServer

ASKED = "Provide details about the movie Inception (2010)"


class Actor(BaseModel):
    name: str
    role: str = "unknown"


class Movie(BaseModel):
    """A movie with details."""

    title: str = Field(description="The title of the movie")
    year: int
    cast: list[Actor]
    budget: float | None = None


@dataclass
class Point:
    x: float
    y: float
    labels: list[str] = field(default_factory=list)


class Place(TypedDict):
    """A place."""

    city: Annotated[str, "its name"]
    people: int


class OtherPlace(typing_extensions.TypedDict):
    city: str
    people: int


PLACE = {
    "title": "place",
    "description": "A place.",
    "type": "object",
    "properties": {"city": {"type": "string"}, "people": {"type": "integer"}},
    "required": ["city", "people"],
}


@pytest.fixture(params=["openai", "anthropic"])
def model(request: pytest.FixtureRequest) -> Iterator[ChatModel]:
    with _served(request.param) as found:
        yield found


@contextmanager
def _served(provider: str, answer: Callable[[dict[str, Any]], Any] | None = None) -> Iterator[ChatModel]:
    server: Any = OpenAIServer(answer) if provider == "openai" else AnthropicServer(answer)
    with server:
        url = server.base_url if provider == "openai" else server.url
        yield init_chat_model("a-test", model_provider=provider, base_url=url, api_key="k", max_retries=0)


@contextmanager
def _saying(text: str, **more: Any) -> Iterator[ChatModel]:
    with _served("openai", lambda body: {"text": text, **more}) as model:
        yield model


@pytest.mark.parametrize("method", [None, "json_schema", "function_calling"])
def test_a_pydantic_class_gives_its_instance(model: ChatModel, method: Any) -> None:
    movie = model.with_structured_output(Movie, method=method).invoke(ASKED)
    assert isinstance(movie, Movie)
    assert (movie.title, movie.year) == ("Inception", 2010)
    assert isinstance(movie.cast[0], Actor)


@pytest.mark.parametrize("method", [None, "function_calling"])
def test_a_dataclass_gives_its_instance(model: ChatModel, method: Any) -> None:
    point = model.with_structured_output(Point, method=method).invoke("Where is 3.5, 4?")
    assert isinstance(point, Point)
    assert (point.x, point.y) == (3.5, 4.0)


@pytest.mark.parametrize("schema", [Place, OtherPlace, PLACE])
@pytest.mark.parametrize("method", [None, "function_calling"])
def test_a_typed_dict_or_a_json_schema_gives_a_dict(model: ChatModel, schema: Any, method: Any) -> None:
    assert model.with_structured_output(schema, method=method).invoke("Boston has 650000 people") == {
        "city": "Boston",
        "people": 650000,
    }


def test_values_that_json_lacks_come_in_their_own_types() -> None:
    class Kind(Enum):
        BIG = "big"

    class Odd(BaseModel):
        day: date
        kind: Kind
        size: Literal["s", "m"]

    with _saying('{"day": "2026-01-31", "kind": "big", "size": "m"}') as model:
        assert model.with_structured_output(Odd).invoke("?") == Odd(day=date(2026, 1, 31), kind=Kind.BIG, size="m")


def test_a_strict_answer_loses_the_nulls_that_stand_for_fields_left_out() -> None:
    with _saying('{"name": "Ada", "role": null}') as model:
        assert model.with_structured_output(Actor).invoke("?") == Actor(name="Ada")


def test_an_alias_is_what_the_model_writes() -> None:
    class Aliased(BaseModel):
        kind: str = Field(alias="class")

    with _saying('{"class": "mammal"}') as model:
        structured = model.with_structured_output(Aliased)
        assert structured.invoke("?").kind == "mammal"
        assert [each.kind for each in structured.stream("?")][-1] == "mammal"


class TestMethod:
    def test_json_mode_tells_the_schema_and_reads_the_answer(self) -> None:
        bodies: list[Any] = []

        def answer(body: dict[str, Any]) -> str:
            bodies.append(body)
            return '{"city": "Boston", "people": 1}'

        with _served("openai", answer) as model:
            structured = model.with_structured_output(Place, method="json_mode")
            place = structured.invoke([SystemMessage("Be brief."), ("user", "Boston?")])
        assert place == {"city": "Boston", "people": 1}
        assert bodies[0]["response_format"] == {"type": "json_object"}
        assert [m["role"] for m in bodies[0]["messages"]] == ["system", "system", "user"]
        assert '"people"' in bodies[0]["messages"][1]["content"]

    @pytest.mark.parametrize(
        "text",
        [
            'Here you are:\n```json\n{"city": "Boston",\n "people": 1}\n```\nAnything else?',
            'For {city} it is {"city": "Boston", "people": 1}.',
            '\n\n  {"city": "Boston", "people": 1}',
        ],
    )
    def test_json_within_prose_is_read(self, text: str) -> None:
        with _saying(text) as model:
            structured = model.with_structured_output(PLACE, method="json_mode")
            assert structured.invoke("?") == {"city": "Boston", "people": 1}
            assert list(structured.stream("?"))[-1] == {"city": "Boston", "people": 1}

    def test_by_default_it_is_the_surest_that_provider_model_and_schema_allow(self) -> None:
        class Free(BaseModel):
            counts: dict[str, int]

        def chosen(name: str, schema: Any) -> str:
            return init_chat_model(name, api_key="k").with_structured_output(schema).form.method

        assert chosen("openai:gpt-5", Movie) == "json_schema"
        assert chosen("anthropic:claude-sonnet-4-5", Movie) == "json_schema"
        assert chosen("anthropic:claude-3-5-haiku-latest", Movie) == "function_calling"
        assert chosen("anthropic:claude-sonnet-4-5", Free) == "function_calling"
        assert chosen("deepseek:deepseek-chat", Movie) == "function_calling"
        assert chosen("zai:glm-4.6", Movie) == "json_mode"

    def test_an_answer_in_words_is_read_where_a_tool_call_was_asked_for(self) -> None:
        with _saying('Sure: {"city": "Boston", "people": 1}') as model:
            structured = model.with_structured_output(Place, method="function_calling")
            assert structured.invoke("?") == {"city": "Boston", "people": 1}

    def test_an_unknown_method_is_told(self, model: ChatModel) -> None:
        with pytest.raises(ConfigurationError, match="json_schema, function_calling, json_mode, not 'xml'"):
            model.with_structured_output(Movie, method="xml")  # type: ignore[arg-type]

    @pytest.mark.parametrize("schema", [int, list[Movie], "Movie", None])
    def test_what_is_no_schema_is_told(self, model: ChatModel, schema: Any) -> None:
        with pytest.raises(ConfigurationError, match="a schema is a pydantic class"):
            model.with_structured_output(schema)


class TestStream:
    @pytest.mark.parametrize("method", ["json_schema", "function_calling"])
    @pytest.mark.parametrize("schema", [Movie, Point, Place, PLACE])
    def test_values_grow_and_the_last_is_what_invoke_gives(self, model: ChatModel, schema: Any, method: Any) -> None:
        structured = model.with_structured_output(schema, method=method)
        seen = list(structured.stream(ASKED))
        assert seen[-1] == structured.invoke(ASKED)
        assert len(seen) >= 3
        assert {type(each) for each in seen} == {dict if schema in (Place, PLACE) else schema}

    def test_a_field_that_has_not_come_is_its_default_or_none(self) -> None:
        with _saying('{"title": "Inception", "year": 2010, "cast": [{"name": "Leo"}], "budget": 160}') as model:
            first, *rest = model.with_structured_output(Movie).stream("?")
        assert (first.year, first.cast, first.budget) == (None, None, None)
        assert first.model_fields_set <= {"title"}
        actor = next(each.cast[0] for each in rest if each.cast)
        assert isinstance(actor, Actor)
        assert (actor.name, actor.role) == (None, "unknown")
        assert repr(first).startswith("Movie(title=")

    def test_the_stream_says_the_same_awaited(self, model: ChatModel) -> None:
        structured = model.with_structured_output(Movie)

        async def collected() -> list[Any]:
            return [each async for each in structured.astream(ASKED)]

        assert asyncio.run(collected()) == list(structured.stream(ASKED))

    def test_with_include_raw_the_message_grows_beside_the_value(self, model: ChatModel) -> None:
        seen = list(model.with_structured_output(Movie, include_raw=True).stream(ASKED))
        assert all(each.keys() == {"raw", "parsed", "parsing_error"} for each in seen)
        assert seen[-1]["raw"].usage_metadata
        assert isinstance(seen[-1]["parsed"], Movie)

    def test_it_is_an_error_at_the_end_if_the_answer_does_not_fit(self) -> None:
        with _saying('{"title": "Inception", "year": "soon", "cast": []}') as model:
            stream = model.with_structured_output(Movie).stream("?")
            with pytest.raises(StructuredOutputError, match="'year'"):
                for _ in stream:
                    pass


class TestFailure:
    def test_an_answer_cut_at_max_tokens_says_so(self, model: ChatModel) -> None:
        with pytest.raises(StructuredOutputError, match=r"cut at max_tokens.*raise max_tokens=") as caught:
            model.bind(max_tokens=6).with_structured_output(Movie).invoke(ASKED)
        assert isinstance(caught.value.partial, AIMessage)

    def test_a_tool_call_cut_at_max_tokens_says_so(self) -> None:
        call = {"name": "Movie", "args": '{"title": "Inc'}
        with (
            _served("openai", lambda body: {"tool_calls": [call], "finish_reason": "length"}) as model,
            pytest.raises(StructuredOutputError, match="raise max_tokens="),
        ):
            model.with_structured_output(Movie, method="function_calling").invoke(ASKED)

    def test_a_cut_answer_is_not_read_from_an_object_inside_it(self) -> None:
        with (
            _saying('{"cast": [{"name": "Leo", "role": "Cobb"}, {"na', finish_reason="length") as model,
            pytest.raises(StructuredOutputError, match=r"cut at max_tokens after \d+ tokens.*raise max_tokens="),
        ):
            model.with_structured_output(Actor).invoke("?")

    def test_an_answer_that_was_whole_when_it_was_cut_is_read(self) -> None:
        with _saying('{"name": "Leo"} and', finish_reason="length") as model:
            assert model.with_structured_output(Actor).invoke("?") == Actor(name="Leo")

    def test_a_refusal_says_so(self) -> None:
        with (
            _served("openai", lambda body: {"refusal": "I can't help with that."}) as model,
            pytest.raises(StructuredOutputError, match="refused: I can't help with that"),
        ):
            model.with_structured_output(Movie).invoke("?")

    def test_a_filter_says_so(self) -> None:
        with (
            _served("anthropic", lambda body: {"text": "I", "stop_reason": "refusal"}) as model,
            pytest.raises(StructuredOutputError, match="content_filter"),
        ):
            model.with_structured_output(Movie).invoke("?")

    def test_a_value_that_does_not_fit_names_its_fields(self) -> None:
        with (
            _saying('{"title": "Inception", "year": "soon", "cast": [{}]}') as model,
            pytest.raises(StructuredOutputError) as caught,
        ):
            model.with_structured_output(Movie).invoke("?")
        said = str(caught.value)
        assert "does not fit Movie" in said
        assert "'year': Input should be a valid integer" in said
        assert "not 'soon'" in said
        assert "'cast.0.name' is missing" in said
        assert caught.value.partial.text.startswith('{"title"')

    def test_a_users_own_check_is_told_as_it_is(self) -> None:
        class Even(BaseModel):
            number: int

            @field_validator("number")
            @classmethod
            def even(cls, value: int) -> int:
                if value % 2:
                    raise ValueError("odd numbers are odd")
                return value

        with (
            _saying('{"number": 3}') as model,
            pytest.raises(StructuredOutputError, match="odd numbers are odd"),
        ):
            model.with_structured_output(Even).invoke("?")

    def test_a_json_schema_is_checked_for_its_required_keys(self) -> None:
        with (
            _saying('{"city": "Boston"}') as model,
            pytest.raises(StructuredOutputError, match="'people' is missing"),
        ):
            model.with_structured_output(PLACE).invoke("?")

    def test_prose_alone_is_shown(self) -> None:
        with (
            _saying("I would rather not.") as model,
            pytest.raises(StructuredOutputError, match="without a JSON object for Movie: 'I would rather not"),
        ):
            model.with_structured_output(Movie).invoke("?")

    def test_an_empty_answer_is_told(self) -> None:
        with (
            _saying("") as model,
            pytest.raises(StructuredOutputError, match="an empty answer"),
        ):
            model.with_structured_output(Movie).invoke("?")

    def test_arguments_that_are_no_json_are_told(self) -> None:
        call = {"name": "Movie", "args": '{"title": Inception}'}
        with (
            _served("openai", lambda body: {"tool_calls": [call]}) as model,
            pytest.raises(StructuredOutputError, match="no JSON for Movie: the arguments are not JSON"),
        ):
            model.with_structured_output(Movie, method="function_calling").invoke("?")

    def test_a_call_of_another_tool_is_told(self) -> None:
        with (
            _served("openai", lambda body: {"tool_calls": [{"name": "search", "args": {}}]}) as model,
            pytest.raises(StructuredOutputError, match="asked for the tools search"),
        ):
            model.with_structured_output(Movie).invoke("?")

    def test_with_include_raw_the_error_is_a_result(self) -> None:
        with _saying("No.") as model:
            result = model.with_structured_output(Movie, include_raw=True).invoke("?")
        assert result["parsed"] is None
        assert result["raw"].text == "No."
        assert isinstance(result["parsing_error"], StructuredOutputError)

    def test_a_batch_keeps_the_answers_that_fit(self) -> None:
        def answer(body: dict[str, Any]) -> str:
            return '{"name": "Ada"}' if "yes" in json.dumps(body["messages"]) else "no"

        with _served("openai", answer) as model:
            good, bad = model.with_structured_output(Actor).batch(["yes", "no"], return_exceptions=True)
        assert good == Actor(name="Ada")
        assert isinstance(bad, StructuredOutputError)


class Numbers(RootModel[list[int]]):
    pass


@pytest.mark.parametrize("schema", [Numbers, {"title": "numbers", "type": "array"}, list[int], int])
def test_what_is_no_object_is_told_to_become_a_field_of_one(model: ChatModel, schema: Any) -> None:
    with pytest.raises(ConfigurationError, match="put it into a field of one"):
        model.with_structured_output(schema)


@pytest.mark.parametrize("schema", [Movie, Point, Place, PLACE])
def test_a_pickled_one_answers_in_the_same_form(model: ChatModel, schema: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{model.provider.upper()}_API_KEY", "k")
    structured = model.with_structured_output(schema)
    given = structured.invoke(ASKED)
    assert pickle.loads(pickle.dumps(structured)).invoke(ASKED) == given


def test_tools_are_bound_first(model: ChatModel) -> None:
    with pytest.raises(ConfigurationError, match="bind tools first"):
        model.with_structured_output(Movie).bind_tools([Movie])
    with pytest.raises(ConfigurationError, match="answers with Movie already"):
        model.with_structured_output(Movie).with_structured_output(Actor)


def test_parameters_and_config_reach_the_model_inside() -> None:
    bodies: list[Any] = []

    def answer(body: dict[str, Any]) -> str:
        bodies.append(body)
        return '{"name": "Ada"}'

    with _served("openai", answer) as model:
        structured = model.with_structured_output(Actor).bind(temperature=0.3).with_config(max_concurrency=1)
        assert structured.batch(["a", "b"], seed=4) == [Actor(name="Ada")] * 2
    assert all(body["temperature"] == 0.3 and body["seed"] == 4 for body in bodies)


@pytest.mark.parametrize(
    "name",
    [
        *("openai:gpt-5", "openai_responses:gpt-5", "anthropic:claude-sonnet-4-5", "google:gemini-2.5-flash"),
        *("bedrock:anthropic.claude-3-5-sonnet-20240620-v1:0", "ollama:llama3.2", "mistral:mistral-large-latest"),
        *("groq:llama-3.3-70b", "perplexity:sonar", "deepseek:deepseek-chat", "zai:glm-4.6", "moonshot:kimi-k2"),
    ],
)
@pytest.mark.parametrize("schema", [Movie, Point, Place, PLACE])
def test_every_provider_can_be_asked(name: str, schema: Any) -> None:
    more = {"region_name": "us-east-1"} if name.startswith("bedrock") else {}
    structured = init_chat_model(name, api_key="k", **more).with_structured_output(schema)
    opened = next(step for step in structured.flow("?", stream=False) if step.verb == "open")
    sent = json.dumps(opened.args[1].body)
    assert all(field in sent for field in structured.form.schema["properties"])
