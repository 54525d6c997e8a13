"""What a refused text was likely meant to be."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hublish.core.config.valuetext import mend_duration, mend_image_name, mend_size, mend_slug


@pytest.mark.parametrize(
    ("mend", "text", "expected"),
    [
        (mend_duration, "30", "30m"),
        (mend_duration, "90 sec", "90s"),
        (mend_duration, "2 Hours", "2h"),
        (mend_duration, "soon", "soon"),
        (mend_size, "4", "4Gi"),
        (mend_size, "512", "512Mi"),
        (mend_size, "8 GB", "8G"),
        (mend_size, "8gib", "8Gi"),
        (mend_size, "64 KB", "64k"),
        (mend_size, "large", "large"),
        (mend_image_name, "a.example:5000/b/c:1", "a.example:5000/b/c"),
        (mend_image_name, "docker://a.example/b@sha256:00", "a.example/b"),
        (mend_image_name, "Team/ts:1", "registry.example.org/team/ts"),
        (mend_slug, "@Org/Data Science", "data-science"),
        (mend_slug, "Demo", "demo"),
    ],
)
def test_refused_text_is_mended(mend: Callable[[str], str], text: str, expected: str) -> None:
    """Units in their spelling, names without what belongs elsewhere; what cannot be mended stays."""
    assert mend(text) == expected
