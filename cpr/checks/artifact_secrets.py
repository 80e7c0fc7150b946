"""Secrets among the files that would be uploaded, by patterns that rarely err.

What was found is never shown, only what it is and where.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from cpr.checks.artifact_files import package_files
from cpr.checks.subject import Subject
from cpr.findings import Finding, rule

SECRET = rule(
    "CPR340",
    "error",
    "A secret is among the files",
    cause="Whoever can read the model's bucket or the package, and whoever gets at a running "
    "instance, can use it. On every one of these platforms an instance has a service account of "
    "its own: no key file is needed.",
    cure="Remove the file, and revoke the secret: it may have been read already. Let the code use "
    "the service account, or read the secret from the environment or a secret manager.",
    example="""
    model/service-account.json     # {"type": "service_account", "private_key": …}
    model/.env                     # DB_PASSWORD=…
    """,
)

_LARGEST = 1_000_000
_TEXTS: Mapping[str, re.Pattern[bytes]] = {
    what: re.compile(pattern)
    for what, pattern in {
        "a private key": rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----\s",
        "an AWS access key": rb"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b",
        "a Google API key": rb"\bAIza[0-9A-Za-z_-]{35}\b",
        "a Google OAuth token": rb"\bya29\.[0-9A-Za-z_-]{40,}",
        "a GitHub token": rb"\b(?:gh[pousr]_[0-9A-Za-z]{36}|github_pat_[0-9A-Za-z_]{60,})",
        "a GitLab token": rb"\bglpat-[0-9A-Za-z_-]{20}",
        "a Hugging Face token": rb"\bhf_[A-Za-z]{34}\b",
        "a Slack token": rb"\bxox[abprs]-[0-9]{8,}-[0-9A-Za-z-]{20,}",
        "a Stripe key": rb"\b[rs]k_live_[0-9A-Za-z]{24,}",
        "an OpenAI key": rb"\bsk-(?:proj-|svcacct-)[0-9A-Za-z_-]{40,}",
        "an Anthropic key": rb"\bsk-ant-[0-9A-Za-z_-]{80,}",
        "a PyPI token": rb"\bpypi-AgEIcHlwaS5vcmc[0-9A-Za-z_-]{50,}",
        "an npm token": rb"\bnpm_[0-9A-Za-z]{36}\b",
        "a password in an address": rb"\b[a-z][a-z0-9+]{2,12}://[\w.~-]+:"
        rb"(?!password|secret|pass|\$|<|\{)[^\s:@/'\"]{6,}@[\w.-]+\.",
    }.items()
}
_ENVIRONMENT = re.compile(r"\.env(\.(?!example|sample|template|dist).*)?|.*\.env")
_ASSIGNMENT = re.compile(
    rb"^[ \t]*(?:export\s+)?\w*(?:SECRET|PASSWORD|PASSWD|TOKEN|API_?KEY|PRIVATE_?KEY)\w*\s*=\s*"
    rb"[\"']?[^\s\"'$<]{6,}",
    re.MULTILINE | re.IGNORECASE,
)
_KEY_FILE = re.compile(r"id_(rsa|dsa|ecdsa|ed25519)|\.netrc|_netrc|\.pypirc")


def check(subject: Subject) -> Iterator[Finding]:
    """Look into every small text file of the model directory and the package."""
    found = sorted(subject.model_dir.rglob("*")) if subject.model_dir else []
    for path in dict.fromkeys([*found, *package_files(subject)]):
        # What .git holds is packed; that it is there is a finding of its own.
        if ".git" not in path.parts and path.is_file() and path.stat().st_size <= _LARGEST:
            yield from _look_into(path, subject.relative(path))


def _look_into(path: Path, shown: str) -> Iterator[Finding]:
    data = path.read_bytes()
    if b"\0" in data[:8192]:
        return
    if what := _credentials(data):
        yield Finding(SECRET, f"{shown} is {what}", file=shown)
        return
    if _KEY_FILE.fullmatch(path.name):
        yield Finding(SECRET, f"{shown} holds credentials, as its name says", file=shown)
        return
    patterns = dict(_TEXTS)
    if _ENVIRONMENT.fullmatch(path.name):
        patterns["a secret setting"] = _ASSIGNMENT
    for what, pattern in patterns.items():
        if match := pattern.search(data):
            line = data.count(b"\n", 0, match.start()) + 1
            yield Finding(SECRET, f"{shown} holds {what}", file=shown, line=line)


def _credentials(data: bytes) -> str:
    """What Google's JSON files of credentials are, or nothing."""
    if not data.lstrip().startswith(b"{") or b'"type"' not in data:
        return ""
    try:
        content = json.loads(data)
    except ValueError:
        return ""
    if content.get("type") == "service_account" and content.get("private_key"):
        return "the key of a service account"
    if content.get("type") == "authorized_user" and content.get("refresh_token"):
        return "a user's Google credentials"
    return ""
