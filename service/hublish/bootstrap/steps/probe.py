"""The Step `probe`: looks at the pod it is in and at the way to registries, for `hublish doctor --cluster`. It builds nothing."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

HOSTS = "HUBLISH_PROBE_HOSTS"
CONNECT_SECONDS = 5.0


def probe(environ: Mapping[str, str]) -> dict[str, str]:
    """What does not work here, by name: `user-namespace`, `work`, `registry HOST`; "" where it does.

    Args:
        environ: HUBLISH_PROBE_HOSTS names registries, `host[:port]`, with commas between; HUBLISH_WORK the shared folder.
    """
    hosts = [host for host in environ.get(HOSTS, "").split(",") if host]
    return {
        "user-namespace": _try_user_namespace(),
        "work": _try_folder(Path(environ.get("HUBLISH_WORK", "/work"))),
        **{f"registry {host}": _try_connection(host) for host in hosts},
    }


def render_probe(found: Mapping[str, str]) -> str:
    """One line for the log."""
    return json.dumps(dict(found), sort_keys=True)


def parse_probe(lines: list[str]) -> dict[str, str]:
    """What a probe printed; empty when it printed nothing of the kind."""
    for line in reversed(lines):
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict):
            return {str(name): str(text) for name, text in found.items()}
    return {}


def _try_user_namespace() -> str:
    try:
        done = subprocess.run(
            ("unshare", "--user", "true"),  # noqa: S607 -- a fixed word; PATH is the image's
            capture_output=True,
            text=True,
            timeout=CONNECT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if done.returncode == 0 else done.stderr.strip() or f"exit status {done.returncode}"


def _try_folder(folder: Path) -> str:
    return "" if os.access(folder, os.W_OK) else f"{folder} is not writable"


def _try_connection(host: str) -> str:
    name, _, port = host.rpartition(":") if host.rpartition(":")[2].isdigit() else (host, "", "443")
    try:
        socket.create_connection((name.strip("[]"), int(port)), timeout=CONNECT_SECONDS).close()
    except OSError as error:
        return str(error)
    return ""
