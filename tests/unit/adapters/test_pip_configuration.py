"""What pip says of itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from hublish.adapters.index.pip_configuration import PipConfiguration, parse_pip_settings, read_pip_configuration
from hublish.errors import IndexFailed


def make_python(tmp_path: Path, *, listed: str, helped: str) -> str:
    script = tmp_path / "python"
    script.write_text(
        f"#!/bin/sh\nif [ \"$3\" = config ]; then cat <<'X'\n{listed}\nX\nelse cat <<'X'\n{helped}\nX\nfi\n"
    )
    script.chmod(0o755)
    return str(script)


HELP = """Package Index Options:
  -i, --index-url <url>       Base URL of the Python Package Index (default
                              https://index.example.com/simple). This should point to"""


def test_settings_are_read_line_by_line() -> None:
    """Quoted values are unquoted, other lines left out."""
    expected = {"global.cert": "/etc/ca.pem", ":env:.index-url": "https://me:it's@index.example.com/simple"}
    text = "global.cert='/etc/ca.pem'\n:env:.index-url=\"https://me:it's@index.example.com/simple\"\nWARNING: x=y\n\n"

    assert parse_pip_settings(text) == expected


def test_variable_wins_over_files(tmp_path: Path) -> None:
    """The order of precedence is pip's: variables, then the section of the command, then the global one."""
    listed = "global.index-url='https://global.example.com/simple'\n:env:.index-url='https://env.example.com/simple/'"
    expected = PipConfiguration("https://env.example.com/simple", None)

    assert read_pip_configuration({}, python=make_python(tmp_path, listed=listed, helped="")) == expected


def test_default_index_is_read_from_help(tmp_path: Path) -> None:
    """Where nothing is configured, pip's help names the index; the CA file comes from the settings."""
    expected = PipConfiguration("https://index.example.com/simple", Path("/etc/ca.pem"))

    found = read_pip_configuration(
        {"PATH": "/usr/bin:/bin"}, python=make_python(tmp_path, listed="global.cert='/etc/ca.pem'", helped=HELP)
    )

    assert found == expected


def test_help_without_index_gives_nothing(tmp_path: Path) -> None:
    """A pip that names no index is no answer."""
    environ = {"PATH": "/usr/bin:/bin"}

    assert read_pip_configuration(environ, python=make_python(tmp_path, listed="", helped="none")) is None


def test_machine_without_pip_gives_nothing(tmp_path: Path) -> None:
    """No interpreter, no answer, no crash."""
    assert read_pip_configuration({}, python=str(tmp_path / "missing")) is None


def test_slow_pip_is_not_a_machine_without_an_index(tmp_path: Path) -> None:
    """A machine under load gets an error that says so, not one that blames the lock."""
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexec sleep 600\n")
    python.chmod(0o755)

    with pytest.raises(IndexFailed, match="did not answer within 0 seconds") as caught:
        read_pip_configuration({"PATH": "/usr/bin:/bin"}, python=str(python), seconds=0.1)
    assert caught.value.transient
