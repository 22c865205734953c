"""Azure OpenAI: deployments with an api-version, the v1 API, keys and Entra tokens."""

from __future__ import annotations

import os

from nbchat.providers.endpoint import Endpoint, Secret
from nbchat.providers.provider import Opening

KEYS = ("AZURE_OPENAI_API_KEY", "AZURE_API_KEY")
ARGUMENTS = ("azure_endpoint", "azure_deployment", "api_version", "azure_ad_token", "azure_ad_token_provider")


def open_azure(opening: Opening) -> Endpoint:
    """The endpoint of a resource.

    With a dated `api_version` (or `OPENAI_API_VERSION`) a deployment is asked under its own address; without one the
    v1 API is used, to which the deployment is the model. An Entra token, or a function that fetches one, goes before
    the resource's key.
    """
    own = opening.own
    resource = opening.given_url or own.get("azure_endpoint") or os.environ.get("AZURE_OPENAI_ENDPOINT")
    if not resource:
        resource = "https://" + opening.setting("azure_endpoint", "AZURE_OPENAI_ENDPOINT")
    resource = str(resource).rstrip("/")
    version = own.get("api_version") or os.environ.get("OPENAI_API_VERSION")
    deployment = own.get("azure_deployment") or "{model}"
    by_deployment = getattr(opening.row.codec, "name", "") != "OpenAIResponses"
    if resource.endswith(("/v1", "/models")) or "/deployments/" in resource:
        base = resource
    elif not version:
        base = f"{resource}/openai/v1"
    else:
        base = f"{resource}/openai/deployments/{deployment}" if by_deployment else f"{resource}/openai"
    query = {"api-version": str(version)} if version and not base.endswith("/v1") else {}
    token = own.get("azure_ad_token") or own.get("azure_ad_token_provider") or os.environ.get("AZURE_OPENAI_AD_TOKEN")
    if token:
        bearer = ("authorization", "Bearer ")
        return opening.endpoint(base, key=Secret(token, ("AZURE_OPENAI_AD_TOKEN",)), key_header=bearer, query=query)
    return opening.endpoint(base, query=query)
