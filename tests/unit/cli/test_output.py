"""The options that say where an image goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from hublish.cli.output import parse_output
from hublish.core.reference import Reference

NAME = Reference(registry="registry.example.org", repository="team/ts")


@pytest.mark.parametrize(
    ("output", "tag", "expected"),
    [
        (None, None, "oci:/cache/ts"),
        ("/x/image", None, "oci:/x/image"),
        ("oci:/x/image", None, "oci:/x/image"),
        ("/x/a:b", None, "oci:/x/a:b"),
        ("docker-archive:/x/ts.tar", None, "docker-archive:/x/ts.tar:registry.example.org/team/ts:latest"),
        ("docker-archive:/x/ts.tar", "ts:dev", "docker-archive:/x/ts.tar:docker.io/library/ts:dev"),
    ],
)
def test_image_is_written_where_the_option_says(output: str | None, tag: str | None, expected: str) -> None:
    """A folder or a file; a name without a host is Docker Hub's, as for docker itself."""
    place = parse_output(push=None, output=output, load=False, tag=tag, name=NAME, default=Path("/cache/ts"))

    assert str(place) == expected


def test_image_is_loaded_under_the_name_that_is_given() -> None:
    """Else under its own, as latest."""
    named = parse_output(push=None, output=None, load=True, tag="localhost/ts:dev", name=NAME, default=Path("x"))
    own = parse_output(push=None, output=None, load=True, tag=None, name=NAME, default=Path("x"))

    assert (str(named), str(own)) == (
        "docker-daemon:localhost/ts:dev",
        "docker-daemon:registry.example.org/team/ts:latest",
    )
