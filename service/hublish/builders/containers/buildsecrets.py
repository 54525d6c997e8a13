"""Secrets of a Dockerfile's build: which of those that are given it gets, and what of them no log may show.

Who may give one is decided elsewhere; how one reaches a RUN is the engine's matter.

Source: Dockerfile reference, "RUN --mount=type=secret".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hublish.core.container import SecretMount
from hublish.errors import BuildFailed, clip

_SECRET_CHARACTERS = 4
"""Shorter lines of a secret are not masked: they stand in too many words."""


def choose_build_secrets(asked: Sequence[SecretMount], given: Mapping[str, bytes]) -> dict[str, bytes]:
    """Choose what a build gets: only what its Dockerfile asks for.

    Args:
        asked: by the Dockerfile.
        given: id -> bytes, by the operator or the user.

    Raises:
        BuildFailed: one that is required is not given.
    """
    missing = [secret.name for secret in asked if secret.required and secret.name not in given]
    if missing:
        raise BuildFailed(
            f"the Dockerfile needs the secret {clip(', '.join(missing))}, which this build is not given",
            hint="On the command line name its file by `--secret ID=FILE`; in a service the operator gives secrets.",
        )
    return {secret.name: given[secret.name] for secret in asked if secret.name in given}


def list_masked(secrets: Mapping[str, bytes]) -> tuple[str, ...]:
    """List what is masked in a log: the lines of all secrets, the longest first."""
    lines = {line.strip() for body in secrets.values() for line in body.decode(errors="replace").splitlines()}
    return tuple(
        sorted((line for line in lines if len(line) >= _SECRET_CHARACTERS), key=lambda line: (-len(line), line))
    )
