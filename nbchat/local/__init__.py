"""The embedded model: llama.cpp on a loopback port, started on first use and stopped with this process."""

from nbchat.local.engine import LocalEndpoint, endpoint
from nbchat.local.weights import DEFAULT_MODEL, find_weights

__all__ = ["DEFAULT_MODEL", "LocalEndpoint", "endpoint", "find_weights"]
