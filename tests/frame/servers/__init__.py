"""Pretend Batch APIs on loopback, each with its provider's own wire format, states and refusals."""

from tests.frame.servers.anthropic import AnthropicBatchServer
from tests.frame.servers.files import FileBatchServer
from tests.frame.servers.gemini import GeminiBatchServer
from tests.frame.servers.jobs import JobServer

__all__ = ["AnthropicBatchServer", "FileBatchServer", "GeminiBatchServer", "JobServer"]
