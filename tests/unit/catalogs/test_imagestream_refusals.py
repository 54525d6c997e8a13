"""Lists of ImageStreams that are in doubt, broken, or of somebody else."""

import dataclasses

import pytest

from hublish.catalogs.entry import Entry
from hublish.core.answers.pull_request import EntryAction
from hublish.core.reference import parse_reference
from hublish.errors import CatalogInvalid, NotAllowed
from tests.unit.catalogs.catalog_samples import (
    ENTRY,
    FOLDER,
    IMAGE,
    STREAM,
    make_files,
)
from tests.unit.catalogs.imagestream_parts import PATH, edit


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (
            STREAM.replace("Org/ts.git", "other/ts"),
            "the entry ts belongs to github.com/other/ts; a maintainer of the hub can change the address it names",
        ),
        (
            "kind: ImageStream\nmetadata: {name: ts}\nspec: {tags: [{name: v1, from: {kind: DockerImage, name: r.io/x}}]}\n",
            f"the entry ts names no source repository and lists other images than {IMAGE}",
        ),
    ],
)
def test_entry_of_another_repository_is_refused(stream: str, reason: str) -> None:
    """An entry belongs to the repository it names; nobody else's image takes its place."""
    with pytest.raises(NotAllowed) as caught:
        edit(make_files(stream))

    assert caught.value.message == reason
    assert caught.value.hint.startswith(f"Ask a maintainer of the hub to look at {PATH}, line ")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, f"expected a kustomization.yaml in the folder {FOLDER} of the hub's repository, got none"),
        (
            {**make_files(), f"{FOLDER}/two.yaml": STREAM},
            f"{PATH}:3 and {FOLDER}/two.yaml:3: the name ts is listed more than once",
        ),
        (
            {f"{FOLDER}/{name}.yaml": STREAM.replace("name: ts\n", f"name: {name}\n") for name in "ab"},
            f"{FOLDER}/a.yaml:3 and {FOLDER}/b.yaml:3: the image {IMAGE} is listed more than once",
        ),
        (make_files(STREAM.split("spec:", maxsplit=1)[0]), f"{PATH}:3: expected the key `spec` with the list of tags"),
        (
            make_files(STREAM.replace("kind: DockerImage", "kind: ImageStreamTag").replace('"v1"', '"v2"')),
            f"{PATH}:16: the tag 'v2' names no image of a registry",
        ),
        (make_files(STREAM + "\tx: y\n"), f"{PATH}:27: not valid YAML: found character '\\t' that cannot start any token"),
    ],
)  # fmt: skip
def test_lists_in_doubt_are_refused(files: dict[str, str], message: str) -> None:
    """The message names the file and the line; nothing is changed."""
    with pytest.raises(CatalogInvalid) as caught:
        edit(files)

    assert caught.value.message == message


@pytest.mark.parametrize(
    "entry",
    [
        dataclasses.replace(ENTRY, reference=parse_reference(f"{IMAGE}:v2")),
        dataclasses.replace(ENTRY, release_tag="v2 beta"),
    ],
)
def test_image_without_digest_or_tag_is_refused(entry: Entry) -> None:
    """An entry always names one image by its digest and one tag that a registry takes."""
    with pytest.raises(CatalogInvalid) as caught:
        edit(make_files(), entry)

    assert (
        caught.value.message == f"expected an image with digest and tag, got {entry.reference} as {entry.release_tag}"
    )


def test_broken_files_of_other_kinds_do_not_matter() -> None:
    """A template beside the list is not read, and neither is a text that is no YAML file by its name."""
    files = {**make_files(), f"{FOLDER}/helm.yaml": "{{ if }}\n\t", f"{FOLDER}/notes.txt": "ImageStream \t: ["}

    assert edit(files).action is EntryAction.ADD_TAG


def test_other_documents_that_mention_streams_are_skipped() -> None:
    """A file may say ImageStream without being one."""
    files = {**make_files(), f"{FOLDER}/patch.yaml": "- op: add\n---\nkind: Policy\nabout: ImageStream\n"}

    assert edit(files).action is EntryAction.ADD_TAG
