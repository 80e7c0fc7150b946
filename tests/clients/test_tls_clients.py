"""Clients over TLS, with and without certificates of their own."""

import datetime
import ipaddress
import json
import shutil
import ssl
import subprocess
import urllib.parse

import httpx
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PATH = "/v1/models/iris:predict"
BODY = {"instances": [[5.1, 3.5, 1.4, 0.2]]}
ANSWER = {"predictions": [10]}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """An authority `ca`, and `server` and `client` with certificates of it, as PEM files."""
    folder = tmp_path_factory.mktemp("certificates")
    names = {name: x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in
             ("ca", "server", "client")}  # fmt: skip
    keys = {name: ec.generate_private_key(ec.SECP256R1()) for name in names}
    start = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
    loopback = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    for name, key in keys.items():
        builder = (
            x509.CertificateBuilder(names["ca"], names[name], key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + datetime.timedelta(days=36_500))
            .add_extension(x509.BasicConstraints(name == "ca", None), critical=True)
            .add_extension(loopback, critical=False)
        )
        signed = builder.sign(keys["ca"], hashes.SHA256())
        (folder / f"{name}.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        secret = key.private_bytes(serialization.Encoding.PEM, *form)
        (folder / f"{name}.key").write_bytes(secret)
        (folder / f"{name}.key").chmod(0o600)
    return folder


def identity(certificates):
    return [f"--tls-{what}={certificates / name}" for what, name in
            (("cert", "server.pem"), ("key", "server.key"))]  # fmt: skip


@pytest.fixture(scope="module")
def secure(serve, flowers, iris, certificates):
    flags = identity(certificates)
    return serve(flowers, "--model-dir", iris, "--model-name", "iris", *flags)


@pytest.fixture(scope="module")
def mutual(serve, flowers, iris, certificates):
    flags = [*identity(certificates), f"--tls-client-ca={certificates / 'ca.pem'}"]
    return serve(flowers, "--model-dir", iris, "--model-name", "iris", "--host=0.0.0.0", *flags)


def url(server):
    return f"https://127.0.0.1:{server.port}{PATH}"


def pair(certificates, name="client"):
    return str(certificates / f"{name}.pem"), str(certificates / f"{name}.key")


def test_the_url_that_is_told_is_https(secure):
    assert urllib.parse.urlsplit(secure.ready["url"]).scheme == "https"


def test_requests_that_knows_the_authority_predicts(secure, certificates):
    verify = str(certificates / "ca.pem")
    with requests.Session() as session:
        for _ in range(3):
            answer = session.post(url(secure), json=BODY, verify=verify, timeout=30)
            assert answer.json() == ANSWER


def test_requests_that_does_not_know_the_authority_refuses(secure):
    with pytest.raises(requests.exceptions.SSLError, match="certificate verify failed"):
        requests.post(url(secure), json=BODY, timeout=30)


def test_plain_http_is_not_answered_with_a_prediction(secure):
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.post(url(secure).replace("https", "http"), json=BODY, timeout=30)


def test_a_large_body_arrives_whole(secure, certificates):
    body = {"instances": BODY["instances"] * 60_000}
    verify = str(certificates / "ca.pem")
    answer = requests.post(url(secure), json=body, verify=verify, timeout=60).json()
    assert len(answer["predictions"]) == 60_000


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
@pytest.mark.parametrize("version", ["--tlsv1.2", "--tlsv1.3"])
def test_curl_predicts(secure, certificates, version):
    command = ["curl", "-sS", version, "--cacert", certificates / "ca.pem", "-d", json.dumps(BODY)]
    done = subprocess.run([*command, url(secure)], capture_output=True, text=True, timeout=60)
    assert json.loads(done.stdout) == ANSWER, done.stderr


def test_httpx_with_a_certificate_of_the_authority_is_let_in(mutual, certificates):
    context = ssl.create_default_context(cafile=str(certificates / "ca.pem"))
    context.load_cert_chain(*pair(certificates))
    with httpx.Client(verify=context) as client:
        assert client.post(url(mutual), json=BODY).json() == ANSWER


def test_a_client_without_a_certificate_is_not_let_in(mutual, certificates):
    verify = str(certificates / "ca.pem")
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.post(url(mutual), json=BODY, verify=verify, timeout=30)
    assert requests.post(
        url(mutual), json=BODY, verify=verify, cert=pair(certificates), timeout=30
    ).json() == ANSWER  # fmt: skip
