"""The drafted config: what is in it for what a repository holds. Each is read back by the reader of configs."""

from __future__ import annotations

import pytest

from hublish.core.config.file import CONFIG_PATH, parse_config
from hublish.core.onboarding.draft import OVERLAYS_LIMIT, Draft, Holdings, draft_config, find_config
from tests.unit.core.onboarding.parts import BASE, HEAD, hold, make_pair

IMAGE = "image:\n  name: registry.example.org/team/ts\n  tags:\n  - '{release}'\n  - latest\n"


def draft(held: Holdings) -> Draft:
    """The draft, which is a config without a fault."""
    made = draft_config(held)
    assert made is not None
    parsed = parse_config(made.text.encode(), path=CONFIG_PATH)
    assert (parsed.config is not None, parsed.findings) == (True, ())
    return made


def test_pipfile_with_its_lock_makes_layers() -> None:
    """The hub that takes the image is named, as the lock holds what a hub needs."""
    expected = Draft(
        text=f"{HEAD}version: 1\n{IMAGE}strategy: layered\nhubs:\n- demo\n",
        reasons=(("registry.example.org/team/ts", "The image is made from the packages of Pipfile.lock."),),
        hubs=("demo",),
    )

    assert draft(hold(make_pair("jupyterhub", "jupyterlab"), hubs=("demo",))) == expected


def test_hub_is_not_named_for_an_image_that_may_not_start_in_it() -> None:
    """A lock without jupyterlab, one that cannot be read, and a Dockerfile, of which nothing is known."""
    holdings = (make_pair("jupyterhub"), {"Pipfile": b"", "Pipfile.lock": b"{"}, {"Dockerfile": b"FROM x"})

    assert [draft(hold(files, hubs=("demo",))).hubs for files in holdings] == [(), (), ()]


@pytest.mark.parametrize("pipfile", [b'[packages]\nsix = "*"\n', b"[packages\n"])
def test_pipfile_without_a_lock_is_drafted(pipfile: bytes) -> None:
    """Its lock is made on demand; one that does not parse is said by the check of the draft."""
    expected = "The repository holds a Pipfile without a lock; the comment `/lock` makes one."

    assert draft(hold({"Pipfile": pipfile})).reasons == (("registry.example.org/team/ts", expected),)


@pytest.mark.parametrize(
    ("path", "body"),
    [("pylock.toml", b'lock-version = "1.0"\n'), ("requirements.txt", b"six==1.16.0 --hash=sha256:00\n")],
)
def test_other_locks_are_named(path: str, body: bytes) -> None:
    """The file says which lock is meant."""
    expected = f"{HEAD}version: 1\n{IMAGE}strategy: layered\npython:\n  lock: {path}\n"

    assert draft(hold({path: body})).text == expected


@pytest.mark.parametrize("name", ["Dockerfile", "Containerfile"])
def test_dockerfile_comes_before_a_lock(name: str) -> None:
    """As where no strategy is named."""
    expected = Draft(
        text=f"{HEAD}version: 1\n{IMAGE}strategy: dockerfile\n",
        reasons=(("registry.example.org/team/ts", f"The repository holds {name}."),),
    )

    assert draft(hold({name: b"FROM x", **make_pair("six")})) == expected


def test_s2i_scripts_get_the_base_of_their_python() -> None:
    """By the Pipfile's Python; without one by the only base there is."""
    expected = f"{HEAD}version: 1\n{IMAGE}strategy: source\nbase: {BASE}\n"
    scripts = {".s2i/bin/assemble": b"#!/bin/sh\n"}

    assert draft(hold({**scripts, **make_pair("six")})).text == expected
    assert draft(hold(scripts)).text == expected
    assert draft(hold({**scripts, "Pipfile": b"[packages\n"})).text == expected


def test_s2i_scripts_without_a_base_leave_the_lock() -> None:
    """Which builder image is meant is not guessed; nothing is left without a lock."""
    scripts = {".s2i/bin/assemble": b"#!/bin/sh\n"}
    two = {"3.11": BASE, "3.12": BASE}

    assert "strategy: layered" in draft(hold({**scripts, **make_pair("six")}, bases={})).text
    assert draft_config(hold(scripts, bases=two)) is None


def test_notebooks_are_run_where_they_are_tests() -> None:
    """`image-tests` is meant for it; other notebooks are for a person to name."""
    tests = draft(hold({**make_pair("six"), "image-tests/a.ipynb": b"{}", "notebooks/b.ipynb": b"{}"})).text
    notebooks = draft(hold({**make_pair("six"), "notebooks/b.ipynb": b"{}"})).text

    assert tests == f"{HEAD}version: 1\n{IMAGE}strategy: layered\nsmoke:\n  notebooks: image-tests\n"
    assert notebooks == (
        f"{HEAD}version: 1\n{IMAGE}strategy: layered\n# smoke: {{notebooks: notebooks}}  # to run them in each new image\n"
    )


def test_overlays_are_images_of_their_own() -> None:
    """Each with its own lock or Dockerfile, beside the image of the top folder; files beside folders are none."""
    files = {
        **make_pair("six"),
        **make_pair("six", folder="overlays/a/"),
        "overlays/b/Containerfile": b"FROM x",
        "overlays/c/requirements.txt": b"six\n",
        "overlays/README": b"",
        "elsewhere/d/Dockerfile": b"FROM x",
    }
    expected = (
        f"{HEAD}version: 1\nimages:\n"
        "- name: registry.example.org/team/ts\n  tags:\n  - '{release}'\n  - latest\n  strategy: layered\n"
        "- name: registry.example.org/team/ts-a\n  tags:\n  - '{release}'\n  - latest\n  strategy: layered\n"
        "  python:\n    lock: overlays/a/Pipfile.lock\n"
        "- name: registry.example.org/team/ts-b\n  tags:\n  - '{release}'\n  - latest\n  strategy: dockerfile\n"
        "  dockerfile:\n    path: overlays/b/Containerfile\n"
    )
    made = draft(hold(files))

    assert made.text == expected
    assert [what for what, _ in made.reasons] == [
        f"registry.example.org/team/{name}" for name in ("ts", "ts-a", "ts-b")
    ]


def test_one_overlay_alone_is_the_image() -> None:
    """No list for one."""
    expected = (
        f"{HEAD}version: 1\nimage:\n  name: registry.example.org/team/ts-gpu\n  tags:\n  - '{{release}}'\n  - latest\n"
        "strategy: layered\npython:\n  lock: overlays/gpu/pylock.toml\n"
    )

    assert draft(hold({"overlays/gpu/pylock.toml": b""})).text == expected


def test_hostile_names_of_folders_stay_data() -> None:
    """Shell and YAML text in a name is quoted; names that no config takes, and names that meet, are left out and said."""
    names = ("$(id)", "a: {b: c}", "A  b-C", "x\\y", "é\nnew: 1", "- !!python")
    made = draft(hold({f"overlays/{name}/Dockerfile": b"FROM x" for name in names}))
    left = 'expected a path of 1 to 1024 printable characters, got "overlays/é new: 1/Pipfile.lock"'
    config = parse_config(made.text.encode(), path=CONFIG_PATH).config
    assert config is not None

    assert {image.title: image.dockerfile.path for image in config.images if image.dockerfile is not None} == {
        "ts-id": "overlays/$(id)/Dockerfile",
        "ts-python": "overlays/- !!python/Dockerfile",
        "ts-a-b-c": "overlays/A  b-C/Dockerfile",
    }
    assert made.left_out == (
        ("overlays/a: {b: c}", "its image would be called registry.example.org/team/ts-a-b-c, too"),
        ("overlays/x\\y", 'expected a path with forward slashes, got "overlays/x\\y/Pipfile.lock"'),
        ("overlays/é\nnew: 1", left),
    )


def test_more_overlays_than_a_person_reads_are_left_out() -> None:
    """The first ones by name are drafted."""
    made = draft(hold({f"overlays/o{number:02}/Dockerfile": b"FROM x" for number in range(OVERLAYS_LIMIT + 1)}))

    assert len(made.reasons) == OVERLAYS_LIMIT
    assert made.left_out == ((f"overlays/o{OVERLAYS_LIMIT}", "only 20 overlays are drafted"),)


@pytest.mark.parametrize("path", [".aicoe-ci.yaml", "aicoe-ci.yaml"])
def test_old_config_is_carried_over(path: str) -> None:
    """By `hublish migrate`'s own writer, overlays included."""
    old = b"check: []\nbuild:\n  build-strategy: Dockerfile\n  registry: registry.example.org\n  registry-org: team\n"
    expected = f"It says what {path} says, which is no longer read once .hublish.yaml is there."
    made = draft(hold({path: old, "Dockerfile": b"FROM x"}))

    assert made.reasons == ((path, expected),)
    assert made.text.startswith(
        f"# Made by `hublish migrate` from {path}, which is no longer read and can be removed.\n"
    )
    assert "name: registry.example.org/team/ts\n" in made.text


def test_old_config_with_faults_is_left_alone() -> None:
    """Its faults are for the check of the next push."""
    assert draft_config(hold({".aicoe-ci.yaml": b"build: [\n", "Dockerfile": b"FROM x"})) is None


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"README.md": b"", "setup.py": b""},
        {"requirements.txt": b"six\n"},
        {"uv.lock": b""},
        {"Pipfile.lock": b"{}"},
        {"docs/Dockerfile": b"FROM x"},
    ],
)
def test_repository_without_anything_to_build_gets_no_draft(files: dict[str, bytes]) -> None:
    """Requirements without hashes and the locks of tools cannot be built from."""
    assert draft_config(hold(files)) is None


def test_config_that_is_there_is_found() -> None:
    """Also under a wrong name; the old format's is carried over instead."""
    holdings = ({".hublish.yaml"}, {"hublish.yml", "Dockerfile"}, {".aicoe-ci.yaml"}, {"aicoe-ci.yml"}, set())

    assert [find_config(frozenset(paths)) for paths in holdings] == [".hublish.yaml", "hublish.yml", None, None, None]
