"""Who may push where, and build on what."""

from __future__ import annotations

import pytest

from hublish.core.namespaces import check_base, check_namespace
from hublish.core.reference import parse_reference

NAMESPACES = {
    "registry.example.org": {"octo": ("team/", "lab/shared"), "*": ("public",)},
    "open.example.org": {"*": ("",)},
    "closed.example.org": {},
}


@pytest.mark.parametrize(
    ("owner", "image"),
    [
        ("octo", "registry.example.org/team/ts"),
        ("Octo", "registry.example.org/team"),
        ("octo", "registry.example.org/lab/shared/deep/ts"),
        ("octo", "registry.example.org/public/ts"),
        ("stranger", "registry.example.org/public/ts"),
        ("stranger", "open.example.org/anything/at/all"),
    ],
)
def test_owner_may_push_below_their_prefixes(owner: str, image: str) -> None:
    """A prefix holds whole path parts, its owner's case does not count, "*" is everybody and "" is everything."""

    assert check_namespace(NAMESPACES, owner=owner, reference=parse_reference(image)) is None


@pytest.mark.parametrize(
    ("owner", "image", "expected"),
    [
        (
            "octo",
            "registry.example.org/teams/ts",
            (
                "octo may not push to registry.example.org/teams/ts; allowed for octo: registry.example.org/team/…, "
                "registry.example.org/lab/shared/…, registry.example.org/public/…"
            ),
        ),
        (
            "stranger",
            "registry.example.org/team/ts",
            "stranger may not push to registry.example.org/team/ts; allowed for stranger: registry.example.org/public/…",
        ),
        (
            "octo",
            "closed.example.org/octo/ts",
            "octo may not push to closed.example.org/octo/ts; allowed for octo: none",
        ),
        (
            "octo",
            "other.example.org/octo/ts",
            "the registry other.example.org is not in this service's settings",
        ),
    ],
)
def test_other_places_are_refused_with_what_is_allowed(owner: str, image: str, expected: str) -> None:
    """Another team's prefix, a longer name, an empty map and an unlisted registry are refused."""

    assert check_namespace(NAMESPACES, owner=owner, reference=parse_reference(image)) == expected


@pytest.mark.parametrize(
    ("owner", "image"),
    [
        ("octo", "registry.example.org/team/base"),
        ("stranger", "registry.example.org/public/base"),
        ("stranger", "registry.example.org/base/python"),
        ("stranger", "registry.example.org/teams/base"),
        ("stranger", "open.example.org/any/base"),
        ("stranger", "other.example.org/any/base"),
        ("stranger", "lent.example.org/any/base"),
    ],
)
def test_own_common_and_unclaimed_images_may_be_built_on(owner: str, image: str) -> None:
    """Most bases are nobody's in particular; an owner of everything takes nothing from the others."""
    namespaces = {**NAMESPACES, "lent.example.org": {"octo": ("",)}}

    assert check_base(namespaces, owner=owner, reference=parse_reference(image)) is None


@pytest.mark.parametrize("image", ["registry.example.org/team", "registry.example.org/lab/shared/private"])
def test_image_of_another_owner_may_not_be_built_on(image: str) -> None:
    """The service can read it with its own login, the owner of the repository perhaps not."""
    expected = f"stranger may not build on {image}, which is in the namespace of another owner"

    assert check_base(NAMESPACES, owner="Stranger", reference=parse_reference(image)) == expected.replace("st", "St", 1)
