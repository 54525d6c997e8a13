"""Keys of what is kept between builds: a digest over plain values."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence


def make_key(parts: Sequence[object]) -> str:
    """Make the key over plain values (texts, numbers, lists of them)."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
