"""Which secrets a build gets, and what of them is masked."""

from __future__ import annotations

import pytest

from hublish.builders.containers.buildsecrets import choose_build_secrets, list_masked
from hublish.core.container import SecretMount
from hublish.errors import BuildFailed

GIVEN = {"token": b"one", "other": b"two"}


def test_only_what_is_asked_for_is_given() -> None:
    """One that is not required may be missing."""
    asked = (SecretMount(name="absent", required=False), SecretMount(name="token", required=True))

    assert choose_build_secrets(asked, GIVEN) == {"token": b"one"}


def test_required_secrets_that_are_not_given_are_named() -> None:
    """All of them at once, and how they are given."""
    asked = tuple(SecretMount(name=name, required=True) for name in ("a", "b", "token"))

    with pytest.raises(BuildFailed, match="the Dockerfile needs the secret a, b, which") as caught:
        choose_build_secrets(asked, GIVEN)
    assert "--secret ID=FILE" in caught.value.hint


def test_lines_are_masked_the_longest_first() -> None:
    """So that a line which stands in another leaves nothing of it; short lines stand in too many words."""
    secrets = {"a": b"abcd\n  abcdef \nabc\n", "b": b"\xffxyz\nabcd"}

    assert list_masked(secrets) == ("abcdef", "abcd", "\ufffdxyz")
