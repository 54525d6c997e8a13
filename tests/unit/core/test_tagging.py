"""Which tags an image gets."""

from __future__ import annotations

import pytest

from hublish.core.config.file import ImageConfig, parse_config
from hublish.core.repository import RefKind, ResolvedRef
from hublish.core.tagging import make_image_tags
from hublish.errors import ValueInvalid

SHA = "0123456789" * 4


def make_image(tags: str) -> ImageConfig:
    body = f"version: 1\nimage: {{name: registry.example.org/team/ts, tags: {tags}}}\n"
    config = parse_config(body.encode(), path=".hublish.yaml").config
    assert config is not None
    return config.images[0]


def make_ref(name: str, kind: RefKind) -> ResolvedRef:
    return ResolvedRef(name=name, kind=kind, sha=SHA)


@pytest.mark.parametrize(
    ("tags", "name", "kind", "expected"),
    [
        ('["{release}", latest]', "v1.2", RefKind.TAG, (("v1.2",), ("latest",))),
        ('["py311-{release}", "{release}"]', "v1.2", RefKind.TAG, (("py311-v1.2", "v1.2"), ())),
        ("[latest, stable]", "v1.2", RefKind.TAG, ((), ("latest", "stable"))),
        ('["{release}", latest]', "latest", RefKind.TAG, (("latest",), ())),
        ("[latest]", "main", RefKind.BRANCH, (("main-0123456",), ())),
        ("[latest]", "feature/new plot", RefKind.BRANCH, (("feature-new-plot-0123456",), ())),
        ("[latest]", "-.–", RefKind.BRANCH, (("sha-0123456",), ())),
        ("[latest]", "b" * 200, RefKind.BRANCH, (("b" * 120 + "-0123456",), ())),
        ("[latest]", SHA, RefKind.SHA, (("sha-0123456",), ())),
        ('["{release}", latest]', "7", RefKind.PULL_REQUEST, ((), ())),
    ],
)
def test_tags_follow_from_the_kind_of_ref(
    tags: str, name: str, kind: RefKind, expected: tuple[tuple[str, ...], tuple[str, ...]]
) -> None:
    """A git tag goes the whole way, a branch or commit gets one tag of its own, a pull request none."""

    assert make_image_tags(make_image(tags), make_ref(name, kind)) == expected


def test_release_that_makes_no_tag_is_refused() -> None:
    """A git tag with a slash cannot be a registry's tag; nothing is made up in its place."""
    with pytest.raises(ValueInvalid, match='makes "team/v1", which is no image tag'):
        make_image_tags(make_image('["{release}"]'), make_ref("team/v1", RefKind.TAG))
