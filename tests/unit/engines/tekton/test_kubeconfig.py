"""A kubeconfig that is missing or broken ends in words that name it, and none of what stands in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hublish.engines.tekton.kubeconfig import verify_kubeconfig
from hublish.errors import SettingsInvalid

SECRET = "a-key-that-nobody-may-see"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file or directory"),
        (b"\xff\xfe\x00", "is no text"),
        (f"users: []\ntoken: {SECRET}}}: [".encode(), "is no YAML, line 2"),
        (b"\x00", "is no YAML"),
        (SECRET.encode(), "is no kubeconfig: the lists clusters, users and contexts were expected"),
        (b"users: {}\nclusters: []\ncontexts: []\n", "is no kubeconfig: the lists clusters, users and contexts"),
    ],
)
def test_unusable_kubeconfig_is_named_without_its_content(content: bytes | None, words: str, tmp_path: Path) -> None:
    """The message has the setting, the path and the fault; a key in the file is not told."""
    path = tmp_path / "config"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsInvalid) as caught:
        verify_kubeconfig(path)
    message = caught.value.message

    assert message.startswith(f"engines.tekton.kubeconfig: {path}")
    assert words in message
    assert SECRET not in message
    assert caught.value.hint


def test_kubeconfig_with_its_three_lists_is_left_to_the_client(tmp_path: Path) -> None:
    """Whether it leads anywhere is not known here."""
    path = tmp_path / "config"
    path.write_text("clusters: []\nusers: []\ncontexts: []\n")
    verify_kubeconfig(path)

    assert path.is_file()
