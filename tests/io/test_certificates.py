"""HTTPS: whom the client trusts, and what it says of whom it does not."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from nbchat import init_chat_model
from nbchat.io.transport import fast_errors
from nbchat.values.errors import APIConnectionError, CertificateError, ConfigurationError
from tests.servers import OpenAIServer

VERBS: dict[str, Callable[[Any], str]] = {
    "invoke": lambda model: model.invoke("hi").text,
    "stream": lambda model: "".join(chunk.text for chunk in model.stream("hi")),
    "ainvoke": lambda model: asyncio.run(model.ainvoke("hi")).text,
    "batch": lambda model: model.batch(["hi"])[0].text,
}
SAID = "You said: hi"


def made(folder: Path, name: str, *, address: str = "127.0.0.1", authority: bool, by: Any = None) -> Any:
    """A certificate in `folder/name.pem`, its key behind it: signed by another one, or by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    issuer, signer = by or (subject, key)
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .sign(signer, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / f"{name}.pem").write_bytes(certificate.public_bytes(pem) + key.private_bytes(pem, *plain))
    return subject, key


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    authority = made(folder, "authority", authority=True)
    made(folder, "signed", authority=False, by=authority)
    made(folder, "elsewhere", address="127.0.0.2", authority=False, by=authority)
    made(folder, "self-signed", authority=True)  # as `openssl req -x509` makes them
    return folder


@pytest.fixture
def serving(certificates: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """A model on a server with this certificate, where that of `trusting` is trusted."""
    servers = []

    def serve(name: str, *, trusting: str | None = None, **options: Any) -> Any:
        for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
            monkeypatch.delenv(variable, raising=False)
        if trusting is not None:
            monkeypatch.setenv("SSL_CERT_FILE", str(certificates / f"{trusting}.pem"))
        server = OpenAIServer()
        server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.tls.load_cert_chain(certificates / f"{name}.pem")
        servers.append(server.start())
        return init_chat_model("m", model_provider="openai", base_url=server.base_url, api_key="k", **options)

    yield serve
    for server in servers:
        server.stop()


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(("name", "trusted"), [("signed", "authority"), ("self-signed", "self-signed")])
def test_who_is_in_the_file_of_the_environment_is_trusted_everywhere(
    serving: Callable[..., Any], name: str, trusted: str, verb: str
) -> None:
    assert VERBS[verb](serving(name, trusting=trusted)) == SAID


@pytest.mark.parametrize("verb", VERBS)
def test_a_cell_may_set_it_after_the_first_failure(
    serving: Callable[..., Any], certificates: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    model = serving("signed")
    with pytest.raises(CertificateError):
        VERBS[verb](model)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates / "authority.pem"))
    assert VERBS[verb](model) == SAID


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(("name", "trusted"), [("signed", None), ("self-signed", None), ("elsewhere", "authority")])
def test_another_is_named_with_what_to_do(
    serving: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    trusted: str | None,
    verb: str,
    fast: bool,
) -> None:
    if not fast:
        monkeypatch.setattr("nbchat.io.awaiting.fast", None)
    model = serving(name, trusting=trusted)
    with pytest.raises(APIConnectionError, match=r"openai at https://.*certificate.*SSL_CERT_FILE.*verify=") as caught:
        VERBS[verb](model)
    assert "server running" not in str(caught.value)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("name", ["missing", "garbage"])
def test_a_file_that_holds_no_certificates_is_named(
    serving: Callable[..., Any], certificates: Path, name: str, verb: str
) -> None:
    (certificates / "garbage.pem").write_text("no certificate")
    with pytest.raises(ConfigurationError, match=f"SSL_CERT_FILE={certificates / name}.pem cannot be read"):
        VERBS[verb](serving("signed", trusting=name))


@pytest.mark.parametrize("verb", ["ainvoke", "batch"])
def test_a_machine_without_certificates_of_its_own_is_served_more_slowly(
    serving: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    def none_found(*asked: Any) -> Any:
        raise fast_errors.BuilderError("builder error", {"causes": []})  # what pyreqwest says in a bare container

    monkeypatch.setattr("nbchat.io.transport._awaiting", none_found)
    assert VERBS[verb](serving("signed", trusting="authority")) == SAID
