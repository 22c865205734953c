"""The models that a provider offers, asked of its server. No network, no clock."""

from __future__ import annotations

from nbchat.flow import effects as do
from nbchat.flow.attempt import Target, refusal
from nbchat.flow.effects import Flow
from nbchat.providers.models import models_request, read_models
from nbchat.providers.provider import Provider
from nbchat.wire.decoding import read_json


def models_of(target: Target, row: Provider) -> Flow[list[str]]:
    """The names of the provider's models, in its own order."""
    endpoint = target.route.endpoint
    status, headers = yield do.open_(target.route, models_request(endpoint, row), False)
    if not 200 <= status < 300:
        raise (yield from refusal(endpoint, status, headers))
    body = yield do.READ_ALL
    return read_models(read_json(body, endpoint.provider), endpoint.provider)
