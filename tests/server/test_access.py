"""Who may ask: by Host, Origin and token."""

import base64
import hashlib

import pytest

from cpr.errors import ConfigError
from cpr.server.access import Access, Denied
from cpr.server.options import ServeOptions

PREDICT = b"/v1/models/iris:predict"
TOKEN = "a-token-of-43-characters"
HOST = (b"host", b"127.0.0.1:8080")


@pytest.fixture
def token_file(tmp_path):
    path = tmp_path / "tokens"
    path.write_text(f"ci:{hashlib.sha256(TOKEN.encode()).hexdigest()}\n")
    path.chmod(0o600)
    return path


def status(access, *headers, method=b"POST", path=PREDICT):
    """Asked twice: the second verdict may come from memory."""
    first, second = (access.check(method, path, list(headers)) for _ in range(2))
    assert first == second
    return first.status if first else 200


# Host.


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (b"localhost", 200),
        (b"localhost:8080", 200),
        (b"LOCALHOST:1", 200),
        (b"localhost.:8080", 200),
        (b"127.0.0.1:65535", 200),
        (b"[::1]:8080", 200),
        (b"[::1]", 200),
        (b"127.0.0.1:", 200),
        (b"evil.example", 421),
        (b"localhost.evil.example:8080", 421),
        (b"evil.localhost", 421),
        (b"evil-localhost", 421),
        (b"localhost:8080@evil.example", 421),
        (b"evil.example@localhost", 421),
        (b"localhost/evil", 421),
        (b"localhost evil", 421),
        (b"localhost,evil.example", 421),
        (b"localhost..", 421),
        (b"127.0.0.1.nip.io", 421),
        (b"127.1", 421),
        (b"2130706433", 421),
        (b"0.0.0.0:8080", 421),
        (b"[::ffff:127.0.0.1]", 421),
        (b"::1", 421),
        (b"", 421),
        (b":8080", 421),
        (b"localhost:99999999", 421),
        (b"localhost:80\x00", 421),
        (b"\xffocalhost", 421),
    ],
    ids=ascii,
)
def test_on_loopback_only_loopback_names_are_answered_to(host, expected):
    assert status(Access(), (b"host", host)) == expected


def test_http_1_0_without_a_host_is_answered_as_no_browser_speaks_it():
    assert status(Access()) == 200
    assert status(Access(), (b"origin", b"http://127.0.0.1:8080")) == 403


@pytest.mark.parametrize(
    ("allowed", "host", "expected"),
    [
        ("models.example.com", b"models.example.com:443", 200),
        ("Models.Example.com.", b"MODELS.example.COM", 200),
        ("models.example.com", b"localhost:8080", 200),
        ("models.example.com", b"x.models.example.com", 421),
        ("models.example.com", b"models.example.com.evil.example", 421),
        ("*.example.com", b"a.example.com", 200),
        ("*.example.com", b"a.b.example.com:8080", 200),
        ("*.example.com", b"example.com", 421),
        ("*.example.com", b"evilexample.com", 421),
        ("*", b"anything.example", 200),
        ("10.0.0.7", b"10.0.0.7:8080", 200),
        ("fd00::7", b"[fd00::7]:8080", 200),
        ("[fd00::7]", b"[fd00::7]", 200),
    ],
)
@pytest.mark.parametrize("bound", ["127.0.0.1", "0.0.0.0"])
def test_allowed_names_are_answered_to(bound, allowed, host, expected):
    assert status(Access(host=bound, allow_hosts=[allowed]), (b"host", host)) == expected


@pytest.mark.parametrize("bound", ["0.0.0.0", "::", "10.0.0.7", "models.example.com"])
def test_on_another_address_every_name_is_answered_to(bound):
    assert status(Access(host=bound), (b"host", b"anything.example")) == 200


@pytest.mark.parametrize("bound", ["127.0.0.1", "127.0.0.2", "::1", "localhost", "LocalHost"])
def test_the_names_are_fixed_on_every_loopback_address(bound):
    assert status(Access(host=bound), (b"host", b"anything.example")) == 421
    own = f"[{bound}]" if ":" in bound else bound.lower()
    assert status(Access(host=bound), (b"host", f"{own}:8080".encode())) == 200


@pytest.mark.parametrize(
    "name",
    ["https://a.example", "a.example:80", "a.example/x", "*.*.example", "a.*", "", " ", "a..b"],
    ids=ascii,
)
def test_an_allowed_host_that_is_no_name_is_refused(name):
    with pytest.raises(ConfigError, match="is not a name of a host") as failure:
        Access(allow_hosts=[name])
    assert "without scheme, port and path" in failure.value.hint


# Origin.


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        (b"http://127.0.0.1:8080", 200),
        (b"https://127.0.0.1:8080", 200),
        (b"HTTP://127.0.0.1:8080", 200),
        (b"http://127.0.0.1:3000", 403),
        (b"http://127.0.0.1", 403),
        (b"http://localhost:8080", 403),
        (b"http://evil.example", 403),
        (b"http://evil.example:8080", 403),
        (b"http://127.0.0.1:8080.evil.example", 403),
        (b"http://evil.example/127.0.0.1:8080", 403),
        (b"http://127.0.0.1:8080@evil.example", 403),
        (b"file://127.0.0.1:8080", 403),
        (b"chrome-extension://127.0.0.1:8080", 403),
        (b"null", 403),
        (b"", 403),
        (b"*", 403),
    ],
    ids=ascii,
)
def test_only_pages_of_its_own_may_use_the_server(origin, expected):
    assert status(Access(), HOST, (b"origin", origin)) == expected


def test_two_origins_are_none():
    own = (b"origin", b"http://127.0.0.1:8080")
    assert status(Access(), HOST, own) == 200
    assert status(Access(), HOST, own, own) == 403


@pytest.mark.parametrize(
    ("allowed", "origin", "expected"),
    [
        ("models.example.com", b"https://models.example.com", 200),
        ("models.example.com", b"https://models.example.com:8443", 200),
        ("models.example.com", b"https://evil.example", 403),
        ("*.example.com", b"https://a.example.com", 200),
        ("*.example.com", b"https://example.com", 403),
        ("*", b"https://evil.example", 403),
    ],
)
def test_a_page_behind_a_proxy_is_known_by_its_allowed_name(allowed, origin, expected):
    access = Access(allow_hosts=[allowed])
    assert status(access, HOST, (b"origin", origin)) == expected


def test_where_every_name_is_answered_to_other_origins_are_still_refused():
    access = Access(host="0.0.0.0")
    own = (b"host", b"models.example.com")
    assert status(access, own, (b"origin", b"https://models.example.com")) == 200
    assert status(access, own, (b"origin", b"https://evil.example")) == 403


# Tokens.


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (f"Bearer {TOKEN}", 200),
        (f"bearer {TOKEN}", 200),
        (f"  BEARER   {TOKEN}  ", 200),
        (f"Bearer {TOKEN}x", 401),
        (f"Bearer {TOKEN[:-1]}", 401),
        (f"Bearer {TOKEN.upper()}", 401),
        (f"Bearer {TOKEN}, Bearer {TOKEN}", 401),
        (f"Token {TOKEN}", 401),
        (TOKEN, 401),
        ("Bearer", 401),
        ("Bearer ", 401),
        ("", 401),
        (f"Bearer {hashlib.sha256(TOKEN.encode()).hexdigest()}", 401),
        ("Basic " + base64.b64encode(f"anyone:{TOKEN}".encode()).decode(), 200),
        ("Basic " + base64.b64encode(f":{TOKEN}".encode()).decode(), 200),
        ("Basic " + base64.b64encode(f"{TOKEN}:".encode()).decode(), 401),
        ("Basic " + base64.b64encode(TOKEN.encode()).decode(), 401),
        (f"Basic anyone:{TOKEN}", 401),
        ("Basic \xff\xfe=", 401),
    ],
    ids=ascii,
)
def test_a_request_needs_a_token_of_the_file(token_file, value, expected):
    access = Access(token_file=str(token_file))
    header = (b"authorization", value.encode("latin-1"))
    assert status(access, HOST, header) == expected


def test_a_request_without_a_token_is_told_what_is_needed(token_file):
    denied = Access(token_file=str(token_file)).check(b"POST", PREDICT, [HOST])
    assert denied == Denied(
        401, "a valid bearer token is needed", ((b"www-authenticate", b'Bearer realm="cpr"'),)
    )


def test_a_wrong_token_is_told_no_more_than_a_missing_one(token_file):
    access = Access(token_file=str(token_file))
    wrong = access.check(b"POST", PREDICT, [HOST, (b"authorization", b"Bearer no")])
    assert wrong == access.check(b"POST", PREDICT, [HOST])


def test_a_browser_is_asked_for_the_token_as_a_password(token_file):
    denied = Access(token_file=str(token_file)).check(b"GET", b"/", [HOST])
    assert (b"www-authenticate", b'Bearer realm="cpr"') in denied.headers
    assert (b"www-authenticate", b'Basic realm="cpr"') in denied.headers


def test_two_authorization_headers_are_none(token_file):
    good = (b"authorization", f"Bearer {TOKEN}".encode())
    assert status(Access(token_file=str(token_file)), HOST, good, good) == 401


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (b"/healthz", 200),
        (b"/readyz", 200),
        (b"/healthz?probe=1", 200),
        (b"/v1/endpoints/7", 200),
        (b"/readyz?verbose", 401),
        (b"/readyz?verbose=1&x", 401),
        (b"/healthz/", 401),
        (b"//healthz", 401),
        (b"/healthz/../metrics", 401),
        (b"/healthz%2f..%2fmetrics", 401),
        (b"/healthz;x", 401),
        (b"/healthz#", 401),
        (b"http://127.0.0.1/healthz", 401),
        (b"/HEALTHZ", 401),
        (b"/metrics", 401),
        (b"/openapi.json", 401),
        (b"/", 401),
        (b"", 401),
    ],
    ids=ascii,
)
def test_only_health_is_told_without_a_token(token_file, path, expected):
    options = ServeOptions(token_file=str(token_file), aip_health_route="/v1/endpoints/7")
    access = Access.from_options(options)
    assert status(access, HOST, path=path, method=b"GET") == expected


def test_health_is_told_under_every_name_as_a_balancer_asks():
    access = Access(allow_hosts=["models.example.com"])
    assert status(access, (b"host", b"10.1.2.3:8080"), path=b"/healthz") == 200


def test_paths_can_be_opened(token_file):
    access = Access(token_file=str(token_file), open_paths=["/metrics"])
    assert status(access, HOST, path=b"/metrics") == 200
    assert status(access, HOST, path=b"/healthz") == 401


def test_a_token_opens_no_other_name_and_no_other_origin(token_file):
    access = Access(token_file=str(token_file))
    good = (b"authorization", f"Bearer {TOKEN}".encode())
    assert status(access, good, (b"host", b"evil.example")) == 421
    assert status(access, good, HOST, (b"origin", b"https://evil.example")) == 403


def test_reload_takes_tokens_away_and_adds_others(token_file):
    access = Access(token_file=str(token_file))
    old, new = ((b"authorization", f"Bearer {t}".encode()) for t in (TOKEN, "new"))
    assert (status(access, HOST, old), status(access, HOST, new)) == (200, 401)
    token_file.write_text(hashlib.sha256(b"new").hexdigest())
    assert (status(access, HOST, old), status(access, HOST, new)) == (200, 401)
    access.reload()
    assert (status(access, HOST, old), status(access, HOST, new)) == (401, 200)


def test_a_reload_that_fails_changes_nothing(token_file):
    access = Access(token_file=str(token_file))
    token_file.write_text("not a hash\n")
    with pytest.raises(ConfigError, match="is not the hash of a token"):
        access.reload()
    assert status(access, HOST, (b"authorization", f"Bearer {TOKEN}".encode())) == 200


def test_reload_without_a_token_file_does_nothing():
    access = Access()
    access.reload()
    assert status(access, HOST) == 200


def test_what_is_remembered_is_bounded_and_never_a_refusal():
    access = Access(host="0.0.0.0")
    for number in range(5000):
        assert access.check(b"GET", b"/", [(b"host", b"h%d" % number)]) is None
    assert len(access._accepted) <= 1024
    for number in range(5000):
        assert access.check(b"GET", b"/", [(b"host", b"h"), (b"origin", b"%d" % number)])
    assert len(access._accepted) <= 1024
