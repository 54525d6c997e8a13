"""The line of a new file in its folder's kustomization."""

import pytest

from hublish.catalogs.kustomization import ensure_resource, find_kustomization, is_listed
from hublish.errors import CatalogInvalid

HEAD = "kind: Kustomization\nnamespace: hub\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("resources:\n  - a.yaml\n  - c.yaml\n", "resources:\n  - a.yaml\n  - b.yaml\n  - c.yaml\n"),
        ("resources:\n  - c.yaml\n  - a.yaml\n", "resources:\n  - c.yaml\n  - a.yaml\n  - b.yaml\n"),
        ("resources:\n- 'c.yaml' # c\n", "resources:\n- 'c.yaml' # c\n- 'b.yaml'\n"),
        ("resources:\n- ./c.yaml\n- ./d.yaml\n", "resources:\n- ./b.yaml\n- ./c.yaml\n- ./d.yaml\n"),
        ("resources: [a.yaml, c.yaml]\n", "resources: [a.yaml, b.yaml, c.yaml]\n"),
        ("resources: []\n", "resources:\n  - b.yaml\n"),
        ("resources:\nimages: []\n", "resources:\n  - b.yaml\nimages: []\n"),
        ("namespace: hub", "namespace: hub\nresources:\n  - b.yaml"),
        ("resources:\n- ./b.yaml\n", "resources:\n- ./b.yaml\n"),
        ("resources:\n- a.yaml\n- {x: y}\n", "resources:\n- a.yaml\n- {x: y}\n- b.yaml\n"),
    ],
)
def test_one_line_is_added(text: str, expected: str) -> None:
    """The file is named once: in its place in a sorted list, else at the end, like its neighbours."""

    assert ensure_resource(HEAD + text if "namespace" not in text else text, resource="b.yaml", path="k") == (
        HEAD + expected if "namespace" not in text else expected
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a.yaml\n", "k:1: expected one document with the keys of a kustomization"),
        ("", "k:1: expected one document with the keys of a kustomization"),
        ("a: b\n---\nc: d\n", "k:1: expected one document with the keys of a kustomization"),
        ("resources: a.yaml\n", "k:1: expected a list at resources"),
    ],
)
def test_other_shapes_are_refused(text: str, message: str) -> None:
    """What is no kustomization is not edited."""
    with pytest.raises(CatalogInvalid) as caught:
        ensure_resource(text, resource="b.yaml", path="k")

    assert caught.value.message == message


def test_two_kustomizations_are_refused() -> None:
    """Kustomize refuses such a folder, so a line in one of them would help nobody."""
    with pytest.raises(CatalogInvalid) as caught:
        find_kustomization({"f/kustomization.yaml": "", "f/kustomization.yml": ""}, folder="f")

    assert caught.value.message == "f: expected one kustomization, got f/kustomization.yaml and f/kustomization.yml"


def test_kustomization_is_found_in_its_folder_only() -> None:
    """Another folder's kustomization does not count; the root folder has no prefix."""
    files = {"kustomization.yaml": "", "g/kustomization.yaml": ""}

    assert [find_kustomization(files, folder=folder) for folder in ("", "f")] == ["kustomization.yaml", None]


@pytest.mark.parametrize(
    ("text", "expected"), [("resources: [./b.yaml]", True), ("resources: [a]", False), ("a: b", False)]
)
def test_listing_is_seen(text: str, expected: bool) -> None:
    """A leading `./` makes no difference."""

    assert is_listed(text, resource="b.yaml", path="k") is expected
