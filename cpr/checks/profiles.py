"""Platforms that a routine may be meant for, and what each of them allows."""

from __future__ import annotations

from dataclasses import dataclass

from cpr.errors import UsageError, shorten
from cpr.suggest import did_you_mean

_MB = 1_000_000
# Installed in every runtime version of AI Platform, so that packages did not state them.
_AI_PLATFORM_LIBRARIES = frozenset(
    {
        "absl-py", "dill", "google-api-python-client", "google-auth", "google-cloud-bigquery",
        "google-cloud-storage", "google-cloud-logging", "h5py", "joblib", "keras", "matplotlib",
        "numpy", "oauth2client", "pandas", "pillow", "protobuf", "pyyaml", "requests",
        "scikit-learn", "scipy", "six", "tensorflow", "tensorflow-hub", "tensorflow-transform",
        "xgboost",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Profile:
    """The limits of one platform; 0 stands for no limit that we know of.

    `memory_bytes` is that of the machine, `deadline_s` how long a request may
    take. `libraries` are installed there already, whatever a package requires, by
    their canonical names.
    """

    name: str
    model_dir_bytes: int = 0
    model_dir_files: int = 0
    request_bytes: int = 0
    response_bytes: int = 0
    memory_bytes: int = 0
    deadline_s: float = 0.0
    libraries: frozenset[str] = frozenset()


PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile(
            "aiplatform-mls1",
            model_dir_bytes=500 * _MB,
            model_dir_files=1000,
            request_bytes=1_500_000,
            response_bytes=1_500_000,
            memory_bytes=2_000_000_000,
            deadline_s=60.0,
            libraries=_AI_PLATFORM_LIBRARIES,
        ),
        Profile(
            "aiplatform-n1",
            model_dir_bytes=10_000 * _MB,
            model_dir_files=1000,
            request_bytes=1_500_000,
            response_bytes=1_500_000,
            deadline_s=60.0,
            libraries=_AI_PLATFORM_LIBRARIES,
        ),
        Profile("vertex", request_bytes=1_500_000, response_bytes=1_500_000),
        Profile("kserve"),
        # The memory of an instance holds its files; 32 GiB is the largest.
        Profile(
            "cloudrun",
            model_dir_bytes=32 << 30,
            request_bytes=32 << 20,
            response_bytes=32 << 20,
        ),
    )
}
# Without a profile: no limit of the model directory, and the bodies that AI Platform took.
DEFAULT = Profile("", request_bytes=1_500_000, response_bytes=1_500_000)


def profile_named(name: str) -> Profile:
    """The profile of a name; `DEFAULT` for "".

    Raises:
        UsageError: There is no such profile.
    """
    if not name:
        return DEFAULT
    if name not in PROFILES:
        raise UsageError(
            f"there is no profile {shorten(name)}; known are {', '.join(PROFILES)}.",
            hint=did_you_mean(name, PROFILES),
        )
    return PROFILES[name]
