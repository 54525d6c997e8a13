"""`hublish plan`, and how a folder is opened."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer

from hublish.cli.folder import OpenedFolder, make_image_name, parse_index_map
from hublish.core.container import BasePin, ContainerPlan
from hublish.core.finding import Finding, Severity
from hublish.core.plan import Strategy, make_build_key
from hublish.core.reference import Reference
from hublish.errors import RegistryFailed
from tests.unit.cli.conftest import Run
from tests.unit.cli.fakes import BASE_DIGEST, FakeHouse, FakeWorkbench, FolderOnDisk, make_plan

FINDING = Finding(severity=Severity.ERROR, code="BaseMissing", message="no base", path="Pipfile.lock")
SEVERAL = "version: 1\nimages:\n- {name: registry.example.org/team/a}\n- {name: registry.example.org/team/b}\n"


def test_plan_is_printed_with_its_reason_and_key(run: Run, repository: Path) -> None:
    """The whole output for one image."""
    expected = (
        "registry.example.org/team/ts\n"
        "  strategy  layered: there is no Dockerfile\n"
        f"  base      registry.example.org/base@{BASE_DIGEST}\n"
        "  python    3.11.2\n"
        "  source    files that no commit holds, at /srv/repo\n"
        f"  build key {make_build_key(make_plan())}\n"
    )
    result = run("plan", repository)

    assert expected == result.stdout
    assert result.exit_code == 0


def test_images_of_a_dockerfile_are_shown_with_their_digests(run: Run, house: FakeHouse, repository: Path) -> None:
    """What each name was when the plan was made."""
    pinned = Reference(registry="docker.io", repository="library/python", digest=BASE_DIGEST)
    container = ContainerPlan(
        dockerfile_text="", context=".", bases=(BasePin(name="python", image=pinned), BasePin(name="p:1", image=pinned))
    )
    made = make_plan(strategy=Strategy.DOCKERFILE, base=None, python_full_version=None, container=container)
    house.workbench.plan_answer = made
    expected = (
        "registry.example.org/team/ts\n"
        "  strategy  dockerfile: there is no Dockerfile\n"
        f"  image     python is {pinned}\n"
        f"  image     p:1 is {pinned}\n"
        "  source    files that no commit holds, at /srv/repo\n"
        f"  build key {make_build_key(made)}\n"
    )

    assert run("plan", repository).stdout == expected


def test_json_holds_the_plan_of_every_image(run: Run, house: FakeHouse, repository: Path) -> None:
    """Several images are several objects, each with its key; an impossible one is null."""
    (repository / ".hublish.yaml").write_text(SEVERAL)
    document = json.loads(run("plan", "--json", repository).stdout)
    house.workbench.plan_answer, house.workbench.findings = None, (FINDING,)
    bad = json.loads(run("plan", "--json", repository).stdout)

    assert [item["image"] for item in document["result"]] == [
        "registry.example.org/team/a",
        "registry.example.org/team/b",
    ]
    assert document["result"][0]["plan"]["python_full_version"] == "3.11.2"
    assert [item["plan"] for item in bad["result"]] == [None, None]
    assert [finding["code"] for finding in bad["findings"]] == ["BaseMissing"]
    assert bad["exit_code"] == 3


def test_findings_of_config_stop_the_plan(run: Run, house: FakeHouse, repository: Path) -> None:
    """A config with errors is not planned; exit code 3."""
    (repository / ".hublish.yaml").write_text("version: 2\n")
    result = run("plan", repository)

    assert result.stdout.startswith(".hublish.yaml:1:1: error[ImageMissing]")
    assert house.workbench.bases == []
    assert result.exit_code == 3


def test_folder_without_config_gets_defaults_and_is_told_so(run: Run, repository: Path) -> None:
    """The image is called as the folder, and stderr says that this was assumed."""
    (repository / ".hublish.yaml").unlink()
    result = run("plan", repository)

    assert result.stderr == "No .hublish.yaml here: the image is called ts, the strategy follows the files.\n"
    assert result.stdout.startswith("localhost/ts\n")


def test_folder_with_a_misnamed_config_is_told_its_right_name(run: Run, repository: Path) -> None:
    """It is planned without, as what it says is not read."""
    (repository / ".hublish.yaml").rename(repository / ".hublish.yml")
    first, second, third = run("plan", repository).stdout.splitlines()[:3]

    assert (first, second, third) == (
        ".hublish.yml: warning[WrongFileName]: `.hublish.yml` is not read; the config file is called `.hublish.yaml`",
        "  hint: rename it: `git mv .hublish.yml .hublish.yaml`",
        "localhost/ts",
    )


def test_options_reach_the_workbench(run: Run, house: FakeHouse, repository: Path, tmp_path: Path) -> None:
    """Base, hosts, index map and cache are handed on."""
    options = ["--base", "oci:here", "--plain-http", "localhost:5000", "--cache", tmp_path / "cache"]
    run("plan", repository, *options, "--index-map", "https://index.example.invalid/simple=http://127.0.0.1:8/simple/")
    [choice] = house.choices

    assert house.workbench.bases == ["oci:here"]
    assert choice.plain_http == {"localhost:5000"}
    assert choice.cache == tmp_path / "cache"
    assert choice.index_map == {"https://index.example.invalid/simple": "http://127.0.0.1:8/simple"}


def test_image_option_picks_by_title_or_name(run: Run, repository: Path) -> None:
    """One of several images; an unknown name is a usage error that lists the known ones."""
    (repository / ".hublish.yaml").write_text(SEVERAL)
    result = run("plan", repository, "--image", "b")
    unknown = run("plan", repository, "--image", "c")

    assert result.stdout.splitlines()[0] == "registry.example.org/team/b"
    assert unknown.exit_code == 2
    assert "registry.example.org/team/a" in unknown.stderr


def test_error_is_printed_with_its_hint_and_in_json(run: Run, house: FakeHouse, repository: Path) -> None:
    """A failing server ends with code 5 and, in JSON, with the error's fields."""
    house.error = RegistryFailed("registry.example.org answers 503", hint="try later", transient=True)
    plain = run("plan", repository)
    document = json.loads(run("plan", "--json", repository).stdout)

    assert plain.stderr == "error[RegistryFailed]: registry.example.org answers 503\n  hint: try later\n"
    assert plain.exit_code == 5
    assert document["error"] == {
        "code": "RegistryFailed",
        "message": "registry.example.org answers 503",
        "hint": "try later",
        "transient": True,
    }


def test_ctrl_c_outside_a_build_ends_with_130(run: Run, house: FakeHouse, repository: Path) -> None:
    """An interrupt is no traceback."""
    house.error = KeyboardInterrupt()
    result = run("plan", repository)

    assert (result.exit_code, result.stderr) == (130, "Interrupted.\n")


@pytest.mark.parametrize(
    ("folder", "expected"), [("My Repo", "my-repo"), ("ts", "ts"), ("__", "image"), ("a__b.c", "a-b-c")]
)
def test_image_name_is_made_from_any_folder_name(folder: str, expected: str) -> None:
    """Every folder name leads to a valid image name."""
    name = make_image_name(folder)

    assert expected == name


def test_index_map_of_another_form_is_refused() -> None:
    """A host alone, or something that is no URL, is a usage error."""
    with pytest.raises(typer.BadParameter, match="expected URL=URL"):
        parse_index_map(["index.example.invalid=mirror"])


def test_excerpts_come_from_readable_files_of_the_tree_only(repository: Path) -> None:
    """A file of the folder is read for its excerpt; one that is missing or too large is not."""
    (repository / "large").write_bytes(b"x" * ((1 << 20) + 1))
    opened = OpenedFolder(workbench=FakeWorkbench(), source=FolderOnDisk(repository), config=None, images=())

    assert opened.read_text(".hublish.yaml") == "version: 1\nimage: {name: registry.example.org/team/ts}\n"
    assert opened.read_text("large") is None
    assert opened.read_text("gone") is None
