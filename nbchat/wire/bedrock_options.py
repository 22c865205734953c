"""What each family of models on AWS Bedrock takes under its own names: reasoning, top_k. No network, no clock."""

from __future__ import annotations

from typing import Any

from nbchat.values.errors import UnsupportedError
from nbchat.wire.anthropic_models import BUDGETS, generation
from nbchat.wire.codec import Call

_ANSWER = 4096  # tokens for the answer, beside those for reasoning


def model_fields(call: Call) -> dict[str, Any]:
    """The pieces of a body that say `top_k`, `reasoning` and `parallel_tool_calls` as this model's family wants them.

    Raises:
        UnsupportedError: the family has no such option.
    """
    own: dict[str, Any] = {}
    body: dict[str, Any] = {}
    if (top_k := call.options.get("top_k")) is not None:
        own.update({"inferenceConfig": {"topK": top_k}} if "nova" in call.model else {"top_k": top_k})
    if call.parallel_tool_calls is False and call.tools:
        own["tool_choice"] = _one_tool_at_a_time(call)
    if (reasoning := call.options.get("reasoning")) is not None:
        reasoning = "medium" if reasoning is True else reasoning
        if "claude" in call.model:
            body = _claude(call, own, reasoning)
        elif "nova" in call.model:
            own["reasoningConfig"] = _nova(reasoning)
        else:
            own["reasoning_effort"] = _effort(call.model, reasoning)
    return {**body, "additionalModelRequestFields": own} if own else body


def _one_tool_at_a_time(call: Call) -> dict[str, Any]:
    if "claude" not in call.model:
        raise UnsupportedError(f"BedrockConverse has no switch for parallel tool calls with {call.model}")
    choice: dict[str, Any] = {"type": "auto"}
    if call.tool_choice in ("any", "required"):
        choice = {"type": "any"}
    elif isinstance(call.tool_choice, str) and call.tool_choice != "auto":
        choice = {"type": "tool", "name": call.tool_choice}
    return {**choice, "disable_parallel_tool_use": True}


def _claude(call: Call, own: dict[str, Any], reasoning: Any) -> dict[str, Any]:
    if reasoning is False:
        own["thinking"] = {"type": "disabled"}
        return {}
    if isinstance(reasoning, str) and generation(call.model) == "adaptive":
        own["thinking"] = {"type": "adaptive", "display": "summarized"}  # newer models hide their thoughts otherwise
        return {"outputConfig": {"effort": reasoning}}
    budget = BUDGETS.get(reasoning, BUDGETS["medium"]) if isinstance(reasoning, str) else reasoning
    limit = call.options.get("max_tokens")
    if limit and isinstance(reasoning, str) and limit <= budget:
        budget = max(1024, limit // 2)
    own["thinking"] = {"type": "enabled", "budget_tokens": budget}
    return {} if limit else {"inferenceConfig": {"maxTokens": budget + _ANSWER}}


def _nova(reasoning: Any) -> dict[str, Any]:
    if reasoning is False:
        return {"type": "disabled"}
    return {"type": "enabled", "maxReasoningEffort": _effort("Nova", reasoning)}


def _effort(model: str, reasoning: Any) -> str:
    if reasoning is False:
        return "none"
    if not isinstance(reasoning, str):
        raise UnsupportedError(
            f"BedrockConverse has no reasoning budget in tokens for {model}: give reasoning='low', 'medium' or 'high'"
        )
    return reasoning
