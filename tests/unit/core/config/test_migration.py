"""The old config carried over: what the new format says otherwise, and what is told of it in comments."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hublish.core.config.file import parse_config
from hublish.core.config.migration import migrate_config

HEAD = "# Made by `hublish migrate` from .aicoe-ci.yaml, which is no longer read and can be removed.\n"
CHANGED = "# Not taken over, or changed:\n"
IMAGE = "version: 1\nimage:\n  name: quay.io/team/ts\n"
TAG = "triggers:\n  tag: true\n"


def migrate(text: str, *paths: str) -> str | None:
    made = migrate_config(text.encode(), name=".aicoe-ci.yaml", repository_name="ts", has=paths.__contains__)
    return made.text


@pytest.mark.parametrize(
    ("rest", "paths", "expected"),
    [
        ("", ("Dockerfile",), f"{HEAD}{IMAGE}strategy: dockerfile\n{TAG}"),
        (
            "base-image: quay.io/a/b:1",
            ("Containerfile",),
            (
                f"{HEAD}{CHANGED}# - `base-image` quay.io/a/b:1 had no effect: the Dockerfile names its base\n"
                f"{IMAGE}strategy: dockerfile\n{TAG}"
            ),
        ),
        (
            "",
            (),
            (
                f"{HEAD}{CHANGED}# - source-to-image without a `base-image` never built; the image is made from the locked"
                f" packages\n{IMAGE}strategy: layered\n{TAG}"
            ),
        ),
        (
            "base-image: quay.io/a/b",
            (),
            (
                f"{HEAD}{CHANGED}# - `base-image` had no tag, which meant quay.io/a/b:latest; better name one that does not"
                f" move\n{IMAGE}strategy: source\nbase: quay.io/a/b:latest\n{TAG}"
            ),
        ),
        (
            "build-strategy: Dockerfile\n  build-source-script: image:///x",
            (),
            (
                f"{HEAD}{CHANGED}# - `build-source-script` had no effect without source-to-image\n"
                f"{IMAGE}strategy: dockerfile\ndockerfile:\n  path: Dockerfile\n{TAG}"
            ),
        ),
    ],
)
def test_what_the_new_format_says_otherwise_is_told(rest: str, paths: tuple[str, ...], expected: str) -> None:
    """The strategy that the files chose is named, and whatever had no effect is dropped with a reason."""
    assert migrate(f"build:\n  registry-org: team\n  {rest}\n", *paths) == expected


@pytest.mark.parametrize("strategy", ["Source", ""])
def test_lock_of_an_overlay_is_named_where_it_is_read(strategy: str) -> None:
    """Only the strategy layered reads a lock."""
    base = "base-image: 'quay.io/a/b:1', " if strategy else ""
    text = migrate(
        "overlays_dir: o\noverlays:\n  - name: gpu\n"
        f"    build: {{registry-org: team, {base}build-strategy: '{strategy}'}}\n"
    )

    assert text is not None
    assert ("python:\n  lock: o/gpu/Pipfile.lock\n" in text) is (strategy == "")
    assert ("the overlay's lock o/gpu/Pipfile.lock is not named" in text) is (strategy == "Source")


def test_dockerfile_in_a_folder_is_found() -> None:
    """The path that the old file names decides the strategy as it did."""
    expected = f"{HEAD}{IMAGE}strategy: dockerfile\ndockerfile:\n  path: docker/Dockerfile\n{TAG}"

    assert (
        migrate("build:\n  registry-org: team\n  dockerfile-path: docker/Dockerfile\n", "docker/Dockerfile") == expected
    )


def test_broken_file_makes_nothing() -> None:
    """Its findings say why."""
    made = migrate_config(b"check: []\n", name=".aicoe-ci.yaml", repository_name="ts", has=lambda _: False)

    assert made.text is None
    assert [finding.code for finding in made.findings] == ["ImageMissing"]


@given(
    value=st.text(max_size=40), key=st.sampled_from(["check", "deploy", "sibling", "x", "build-strategy", "custom-tag"])
)
def test_hostile_text_stays_in_its_comment(value: str, key: str) -> None:
    """Whatever an old file holds, the new one is valid, or there is none."""
    quoted = "".join(f"\\U{ord(character):08x}" for character in value)
    place = f'  {key}: "{quoted}"\n' if key in ("build-strategy", "custom-tag") else f'{key}: "{quoted}"\n'
    text = migrate(f"build:\n  registry-org: team\n  base-image: quay.io/a/b:1\n{place}")

    assert text is None or parse_config(text.encode(), path=".hublish.yaml").config is not None
