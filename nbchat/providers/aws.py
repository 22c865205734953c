"""AWS: region, credentials and signatures from botocore; a bearer key needs none of it."""

from __future__ import annotations

import os
from typing import Any

from nbchat.providers.endpoint import Endpoint
from nbchat.providers.provider import Opening
from nbchat.values.errors import ConfigurationError, MissingKeyError

BEARER = "AWS_BEARER_TOKEN_BEDROCK"
ARGUMENTS = (
    *("region_name", "credentials_profile_name", "endpoint_url"),
    *("aws_access_key_id", "aws_secret_access_key", "aws_session_token"),
)
REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
_ENDPOINTS = ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "AWS_ENDPOINT_URL")
_SIGNED = ("content-type", "x-amz-security-token")


def open_bedrock(opening: Opening) -> Endpoint:
    """The endpoint of Bedrock in a region.

    A bearer key (`api_key`, or AWS_BEARER_TOKEN_BEDROCK) goes before AWS credentials, which are given as arguments or
    found where AWS's own tools find them: environment, profile, container or instance.

    Raises:
        ConfigurationError: no region was found, or botocore is needed and not installed.
        MissingKeyError: neither a bearer key nor credentials were found.
    """
    own = opening.own
    profile = own.get("credentials_profile_name")
    region = own.get("region_name") or next((os.environ[n] for n in REGIONS if os.environ.get(n)), None)
    if not region and (session := _session(profile, required=False)):
        region = session.get_config_variable("region")
    if not region:
        raise ConfigurationError("bedrock needs a region: set AWS_REGION in the environment, or pass region_name=")
    address = opening.given_url or own.get("endpoint_url") or _environment_url() or _default_url(region)
    own_credentials = bool(profile or own.get("aws_access_key_id"))
    if opening.given_key or (os.environ.get(BEARER) and not own_credentials):
        return opening.endpoint(address)
    return opening.endpoint(address, signer=SigV4(region, profile, _credentials(own, profile)))


def _environment_url() -> str | None:
    return next((os.environ[name] for name in _ENDPOINTS if os.environ.get(name)), None)


def _default_url(region: str) -> str:
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://bedrock-runtime.{region}.{domain}"


def models_address(endpoint: Endpoint) -> str:
    """Models are listed by another service, beside the one that answers."""
    return endpoint.base_url.replace("//bedrock-runtime.", "//bedrock.") + "/foundation-models"


class SigV4:
    """Signs a request with AWS Signature Version 4, with credentials that renew themselves.

    A pickled one holds no credentials: where it is loaded, they are found anew.
    """

    __slots__ = ("_credentials", "_profile", "_region")

    def __init__(self, region: str, profile: str | None = None, credentials: Any = None) -> None:
        self._region = region
        self._profile = profile
        self._credentials = credentials if credentials is not None else _credentials({}, profile)

    def __call__(self, method: str, url: str, headers: dict[str, str], body: bytes) -> dict[str, str]:
        """The headers with `authorization`, `x-amz-date` and, for temporary credentials, their token."""
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        signed = {name: value for name, value in headers.items() if name in _SIGNED}  # a proxy may change the others
        request = AWSRequest(method=method, url=url, data=body, headers=signed)
        SigV4Auth(self._credentials.get_frozen_credentials(), "bedrock", self._region).add_auth(request)
        return {**headers, **{name.lower(): value for name, value in request.headers.items()}}

    def __repr__(self) -> str:
        return f"SigV4({self._region!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return (SigV4, (self._region, self._profile))


def _credentials(own: Any, profile: str | None) -> Any:
    session = _session(profile)
    if own.get("aws_access_key_id"):
        keys = [own.get(name) for name in ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")]
        session.set_credentials(*keys)
    found = session.get_credentials()
    if found is None:
        raise MissingKeyError(
            f"bedrock needs AWS credentials: set {BEARER}, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
            "in the environment, or pass credentials_profile_name="
        )
    return found


def _session(profile: str | None, required: bool = True) -> Any:
    try:
        from botocore.exceptions import ProfileNotFound
        from botocore.session import Session
    except ImportError:
        if not required:
            return None
        raise ConfigurationError(
            'signing requests to Bedrock needs botocore, which is not installed: pip install "nbchat[bedrock]"'
        ) from None
    session = Session(profile=profile)
    try:
        session.get_scoped_config()
    except ProfileNotFound as error:
        raise ConfigurationError(f"bedrock: {error}; see the profiles in ~/.aws/config") from None
    return session


def credentials_found() -> bool:
    """Whether AWS credentials are at hand, as far as can be told without asking the network."""
    folder = os.path.expanduser("~/.aws")
    files = (os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or f"{folder}/credentials", f"{folder}/sso/cache")
    names = (BEARER, "AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
    return any(os.environ.get(name) for name in names) or any(map(os.path.exists, files))
