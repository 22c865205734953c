"""Google's Vertex AI: project, location, and a bearer token that expires; or a key in express mode."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nbchat.providers.endpoint import Endpoint, KeySource, Secret
from nbchat.providers.provider import Opening
from nbchat.values.errors import ConfigurationError, MissingKeyError

KEYS = ("GOOGLE_API_KEY",)
TOKENS = ("GOOGLE_VERTEX_ACCESS_TOKEN", "CLOUDSDK_AUTH_ACCESS_TOKEN")
ARGUMENTS = ("project", "location", "credentials")
MODELS = "https://aiplatform.googleapis.com/v1beta1/publishers/google/models"
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"


def open_vertex(opening: Opening) -> Endpoint:
    """The endpoint of a project in a location.

    `credentials` is a token, a function that fetches one, or google-auth's credentials; without any, the environment's
    token or google-auth's default credentials are taken. An API key without a project means express mode.
    """
    project = opening.own.get("project") or os.environ.get("GOOGLE_CLOUD_PROJECT")
    key = opening.given_key or os.environ.get(KEYS[0])
    if key and not project and not opening.own.get("credentials"):
        base = opening.given_url or "https://aiplatform.googleapis.com/v1beta1/publishers/google"
        return opening.endpoint(base, key=Secret(key, KEYS), key_header=("x-goog-api-key", ""))
    if not project:
        opening.setting("project", "GOOGLE_CLOUD_PROJECT")
    location = opening.own.get("location") or os.environ.get("GOOGLE_CLOUD_LOCATION") or "global"
    base = opening.given_url or f"https://{_host(location)}"
    if not base.endswith("/google"):
        base = f"{base.rstrip('/')}/v1beta1/projects/{project}/locations/{location}/publishers/google"
    return opening.endpoint(base, key=Secret(_token(opening), TOKENS))


def _host(location: str) -> str:
    if location == "global":
        return "aiplatform.googleapis.com"
    if location in ("us", "eu"):  # data stays in a group of regions
        return f"aiplatform.{location}.rep.googleapis.com"
    return f"{location}-aiplatform.googleapis.com"


def _token(opening: Opening) -> KeySource:
    given = opening.own.get("credentials") or opening.given_key
    if given is None:
        given = next((os.environ[name] for name in TOKENS if os.environ.get(name)), None) or _default_credentials()
    if isinstance(given, str) or (callable(given) and not hasattr(given, "refresh")):
        return given
    if hasattr(given, "token") and hasattr(given, "refresh"):
        return GoogleAuth(given)
    raise ConfigurationError(
        f"credentials= takes a token, a function that fetches one, or google-auth's own, not {type(given).__name__}"
    )


@dataclass(frozen=True, repr=False)
class GoogleAuth:
    """The token of google-auth credentials, fetched again when it has expired."""

    credentials: Any

    def __call__(self) -> str:
        if not self.credentials.valid:
            from google.auth.transport.requests import Request

            self.credentials.refresh(Request())
        return str(self.credentials.token)


def _default_credentials() -> Callable[[], str]:
    advice = f"set {TOKENS[0]} in the environment, or pass credentials="
    try:
        from google.auth import default
        from google.auth.exceptions import DefaultCredentialsError
    except ImportError:
        raise MissingKeyError(f"google_vertexai needs a token: {advice}, or pip install google-auth") from None
    try:
        credentials, _ = default(scopes=[_SCOPE])
    except DefaultCredentialsError:
        raise MissingKeyError(
            f"google_vertexai needs a token: {advice}, or run gcloud auth application-default login"
        ) from None
    return GoogleAuth(credentials)
