"""AWS: regions, credentials from where AWS's tools look, signatures that another reader of the rules agrees with."""

from __future__ import annotations

import hashlib
import hmac
import pickle
import sys
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from nbchat.providers.aws import SigV4, credentials_found
from nbchat.providers.table import open_endpoint, open_provider
from nbchat.values.errors import ConfigurationError, MissingKeyError
from nbchat.values.messages import HumanMessage
from nbchat.wire.codec import Call, Request

KEYS = {"aws_access_key_id": "AKID", "aws_secret_access_key": "s3cr3t"}
MODEL = "us.amazon.nova-micro-v1:0"


def signature(secret: str, region: str, url: str, headers: dict[str, str], body: bytes) -> str:
    """The signature of a POST by AWS's rules, with the headers that it says it has signed."""
    given = dict(part.strip().split("=", 1) for part in headers["authorization"].partition(" ")[2].split(","))
    names = given["SignedHeaders"].split(";")
    values = {**headers, "host": urlsplit(url).netloc}
    canonical = [
        "POST",
        quote(urlsplit(url).path, safe="/~"),  # quoted once more than it is sent
        urlsplit(url).query,
        *(f"{name}:{values[name]}" for name in names),
        "",
        ";".join(names),
        hashlib.sha256(body).hexdigest(),
    ]
    date = headers["x-amz-date"]
    scope = f"{date[:8]}/{region}/bedrock/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", date, scope, hashlib.sha256("\n".join(canonical).encode()).hexdigest()])
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    assert given["Signature"] == hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    return given["Credential"]


def test_a_request_is_signed_by_the_rules() -> None:
    endpoint, row = open_provider("bedrock", region_name="eu-west-1", aws_session_token="tok", **KEYS)
    request = row.codec.request(Call(MODEL, [HumanMessage("Hi")], stream=True))
    url, headers = endpoint.sealed(request, b'{"messages": []}')
    assert url == f"https://bedrock-runtime.eu-west-1.amazonaws.com/model/{quote(MODEL, safe='')}/converse-stream"
    credential = signature("s3cr3t", "eu-west-1", url, headers, b'{"messages": []}')
    assert credential.startswith("AKID/")
    assert headers["x-amz-security-token"] == "tok"
    assert headers["accept"] == "application/vnd.amazon.eventstream"
    assert "accept-encoding" not in headers["authorization"]  # a proxy may change it


def test_credentials_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cr3t")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    endpoint = open_endpoint("bedrock")
    assert endpoint.base_url == "https://bedrock-runtime.us-west-2.amazonaws.com"
    assert "AKENV/" in endpoint.sealed(Request("/x", {}), b"")[1]["authorization"]


def test_credentials_and_region_from_a_profile(tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text("[work]\naws_access_key_id = AKWORK\naws_secret_access_key = s3cr3t\n")
    (tmp_path / "config").write_text("[profile work]\nregion = ap-south-1\n")
    endpoint = open_endpoint("bedrock", credentials_profile_name="work")
    assert endpoint.base_url == "https://bedrock-runtime.ap-south-1.amazonaws.com"
    assert "AKWORK/" in endpoint.sealed(Request("/x", {}), b"")[1]["authorization"]
    with pytest.raises(ConfigurationError, match="nobody"):
        open_endpoint("bedrock", credentials_profile_name="nobody", region_name="eu-west-1")


def test_a_bearer_key_needs_no_signature_and_no_botocore(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "botocore.session", None)
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "bearer")
    endpoint = open_endpoint("bedrock", region_name="us-east-1")
    assert endpoint.sealed(Request("/x", {}), b"")[1]["authorization"] == "Bearer bearer"
    with pytest.raises(ConfigurationError, match=r'pip install "nbchat\[bedrock\]"'):
        open_endpoint("bedrock", region_name="us-east-1", **KEYS)


def test_credentials_given_go_before_a_bearer_key_that_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "bearer")
    endpoint = open_endpoint("bedrock", region_name="us-east-1", **KEYS)
    assert "AKID/" in endpoint.sealed(Request("/x", {}), b"")[1]["authorization"]


def test_what_is_missing_is_named() -> None:
    with pytest.raises(ConfigurationError, match="set AWS_REGION"):
        open_endpoint("bedrock", api_key="k")
    with pytest.raises(MissingKeyError, match="AWS_BEARER_TOKEN_BEDROCK, or AWS_ACCESS_KEY_ID"):
        open_endpoint("bedrock", region_name="us-east-1")


def test_another_address(monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_endpoint("bedrock", region_name="cn-north-1", **KEYS).base_url.endswith(".amazonaws.com.cn")
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "https://vpce-1.test")
    assert open_endpoint("bedrock", region_name="us-east-1", **KEYS).base_url == "https://vpce-1.test"


def test_a_signer_shows_and_stores_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = open_endpoint("bedrock", region_name="us-east-1", **KEYS)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "other")
    stored = pickle.dumps(endpoint)
    assert b"s3cr3t" not in stored and b"AKID" not in stored
    assert "s3cr3t" not in repr(endpoint) + repr(endpoint.signer)
    assert "AKENV/" in pickle.loads(stored).sealed(Request("/x", {}), b"")[1]["authorization"]


def test_whether_credentials_are_at_hand_is_told_without_the_network(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert not credentials_found()
    (tmp_path / "credentials").write_text("")
    assert credentials_found()


def test_the_signer_is_made_from_a_region_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cr3t")
    url = "https://h.test/model/a%3A0/converse"
    headers = SigV4("eu-west-1")("POST", url, {"content-type": "application/json"}, b"{}")
    signature("s3cr3t", "eu-west-1", url, headers, b"{}")
