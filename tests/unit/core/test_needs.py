"""What a build needs of an engine: the same words for the engine that refuses it and for the queue that gives it a slot."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hublish.core.container import ContainerPlan, SecretMount
from hublish.core.needs import Need, find_buildkit, find_needs
from tests.golden.tekton_runs import LAYERED

CLASSIC = ContainerPlan(dockerfile_text="FROM scratch\nRUN true\n", context=".")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("RUN pip install .", None),
        ("run  --mount=type=cache,target=/c true", "run --mount="),
        ("RUN --network=none true", "RUN --network="),
        ("COPY <<EOF /a", "COPY <<E"),
    ],
)
def test_words_of_buildkit_are_found(line: str, words: str | None) -> None:
    """Mounts and here-documents, in any case; the words as they stand."""
    assert find_buildkit(replace(CLASSIC, dockerfile_text=f"FROM scratch\n{line}\n")) == words


def test_secrets_need_mounts() -> None:
    """Also where a line goes on in the next one, and the mount is not seen."""
    secrets = (SecretMount(name="token", required=True),)

    assert find_buildkit(replace(CLASSIC, secrets=secrets)) == "RUN --mount=type=secret"


def test_needs_of_a_plan_are_what_engines_decide_by() -> None:
    """Wheels of a build that is only tried are told apart: no registry can hand them over."""
    mounted = replace(CLASSIC, dockerfile_text="FROM scratch\nRUN --mount=type=cache,target=/c true\n")
    wheels = replace(LAYERED, builds_wheels=True)

    assert find_needs(LAYERED) == find_needs(replace(LAYERED, container=CLASSIC)) == ()
    assert find_needs(replace(LAYERED, container=mounted)) == (Need.BUILDKIT,)
    assert find_needs(wheels) == (Need.WHEELS,)
    assert find_needs(replace(wheels, target_repository="")) == (Need.TRIED_WHEELS,)
