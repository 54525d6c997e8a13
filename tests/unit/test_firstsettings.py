"""The settings that count before there is an App."""

from __future__ import annotations

from pathlib import Path

import pytest

from hublish.errors import SettingsInvalid
from hublish.firstsettings import load_first_settings

TEXT = """\
github: {api: "https://ghe.example.com/api/v3", web: "https://ghe.example.com", app_id: later}
ca_file: ca.pem
proxy: {https: "http://proxy.example.com:3128", auth_file: login}
public_url: 7
"""


def test_without_a_file_github_com_is_meant() -> None:
    """And it is asked directly."""
    settings = load_first_settings({})

    assert (settings.github.api, settings.github.web) == ("https://api.github.com", "https://github.com")
    assert (settings.ca_file, settings.proxy.https) == (None, None)


def test_enterprise_host_and_way_out_come_from_the_file(tmp_path: Path) -> None:
    """Whatever else is in it, or not yet."""
    path = tmp_path / "settings.yaml"
    path.write_text(TEXT)
    settings = load_first_settings({"HUBLISH_SETTINGS": str(path)})

    assert (settings.github.api, settings.github.web) == (
        "https://ghe.example.com/api/v3",
        "https://ghe.example.com",
    )
    assert (settings.ca_file, settings.proxy.auth_file) == (tmp_path / "ca.pem", tmp_path / "login")


@pytest.mark.parametrize(
    ("text", "message"),
    [("github: {api: 'file:///etc'}", "not usable: github.api"), ("a: [", "not YAML"), (None, "cannot be read")],
)
def test_file_that_cannot_be_used_is_refused(tmp_path: Path, text: str | None, message: str) -> None:
    """Named, without its values."""
    path = tmp_path / "settings.yaml"
    if text is not None:
        path.write_text(text)

    with pytest.raises(SettingsInvalid, match=message):
        load_first_settings({"HUBLISH_SETTINGS": str(path)})
