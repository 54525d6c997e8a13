"""What pip on this machine is configured for: its index and its certificate authorities. For the command line only."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from hublish.errors import IndexFailed

_DEFAULT = re.compile(r"--index-url <url>.*?\(default\s+(https?://\S+?)\)", re.DOTALL)
_SECONDS = 120
"""pip reads many small files before it answers, which takes a machine at its limits longer than a person would think."""


class PipConfiguration(NamedTuple):
    """pip's index and CA file.

    Attributes:
        index_url: base URL of the simple API; may hold credentials, so never show it.
        ca_file: PEM file, or None for the system's.
    """

    index_url: str
    ca_file: Path | None


def read_pip_configuration(
    environ: Mapping[str, str], *, python: str = sys.executable, seconds: float = _SECONDS
) -> PipConfiguration | None:
    """Ask pip which index it uses.

    pip is asked rather than its files read: the rules of precedence between files and variables are pip's own. The
    default index is in no file, only in pip's help.

    Args:
        environ: environment of the call; PIP_* and HOME count.
        python: interpreter whose pip is asked.
        seconds: how long each of its answers is waited for.

    Returns:
        None when there is no pip, or it names no index.
    Raises:
        IndexFailed: it did not answer in time, which says nothing of what it is configured for.
    """
    listed = _run([python, "-m", "pip", "config", "list"], environ, seconds)
    if listed is None:
        return None
    settings = parse_pip_settings(listed)
    index_url = _first(settings, "index-url") or _find_default(python, environ, seconds)
    cert = _first(settings, "cert")
    return None if index_url is None else PipConfiguration(index_url.rstrip("/"), None if cert is None else Path(cert))


def parse_pip_settings(text: str) -> dict[str, str]:
    """Read the lines of `pip config list` (`section.key='value'`) into `section.key` -> value."""
    settings = {}
    for line in text.splitlines():
        key, separator, value = line.partition("=")
        if separator and value[:1] in ("'", '"'):
            settings[key.strip()] = str(ast.literal_eval(value.strip()))
    return settings


def _first(settings: Mapping[str, str], key: str) -> str | None:
    for section in (":env:", "install", "global"):
        if f"{section}.{key}" in settings:
            return settings[f"{section}.{key}"]
    return None


def _find_default(python: str, environ: Mapping[str, str], seconds: float) -> str | None:
    text = _run([python, "-m", "pip", "install", "--help"], {**environ, "COLUMNS": "400"}, seconds)
    found = None if text is None else _DEFAULT.search(text)
    return None if found is None else found[1]


def _run(command: list[str], environ: Mapping[str, str], seconds: float) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environ, timeout=seconds, check=True)  # noqa: S603 - fixed words
    except subprocess.TimeoutExpired as error:
        raise IndexFailed(
            f"pip, asked which index it is configured for, did not answer within {seconds:.0f} seconds",
            hint="Try again when the machine has less to do, or name the index in the lock.",
            transient=True,
        ) from error
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
