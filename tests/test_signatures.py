"""Signatures: what one key signed is taken, everything else is refused, and nothing is unpacked."""

import base64
import json
import os
import stat
import subprocess
import sys

import pytest

from cpr.errors import PackageRefused, UsageError
from cpr.key_pairs import generate
from cpr.serving import open_routine
from cpr.signatures import PublicKey, SigningKey

pytest.importorskip("cryptography", reason="signatures need the extra sign")

DATA = b"any bytes"


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """Two key pairs; the second is nobody's we trust."""
    folder = tmp_path_factory.mktemp("keys")
    generate(folder / "ours")
    generate(folder / "other")
    return folder


@pytest.fixture
def public(keys):
    return PublicKey.read(keys / "ours.pub")


@pytest.fixture
def signed(keys, tmp_path):
    """A file and its signature."""
    file = tmp_path / "x-1.tar.gz"
    file.write_bytes(DATA)
    signature = tmp_path / "x-1.tar.gz.sig"
    signature.write_bytes(SigningKey.read(keys / "ours").sign(DATA))
    return file, signature


def test_a_signature_of_the_key_is_taken(public, signed):
    public.check(signed[0], DATA)


def test_the_same_bytes_and_key_give_the_same_signature(keys, signed):
    assert SigningKey.read(keys / "ours").sign(DATA) == signed[1].read_bytes()


def test_openssl_verifies_what_we_sign(keys, signed, tmp_path):
    """The format is documented; this is how somebody without cpr would check it."""
    document = json.loads(signed[1].read_bytes())
    message, raw = tmp_path / "message", tmp_path / "raw"
    message.write_bytes(b"cpr.signature/1\0" + bytes.fromhex(document["sha256"]))
    raw.write_bytes(base64.b64decode(document["signature"]))
    command = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", keys / "ours.pub"]
    command += ["-in", message, "-sigfile", raw]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    assert done.returncode == 0, done.stderr


def test_another_key_is_named(keys, signed):
    other = PublicKey.read(keys / "other.pub")
    with pytest.raises(
        PackageRefused, match=rf"signed by the key [0-9a-f]{{16}}, not by {other.id}"
    ):
        other.check(signed[0], DATA)


def test_a_stolen_key_id_does_not_help(keys, signed, public):
    document = json.loads(SigningKey.read(keys / "other").sign(DATA))
    document["key_id"] = public.id
    signed[1].write_bytes(json.dumps(document, indent=1).encode() + b"\n")
    with pytest.raises(PackageRefused, match=f"is no signature of the key {public.id}"):
        public.check(signed[0], DATA)


def test_a_missing_signature_is_named(public, signed):
    signed[1].unlink()
    with pytest.raises(PackageRefused, match=r"has no signature: .*x-1\.tar\.gz\.sig is not there"):
        public.check(signed[0], DATA)


def test_other_bytes_are_refused(public, signed):
    with pytest.raises(PackageRefused, match="is not the file that was signed"):
        public.check(signed[0], DATA + b"!")


def test_every_flipped_bit_of_a_signature_is_refused(public, signed):
    good = signed[1].read_bytes()
    for position in range(len(good)):
        for bit in range(8):
            bad = bytearray(good)
            bad[position] ^= 1 << bit
            signed[1].write_bytes(bad)
            with pytest.raises(PackageRefused):
                public.check(signed[0], DATA)


@pytest.mark.parametrize(
    "change",
    [
        lambda good: b"",
        lambda good: good[:-1],
        lambda good: good + b"\n",
        lambda good: good.replace(b"\n", b"\r\n"),
        lambda good: good.replace(b"{", b'{"schema": "cpr.signature/1",', 1),
        lambda good: b"[" * 100_000,
        lambda good: good[:-2] + b',"more": "x"}\n',
        lambda good: json.dumps(dict.fromkeys(json.loads(good), 1)).encode(),
    ],
    ids=["empty", "cut", "longer", "newlines", "twice", "deep", "more", "numbers"],
)
def test_a_signature_is_taken_only_as_it_was_written(public, signed, change):
    signed[1].write_bytes(change(signed[1].read_bytes()))
    with pytest.raises(PackageRefused, match="is no signature of the schema"):
        public.check(signed[0], DATA)


@pytest.mark.parametrize("field", ["schema", "algorithm"])
def test_a_signature_of_another_kind_is_named(public, signed, field):
    document = {**json.loads(signed[1].read_bytes()), field: "new/2"}
    signed[1].write_bytes(json.dumps(document, indent=1).encode() + b"\n")
    with pytest.raises(PackageRefused, match=r"new/2.*this version of cpr reads ed25519"):
        public.check(signed[0], DATA)


def test_a_signature_behind_a_link_is_not_read(public, signed, tmp_path):
    signed[1].rename(tmp_path / "elsewhere")
    signed[1].symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PackageRefused, match="is a link, which is not followed"):
        public.check(signed[0], DATA)


def test_a_signature_that_is_a_pipe_does_not_block(public, signed):
    signed[1].unlink()
    os.mkfifo(signed[1])
    with pytest.raises(PackageRefused, match="is no regular file"):
        public.check(signed[0], DATA)


def test_only_the_owner_can_read_a_new_private_key(tmp_path):
    before = os.umask(0)
    try:
        key = generate(tmp_path / "key")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "key.pub").stat().st_mode) == 0o644
    assert SigningKey.read(tmp_path / "key").public.id == key.id


@pytest.mark.parametrize("taken", ["key", "key.pub"])
def test_no_key_is_overwritten(tmp_path, taken):
    (tmp_path / taken).write_text("precious")
    with pytest.raises(UsageError, match=f"{taken} is there already"):
        generate(tmp_path / "key")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["precious"]


def test_a_private_key_that_others_can_read_is_remarked_on(keys, tmp_path, caplog):
    copy = tmp_path / "key"
    copy.write_bytes((keys / "ours").read_bytes())
    copy.chmod(0o644)
    SigningKey.read(copy)
    assert f"chmod 600 {copy}" in caplog.text


RSA = """
from cryptography.hazmat.primitives import serialization as s
from cryptography.hazmat.primitives.asymmetric import rsa, ed25519
from pathlib import Path
def write(key, name, protection):
    pem = s.Encoding.PEM
    Path(name).write_bytes(key.private_bytes(pem, s.PrivateFormat.PKCS8, protection))
    public = key.public_key().public_bytes(pem, s.PublicFormat.SubjectPublicKeyInfo)
    Path(name + ".pub").write_bytes(public)
write(rsa.generate_private_key(65537, 2048), "rsa", s.NoEncryption())
write(ed25519.Ed25519PrivateKey.generate(), "locked", s.BestAvailableEncryption(b"x"))
"""


@pytest.fixture(scope="module")
def odd_keys(tmp_path_factory):
    """Keys that cannot be used: of another kind, with a password, no key at all."""
    folder = tmp_path_factory.mktemp("odd")
    subprocess.run([sys.executable, "-c", RSA], cwd=folder, check=True)
    (folder / "text").write_text("no key")
    return folder


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        (PublicKey, "rsa.pub", "holds no public Ed25519 key"),
        (PublicKey, "text", "holds no public Ed25519 key"),
        (PublicKey, "absent", "cannot be read: No such file"),
        (PublicKey, "locked", "holds a private key; signatures are checked with the public one"),
        (SigningKey, "rsa", "holds no private Ed25519 key"),
        (SigningKey, "rsa.pub", "holds no private Ed25519 key"),
        (SigningKey, "text", "holds no private Ed25519 key"),
        (SigningKey, "locked", "is protected by a password"),
        (SigningKey, "absent", "cannot be read: No such file"),
    ],
)
def test_what_is_no_key_is_a_usage_error(odd_keys, kind, name, message):
    with pytest.raises(UsageError, match=message) as caught:
        kind.read(odd_keys / name)
    assert caught.value.hint


# Opening signed packages.

ROUTINE = """
from pathlib import Path
Path(CANARY).touch()

class P:
    @classmethod
    def from_path(cls, model_dir):
        return cls()

    def predict(self, instances, **kwargs):
        return instances
"""


@pytest.fixture
def canary(tmp_path):
    return tmp_path / "canary"


@pytest.fixture
def package(tmp_path, canary, keys):
    """A signed wheel whose import leaves a trace, beside an unsigned copy of it."""
    import zipfile

    source = ROUTINE.replace("CANARY", repr(str(canary)))
    for name in ("signed-1-py3-none-any.whl", "bare-1-py3-none-any.whl"):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr(f"{name.partition('-')[0]}.py", source)
    file = tmp_path / "signed-1-py3-none-any.whl"
    signature = SigningKey.read(keys / "ours").sign(file.read_bytes())
    file.with_name(f"{file.name}.sig").write_bytes(signature)
    (tmp_path / "model").mkdir()
    return file


@pytest.fixture
def unpacked(monkeypatch, tmp_path):
    """What came to be in the folder for temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder.iterdir


@pytest.fixture
def opened_files():
    """The files that were made or opened for writing since, seen by an audit hook."""
    seen, active = [], [True]

    def hook(event, arguments):
        if active and event == "open" and isinstance(arguments[2], int):
            if arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                seen.append(arguments[0])
        elif active and event == "os.mkdir":
            seen.append(arguments[0])

    sys.addaudithook(hook)
    yield seen
    active.clear()


def test_a_signed_package_opens(package, keys, canary, tmp_path, caplog):
    with open_routine(
        str(package),
        str(tmp_path / "model"),
        prediction_class="signed.P",
        require_signature=keys / "ours.pub",
    ):
        assert canary.exists()
    assert "the signature covers the package, not the model directory" in caplog.text


@pytest.mark.parametrize(
    "spoil",
    [
        lambda file, signature: signature.unlink(),
        lambda file, signature: signature.write_bytes(signature.read_bytes()[::-1]),
        lambda file, signature: file.write_bytes(file.read_bytes() + b"\0"),
        lambda file, signature: (
            signature.rename(f"{signature}.old"),
            signature.symlink_to(f"{signature}.old"),
        ),
    ],
    ids=["missing", "damaged", "changed package", "link"],
)
def test_nothing_of_a_package_without_its_signature_is_unpacked(
    package, keys, canary, tmp_path, unpacked, opened_files, spoil
):
    spoil(package, package.with_name(f"{package.name}.sig"))
    opened_files.clear()
    with pytest.raises(PackageRefused):
        open_routine(
            str(package),
            str(tmp_path / "model"),
            prediction_class="signed.P",
            require_signature=keys / "ours.pub",
        )
    assert opened_files == []
    assert list(unpacked()) == []
    assert not canary.exists()


def test_every_package_must_be_signed(package, keys, canary, tmp_path, unpacked, opened_files):
    bare = tmp_path / "bare-1-py3-none-any.whl"
    with pytest.raises(PackageRefused, match=r"bare-1-py3-none-any\.whl is refused: it has no sig"):
        open_routine(
            str(package),
            str(tmp_path / "model"),
            prediction_class="signed.P",
            packages=[str(bare)],
            require_signature=keys / "ours.pub",
        )
    assert opened_files == []
    assert not canary.exists()


@pytest.mark.parametrize("target", [None, "project", "module:Class", "project/predictor.py:P"])
def test_what_cannot_be_signed_is_refused_where_a_signature_is_required(
    keys, tmp_path, monkeypatch, target
):
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "predictor.py").write_text("raise SystemExit('ran')")
    (tmp_path / "model").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="only package files can"):
        open_routine(target, "model", require_signature=keys / "ours.pub")


def test_the_environment_can_ask_for_signatures(package, keys, tmp_path, monkeypatch):
    monkeypatch.setenv("CPR_PACKAGE_REQUIRE_SIGNATURE", str(keys / "other.pub"))
    with pytest.raises(PackageRefused, match="signed by the key"):
        open_routine(str(package), str(tmp_path / "model"), prediction_class="signed.P")


def test_a_project_can_ask_for_signed_packages_but_not_for_its_own(package, keys, tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    (project / "key.pub").write_bytes((keys / "ours.pub").read_bytes())
    (project / "cpr.toml").write_text(
        "[project]\nprediction_class = 'signed.P'\n[package]\nrequire_signature = 'key.pub'\n"
    )
    model = str(tmp_path / "model")
    open_routine(str(project), model, packages=[str(package)]).close()
    with pytest.raises(PackageRefused, match="has no signature"):
        open_routine(
            str(project), model, packages=[str(package), str(tmp_path / "bare-1-py3-none-any.whl")]
        )
