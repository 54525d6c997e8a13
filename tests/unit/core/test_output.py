"""Where an image goes, in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from hublish.core.output import Output, OutputKind
from hublish.core.reference import Reference

NAME = Reference(registry="registry.example.org", repository="team/ts", tag="v1")


@pytest.mark.parametrize(
    ("kind", "path", "expected"),
    [
        (OutputKind.REGISTRY, None, "registry.example.org/team/ts:v1"),
        (OutputKind.LAYOUT, Path("/x"), "oci:/x"),
        (OutputKind.ARCHIVE, Path("/x.tar"), "docker-archive:/x.tar:registry.example.org/team/ts:v1"),
        (OutputKind.ENGINE, None, "docker-daemon:registry.example.org/team/ts:v1"),
    ],
)
def test_place_is_named_as_other_tools_name_it(kind: OutputKind, path: Path | None, expected: str):
    """What is printed can be given to skopeo."""
    assert str(Output(kind=kind, reference=NAME, path=path)) == expected
