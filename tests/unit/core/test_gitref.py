"""Names of git refs."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hublish.core.gitref import REF_LIMIT_BYTES, is_full_sha, is_ref_name, is_sha_prefix


@pytest.mark.parametrize(
    "text", ["v1", "v1.2.3", "release/2026-11", "a_b", "été", "0.0.9", "v.10", "x" * REF_LIMIT_BYTES]
)
def test_usual_names_are_refs(text: str) -> None:
    """What people call tags and branches is accepted."""
    assert is_ref_name(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "a b",
        "--upload-pack=x",
        "-v1",
        "a..b",
        "a//b",
        "/a",
        "a/",
        "a.",
        ".a",
        "a/.b",
        "a.lock",
        "a.lock/b",
        "@",
        "a@{1}",
        "a~1",
        "a^",
        "a:b",
        "a?",
        "a*",
        "a[b",
        "a\\b",
        "a\nb",
        "a\x00",
        "a\u202eb",
        "\ud800",
        "é" * REF_LIMIT_BYTES,
    ],
)
def test_hostile_and_impossible_names_are_refused(text: str) -> None:
    """A name git forbids, or that could become an option or a second word, is no ref."""
    assert not is_ref_name(text)


@pytest.mark.skipif(shutil.which("git") is None, reason="git is missing")
@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="ab/.@{~^:?*[\\-_ \u00e9lock", min_size=1, max_size=8))
def test_git_accepts_every_name_that_passes(text: str) -> None:
    """Whatever passes here is accepted by git itself as the name of a tag."""
    if not is_ref_name(text):
        return
    done = subprocess.run(["git", "check-ref-format", f"refs/tags/{text}"], check=False, timeout=10)

    assert done.returncode == 0


def test_shas_are_told_from_other_hex() -> None:
    """A full SHA has 40 lower-case digits; a cut one at least seven of either case."""
    full = "0123456789abcdef0123456789abcdef01234567"

    assert [is_full_sha(text) for text in (full, full.upper(), full[:39], full + "0")] == [True, False, False, False]
    assert [is_sha_prefix(text) for text in (full, full[:7].upper(), full[:6], full + "0", "v1.2.3.4")] == [
        True,
        True,
        False,
        False,
        False,
    ]
