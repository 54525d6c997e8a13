"""Where the programs are that `install-tools.sh` built; tests that need one skip with its name when it is not there."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

JUDGES_FOLDER = Path(__file__).parent / "judges"
S2I_VERSION = "1.5.1"


def find_s2i() -> Path:
    """The path of source-to-image, whether it is there or not."""
    return _find_tools() / f"s2i-v{S2I_VERSION}"


def find_dockerfile_judge() -> Path:
    """The path of the program that reads Dockerfiles and ignore files as their makers do."""
    sources = (JUDGES_FOLDER / "main.go", JUDGES_FOLDER / "go.sum")
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    return _find_tools() / f"dockerfile-judge-{digest}"


def _find_tools() -> Path:
    cache = os.environ.get("HUBLISH_TEST_CACHE") or Path.home() / ".cache" / "hublish-test"
    return Path(cache) / "tools"
