"""A hub's list of ImageStreams: create the entry, add a tag, move a tag; never a second entry, never another byte."""

import dataclasses

import pytest

from hublish.catalogs.entry import CatalogEdit
from hublish.catalogs.imagestream import edit_imagestream
from hublish.catalogs.template import render_imagestream
from hublish.core.answers.pull_request import EntryAction
from hublish.core.reference import parse_reference
from hublish.errors import CatalogInvalid
from tests.unit.catalogs.catalog_samples import (
    COMMIT,
    ENTRY,
    FOLDER,
    IMAGE,
    NEW,
    OLD,
    OTHER,
    STREAM,
    TAG_ENTRY,
    apply,
    make_files,
)
from tests.unit.catalogs.imagestream_parts import PATH, edit

LISTING = f"{FOLDER}/kustomization.yaml"
ADDED = f"""\
    - annotations:
        openshift.io/imported-from: {IMAGE}
        opendatahub.io/notebook-build-commit: "{COMMIT}"
      from:
        kind: DockerImage
        name: {IMAGE}@{NEW}
      importPolicy: {{}}
      name: "v2"
"""


def test_new_entry_is_a_file_and_a_line() -> None:
    """An image that is not listed gets its own file, and its line in the kustomization."""
    files = make_files(None, kustomization="resources:\n  - other.yaml\n")
    expected = CatalogEdit(
        changes={PATH: render_imagestream(ENTRY), LISTING: "resources:\n  - other.yaml\n  - ts.yaml\n"},
        action=EntryAction.CREATE,
        path=PATH,
        line=16,
        previous=None,
    )

    assert edit(files) == expected
    assert edit(apply(files, expected)) == CatalogEdit(
        changes={}, action=EntryAction.UNCHANGED, path=PATH, line=16, previous=parse_reference(f"{IMAGE}@{NEW}")
    )


@pytest.mark.parametrize("folder", ["", ".", "/"])
def test_new_entry_in_the_root_folder(folder: str) -> None:
    """The root of a repository may be the list; line ends follow the kustomization, whose dangling line is used."""
    files = {"kustomization.yaml": "resources:\r\n- ts.yaml\r\n"}

    assert edit_imagestream(files, folder=folder, entry=TAG_ENTRY).changes == {
        "ts.yaml": render_imagestream(TAG_ENTRY, newline="\r\n")
    }


def test_new_entry_does_not_overwrite_a_file() -> None:
    """A file of the wanted name that lists something else is left alone; another name is taken, once."""
    files = make_files(OTHER.replace("other", "else"))
    second = {**files, f"{FOLDER}/ts-imagestream.yaml": "a: b"}
    with pytest.raises(CatalogInvalid) as caught:
        edit(second)

    assert edit(files).path == f"{FOLDER}/ts-imagestream.yaml"
    assert caught.value.message == f"{PATH} and {FOLDER}/ts-imagestream.yaml exist, but list no image named ts"


def test_tag_is_added_after_the_others() -> None:
    """A release that is not listed is added like its neighbours; the old tags and every other byte stay."""
    before, after = STREAM.split("    # - name")
    expected = CatalogEdit(
        changes={PATH: f"{before}{ADDED}    # - name{after}"},
        action=EntryAction.ADD_TAG,
        path=PATH,
        line=26,
        previous=parse_reference(f"{IMAGE}:v1"),
    )

    assert edit(make_files()) == expected


def test_tag_is_moved_in_its_own_style() -> None:
    """The release's own tag is moved: its image, the notes on it that stand there, and a schedule it must not have."""
    entry = dataclasses.replace(ENTRY, release_tag="v1")
    expected = (
        STREAM.replace(f"{IMAGE}:v1", f"{IMAGE}@{NEW}")
        .replace('"0000000000000000000000000000000000000000"', f'"{COMMIT}"')
        .replace("scheduled: true", "scheduled: false")
    )
    result = edit(make_files(), entry)

    assert (result.changes, result.action, result.line) == ({PATH: expected}, EntryAction.MOVE_TAG, 16)
    assert result.previous == parse_reference(f"{IMAGE}:v1")
    assert edit(apply(make_files(), result), entry).action is EntryAction.UNCHANGED


def test_tag_pin_keeps_the_schedule() -> None:
    """With tags pinned nothing has to be switched off."""
    entry = dataclasses.replace(TAG_ENTRY, release_tag="v1", commit="0" * 40)

    assert edit(make_files(), entry).action is EntryAction.UNCHANGED


def test_entry_is_found_by_its_name_in_any_file() -> None:
    """A file of another name, a second document and a list of objects are all seen."""
    inner = "\n".join(f"    {line}" for line in STREAM.splitlines()[2:])
    nested = "kind: List\nitems:\n  - 1\n  -\n" + inner + "\n"
    texts = {"odd.yaml": OTHER + STREAM, "list.yml": nested}
    texts = {name: text.replace("name: other", "name: third", 1) for name, text in texts.items()}
    listed = [edit(make_files(text, name=name)) for name, text in texts.items()]

    assert [(result.path, result.action) for result in listed] == [
        (f"{FOLDER}/{name}", EntryAction.ADD_TAG) for name in texts
    ]
    assert [sum(line.strip() == f"name: {IMAGE}@{NEW}" for line in result.changes[result.path].splitlines())
            for result in listed] == [1, 1]  # fmt: skip


def test_entry_is_found_by_its_image() -> None:
    """A stream of another name that lists this image is its entry; no second one is made."""
    files = make_files(STREAM.replace("  name: ts\n", "  name: forecasts\n"), name="forecasts.yaml")

    assert (edit(files).path, edit(files).action) == (f"{FOLDER}/forecasts.yaml", EntryAction.ADD_TAG)


def test_unlisted_file_is_remarked() -> None:
    """A file that no kustomization names reaches no cluster; the pull request says so and changes nothing about it."""
    files = make_files(kustomization="resources: [other.yaml]\n")
    without = {path: text for path, text in files.items() if path != LISTING}

    assert edit(files).remarks == (f"ts.yaml is not named in {LISTING}, so no cluster may see this entry.",)
    assert edit(without).remarks == ()


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (f"{IMAGE}@{OLD}", f"{IMAGE}@{NEW}"),
        (f"{IMAGE}:v1", f"{IMAGE}@{NEW}"),
        (f"{IMAGE}:latest", f"{IMAGE}:latest"),
        (f"{IMAGE}:stable", f"{IMAGE}:stable"),
        (IMAGE, IMAGE),
        ("registry.example.org/team/other:v1", "registry.example.org/team/other:v1"),
    ],
)
def test_floating_tag_of_the_list_moves_when_it_is_fixed(target: str, expected: str) -> None:
    """A tag named latest that names a fixed image is moved along; one that follows the registry is left alone."""
    latest = f"\n  - name: latest\n    from: {{kind: DockerImage, name: '{target}'}}\n"
    stream = f"""\
kind: ImageStream
metadata: {{name: ts, annotations: {{opendatahub.io/notebook-image-url: https://github.com/org/ts}}}}
spec:
  tags:{latest}"""
    entry = dataclasses.replace(ENTRY, floating_tags=("latest", "stable"))
    added = f"""\
  - name: v2
    from: {{kind: DockerImage, name: '{IMAGE}@{NEW}'}}
"""
    result = edit(make_files(stream), entry)
    tags = result.changes[PATH].split("tags:")[1]

    assert tags.startswith(latest.replace(target, expected))
    assert added.splitlines()[0] in tags


def test_floating_tag_is_left_alone_unless_asked_for() -> None:
    """Without floating tags in the config only the release's own tag changes."""
    stream = STREAM.replace('name: "v1"', 'name: "latest"')
    before, after = stream.split("    # - name")

    assert edit(make_files(stream)).changes == {PATH: f"{before}{ADDED}    # - name{after}"}
    assert edit(make_files(stream)).previous == parse_reference(f"{IMAGE}:v1")


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ([("v1", f"{IMAGE}:v1"), ("latest", f"{IMAGE}:latest")], f"{IMAGE}:v1"),
        ([("v1", f"{IMAGE}@{OLD}"), ("v0", "registry.example.org/old/ts:v0")], f"{IMAGE}@{OLD}"),
        ([("latest", f"{IMAGE}:latest")], f"{IMAGE}:latest"),
        ([("odd", "not an image")], None),
    ],
)
def test_previous_image_is_the_newest_fixed_one(tags: list[tuple[str, str]], expected: str | None) -> None:
    """What users had is the last fixed tag of this image; a floating one only where there is no other."""
    items = "".join(f"  - name: {name}\n    from: {{kind: DockerImage, name: '{image}'}}\n" for name, image in tags)
    head = "kind: ImageStream\nmetadata:\n  name: ts\n  annotations:\n    opendatahub.io/notebook-image-url: "
    previous = edit(make_files(f"{head}https://github.com/org/ts\nspec:\n  tags:\n{items}")).previous

    assert previous == (None if expected is None else parse_reference(expected))


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (
            "spec:\n  lookupPolicy:\n    local: true\n",
            "spec:\n  lookupPolicy:\n    local: true\n  tags:\n    - name: v2\n",
        ),
        ("spec:\n  tags: []\n", "spec:\n  tags:\n    - name: v2\n"),
        ("spec:\n  tags:\n  - name: v1\n    referencePolicy: {type: Local}\n", "  - name: v2\n    referencePolicy:\n      type: Local\n"),
        ("spec:\n  tags:\n  - null\n", "  - null\n  - name: v2\n"),
    ],
)  # fmt: skip
def test_tags_of_any_shape_get_another(spec: str, expected: str) -> None:
    """A stream without tags gets its list; the hub's way of handing out images is followed."""
    head = "kind: ImageStream\nmetadata:\n  name: ts\n  annotations:\n    opendatahub.io/notebook-image-url: "
    text = edit(make_files(f"{head}https://github.com/org/ts\n{spec}")).changes[PATH]

    assert expected in text


def test_image_that_moved_to_another_repository_is_noted() -> None:
    """When a tag's image comes from elsewhere, the note on its origin follows."""
    stream = STREAM.replace(IMAGE, "registry.example.org/old/ts")
    text = edit(make_files(stream), dataclasses.replace(ENTRY, release_tag="v1")).changes[PATH]

    assert f"openshift.io/imported-from: {IMAGE}\n" in text


def test_folded_value_that_says_it_already_is_left_alone() -> None:
    """A folded block's own line end is no difference."""
    stream = STREAM.replace(">-", ">").replace(f"{IMAGE}:v1", f"{IMAGE}@{NEW}").replace("scheduled: true", "x: y")
    entry = dataclasses.replace(ENTRY, release_tag="v1", commit="0" * 40)

    assert edit(make_files(stream), entry).changes == {}
