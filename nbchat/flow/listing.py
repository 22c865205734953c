"""The models that a provider offers, asked of its server. No network, no clock."""

from __future__ import annotations

from nbchat.flow import effects as do
from nbchat.flow.attempt import Target, keyless
from nbchat.flow.effects import Flow
from nbchat.providers.models import models_request, read_models
from nbchat.providers.provider import Provider
from nbchat.wire.codec import read_json
from nbchat.wire.errors import read_error


def models_of(target: Target, row: Provider) -> Flow[list[str]]:
    """The names of the provider's models, in its own order."""
    endpoint = target.route.endpoint
    status, headers = yield do.open_(target.route, models_request(endpoint, row), False)
    body = yield do.read_all()
    if not 200 <= status < 300:
        raise keyless(endpoint, read_error(endpoint.provider, status, headers, body))
    return read_models(read_json(body, endpoint.provider), endpoint.provider)
