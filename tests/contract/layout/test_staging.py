"""A layout that a build stages beside its place: there as a whole, whoever else writes to that place meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from hublish.adapters.layout import OCILayout
from hublish.bootstrap.outputs import copy_image
from hublish.cli.output import stage_layout
from hublish.core.output import Output, OutputKind
from hublish.errors import BuildFailed, ImageInvalid
from tests.contract.layout.parts import REFERENCE, push_image


def make_output(path: Path) -> Output:
    return Output(kind=OutputKind.LAYOUT, reference=REFERENCE, path=path)


def read_digests(layout: Path, *tags: str) -> list[str | None]:
    found = [OCILayout(layout).fetch_manifest(REFERENCE.with_tag(tag)) for tag in tags]
    return [None if manifest is None else manifest.digest for manifest in found]


@pytest.mark.parametrize("tag", ["v2", "v1"])
def test_layout_that_another_build_made_meanwhile_gets_the_image_too(tmp_path: Path, tag: str) -> None:
    """Two first builds at once: the later one is added, and takes the tag where both want the same."""
    layout = tmp_path / "images" / "ts"
    with stage_layout(make_output(layout)) as staged:
        other, _ = push_image(OCILayout(layout), REFERENCE.with_tag(tag), comment="other")
        own, _ = push_image(OCILayout(staged.path))

    assert read_digests(layout, "v1") == [own]
    assert read_digests(layout, "v2") == [other if tag == "v2" else None]
    assert [path.name for path in layout.parent.iterdir()] == ["ts"]


def write_while_a_file_appears(layout: Path) -> None:
    with stage_layout(make_output(layout)) as staged:
        push_image(OCILayout(staged.path))
        layout.write_text("mine")


def test_place_that_became_a_file_is_told(tmp_path: Path) -> None:
    """Nothing of it is touched, and nothing is left beside it."""
    layout = tmp_path / "ts"
    with pytest.raises(BuildFailed, match=r"writing \S+/ts failed: "):
        write_while_a_file_appears(layout)

    assert layout.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [layout]


def test_image_that_is_not_there_is_not_copied(tmp_path: Path) -> None:
    """A layout of other tags has it not."""
    push_image(OCILayout(tmp_path / "one"))

    with pytest.raises(ImageInvalid, match="holds no image of the tag v9"):
        copy_image(REFERENCE.with_tag("v9"), source=tmp_path / "one", target=tmp_path / "two")
