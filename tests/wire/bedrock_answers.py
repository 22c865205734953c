"""An answer of AWS Bedrock, and what the codec reads in a stream."""

from __future__ import annotations

from nbchat.values.chunks import AIMessageChunk
from nbchat.values.messages import AIMessage
from nbchat.wire.bedrock import BedrockConverse
from tests.wire.aws_frames import delta, ended, event, start, stop
from tests.wire.summed import summed

CODEC = BedrockConverse()
ANSWER = b"".join(
    [
        event("messageStart", {"role": "assistant", "p": "abc"}),
        delta(0, reasoningContent={"text": "Let me "}),
        delta(0, reasoningContent={"text": "look."}),
        delta(0, reasoningContent={"signature": "c2ln"}),
        stop(0),
        delta(1, text="I\u2019ll check "),
        delta(1, text="\u2028 the weather 🌦."),
        stop(1),
        start(2, toolUse={"name": "weather", "toolUseId": "tooluse_1", "type": "tool_use"}),
        delta(2, toolUse={"input": ""}),
        delta(2, toolUse={"input": '{"city": "Bos'}),
        delta(2, toolUse={"input": 'ton"}'}),
        stop(2),
        start(3, toolUse={"name": "weather", "toolUseId": "tooluse_2"}),
        delta(3, toolUse={"input": '{"city": "Tokyo"}'}),
        stop(3),
        ended("tool_use", cacheReadInputTokens=10, cacheWriteInputTokens=0),
    ]
)

CITED = {
    "title": "facts",
    "location": {"web": {"url": "https://example.org/a", "domain": "example.org"}},
    "sourceContent": [{"text": "Ruby was made "}, {"text": "in 1993."}],
}
NOTE = {
    "type": "citation",
    "title": "facts",
    "url": "https://example.org/a",
    "cited_text": "Ruby was made in 1993.",
    "extras": CITED,
}


def stream(*pieces: bytes) -> AIMessage:
    """The message that a stream sums to."""
    return summed(CODEC.decoder("bedrock"), *pieces)


def chunks(data: bytes) -> list[AIMessageChunk]:
    decoder = CODEC.decoder("bedrock")
    return [*decoder.feed(data), *decoder.close()]
