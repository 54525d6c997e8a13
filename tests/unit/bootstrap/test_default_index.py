"""Which index counts for locks that name none, on a user's machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from hublish.bootstrap.options import WorkbenchOptions
from hublish.bootstrap.user_index import PLACEHOLDER_URL, find_default_index
from hublish.errors import SettingsInvalid
from hublish.settings import Settings, parse_settings

SETTINGS = b"github: {app_id: 1, private_key_file: k, webhook_secret_files: [s]}\npublic_url: u\ndata: d\ndatabase: d\n"


def make_settings(default_index: str = "") -> Settings:
    line = f'default_index: "{default_index}"\n' if default_index else ""
    return parse_settings(SETTINGS + line.encode(), path=Path("/settings.yaml"))


@pytest.mark.parametrize(
    ("pip_index", "index_map", "settings", "expected"),
    [
        ("https://user:secret@index.example.com/simple", {}, None, PLACEHOLDER_URL),
        (None, {PLACEHOLDER_URL: "https://mirror.example.com/simple"}, make_settings(), PLACEHOLDER_URL),
        (None, {}, None, ""),
        ("https://a.example.com/s", {}, make_settings("https://b.example.com/s/"), "https://b.example.com/s"),
    ],
)
def test_default_index_never_holds_pips_login(
    tmp_path: Path, pip_index: str | None, index_map: dict[str, str], settings: Settings | None, expected: str
) -> None:
    """The operator's setting, else a name that pip's index stands behind, else none."""
    options = WorkbenchOptions(
        environ={},
        cache=tmp_path,
        plain_http=frozenset(),
        index_map=index_map,
        bases={},
        settings=settings,
        workers=None,
    )

    assert find_default_index(options, find_pip_index=lambda: pip_index) == expected


@pytest.mark.parametrize(
    "url", ["index.example.com", "https://user:secret@example.com/simple", "https://example.com/?a=b"]
)
def test_default_index_with_a_login_or_no_scheme_is_refused(url: str) -> None:
    """A login belongs into the host's auth_file."""
    with pytest.raises(SettingsInvalid, match="default_index"):
        make_settings(url)
