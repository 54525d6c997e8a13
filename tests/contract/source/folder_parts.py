"""How the tests load a folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from hublish.adapters.source_folder import FolderSource
from hublish.core.source_rules import SourceLimits

ENVIRON = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}


def load(folder: Path, *, limits: SourceLimits | None = None, environ: Mapping[str, str] = ENVIRON) -> FolderSource:
    return FolderSource.load(folder, environ=environ, limits=limits)
