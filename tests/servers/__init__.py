"""Scripted HTTP servers on loopback, for tests and benchmarks. Standard library only."""

from tests.servers.anthropic import AnthropicServer, anthropic_answer, anthropic_stream
from tests.servers.openai import OpenAIServer, openai_answer, openai_stream
from tests.servers.process import spawn
from tests.servers.reply import Reply
from tests.servers.request import Recorded
from tests.servers.server import ClosedByClient, Server

__all__ = [
    "AnthropicServer",
    "ClosedByClient",
    "OpenAIServer",
    "Recorded",
    "Reply",
    "Server",
    "anthropic_answer",
    "anthropic_stream",
    "openai_answer",
    "openai_stream",
    "spawn",
]
