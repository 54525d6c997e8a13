"""`hublish build`."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from hublish.core.plan import Strategy
from hublish.errors import BuildFailed
from tests.unit.cli.conftest import Run
from tests.unit.cli.fakes import DIGEST, FakeHouse, make_plan


def test_image_is_pushed_and_summed_up(run: Run, house: FakeHouse, repository: Path) -> None:
    """What stands on stdout after a push: plan, layers, the pinned reference, figures."""
    result = run("build", repository, "--push", "registry.example.org/team/ts:v1")

    expected = [
        "    100 MB  mounted   base",
        "     20 MB  uploaded  numpy 2.1.0",
        "     2.0 s  layers",
        f"registry.example.org/team/ts:v1@{DIGEST}",
        "120 MB in 2 layers, 20 MB sent",
    ]
    assert expected == result.stdout.splitlines()[-5:]
    assert [str(output) for output in house.workbench.builds] == ["registry.example.org/team/ts:v1"]
    assert result.stderr == "layer numpy\nmake layers: 1 of 2, numpy\n"
    assert result.exit_code == 0


def test_layout_appears_only_when_it_is_whole(run: Run, house: FakeHouse, repository: Path, tmp_path: Path) -> None:
    """A build writes beside the layout; a failed one leaves nothing."""
    layout = tmp_path / "out" / "image"
    good = run("build", repository, "--output", layout)
    house.workbench.build_error = BuildFailed("no wheel fits")
    failed = run("build", repository, "--output", tmp_path / "failed" / "image")

    assert [path.name for path in layout.parent.iterdir()] == ["image"]
    assert f"oci:{layout} {DIGEST}\n" in good.stdout
    assert list((tmp_path / "failed").iterdir()) == []
    assert (failed.exit_code, failed.stderr.splitlines()[-1]) == (1, "error[BuildFailed]: no wheel fits")


def test_existing_layout_is_written_in_place(run: Run, house: FakeHouse, repository: Path, tmp_path: Path) -> None:
    """Another image can be added to a layout."""
    layout = tmp_path / "image"
    layout.mkdir()
    run("build", repository, "--output", layout)

    assert [output.path for output in house.workbench.builds] == [layout]


def test_layout_goes_to_the_cache_when_nothing_is_said(run: Run, repository: Path, tmp_path: Path) -> None:
    """`hublish build` alone writes under the cache folder, never into the source."""
    run("build", repository, "--cache", tmp_path / "cache")

    assert (tmp_path / "cache" / "images" / "ts" / "index.json").exists()
    assert [path.name for path in repository.iterdir()] == [".hublish.yaml"]


def test_json_holds_digest_layers_and_packages(run: Run, repository: Path) -> None:
    """The document of a push."""
    document = json.loads(run("build", repository, "--json", "--push", "registry.example.org/team/ts:v1").stdout)
    result = document["result"]

    assert document["ok"] is True
    assert result["image"] == f"registry.example.org/team/ts@{DIGEST}"
    assert (result["tag"], result["layout"], result["digest"]) == ("v1", None, DIGEST)
    assert result["output"] == "registry.example.org/team/ts:v1"
    assert [layer["transfer"] for layer in result["layers"]] == ["mounted", "uploaded"]
    assert result["packages"] == [{"name": "numpy", "version": "2.1.0"}]


def test_ctrl_c_stops_at_a_safe_point_and_leaves_nothing(
    run: Run, house: FakeHouse, repository: Path, tmp_path: Path
) -> None:
    """The first Ctrl-C cancels the build: exit code 130, no layout, and the old handler is back."""
    before = signal.getsignal(signal.SIGINT)
    house.workbench.during_build = lambda: os.kill(os.getpid(), signal.SIGINT)
    result = run("build", repository, "--output", tmp_path / "out" / "image")

    assert result.exit_code == 130
    assert "Stopping at the next safe point; press Ctrl-C again to stop at once." in result.stderr
    assert list((tmp_path / "out").iterdir()) == []
    assert signal.getsignal(signal.SIGINT) is before


def test_second_ctrl_c_stops_at_once(run: Run, house: FakeHouse, repository: Path, tmp_path: Path) -> None:
    """A build that does not reach a safe point can still be stopped."""

    def press_twice() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    house.workbench.during_build = press_twice
    result = run("build", repository, "--output", tmp_path / "out" / "image")

    assert result.exit_code == 130
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("registry.example.org/team/ts", "name a tag"),
        (f"registry.example.org/team/ts@{DIGEST}", "name a tag"),
        ("registry.example.org/Team/ts:v1", "--push"),
    ],
)
def test_push_needs_a_reference_with_a_tag(run: Run, repository: Path, target: str, expected: str) -> None:
    """A target that cannot be meant is a usage error."""
    result = run("build", repository, "--push", target)

    assert expected in result.stderr
    assert result.exit_code == 2


@pytest.mark.parametrize(
    "options",
    [
        ("--push", "registry.example.org/team/ts:v1", "--output", "x"),
        ("--push", "registry.example.org/team/ts:v1", "--load"),
        ("--output", "x", "--load"),
        ("--push", "registry.example.org/team/ts:v1", "--tag", "ts:v1"),
        ("--output", "docker-archive:"),
        ("--output", ""),
        ("--output", "tarball:x"),
        ("--load", "--tag", "ts"),
    ],
)
def test_places_that_cannot_be_meant_are_usage_errors(
    run: Run, house: FakeHouse, repository: Path, options: tuple[str, ...]
) -> None:
    """One image goes to one place, under a name with a tag."""
    result = run("build", repository, *options)

    assert (result.exit_code, house.workbench.builds) == (2, [])


def test_loaded_image_is_summed_up(run: Run, repository: Path) -> None:
    """The name it has in the engine, and the digest."""
    result = run("build", repository, "--load")

    assert result.stdout.splitlines()[-2:] == [
        f"docker-daemon:registry.example.org/team/ts:latest {DIGEST}",
        "120 MB in 2 layers",
    ]


def test_one_of_several_images_must_be_named(run: Run, house: FakeHouse, repository: Path) -> None:
    """A build makes one image."""
    (repository / ".hublish.yaml").write_text(
        "version: 1\nimages:\n- {name: registry.example.org/team/a}\n- {name: registry.example.org/team/b}\n"
    )
    result = run("build", repository)
    named = run("build", repository, "--image", "b", "--push", "registry.example.org/team/b:v1")

    assert (result.exit_code, named.exit_code) == (2, 0)
    assert len(house.workbench.builds) == 1


def test_nothing_is_built_without_a_plan(run: Run, house: FakeHouse, repository: Path) -> None:
    """Errors of config or plan stop before the build."""
    house.workbench.plan_answer = None
    without_plan = run("build", repository)
    house.workbench.plan_answer = make_plan()
    (repository / ".hublish.yaml").write_text("version: 2\n")
    without_config = run("build", repository)

    assert house.workbench.builds == []
    assert (without_plan.exit_code, without_config.exit_code) == (3, 3)


def test_many_layers_are_shown_by_the_largest(run: Run, house: FakeHouse, repository: Path) -> None:
    """A long list ends with how many are left out."""
    house.workbench.layers = 20
    result = run("build", repository, "--push", "registry.example.org/team/ts:v1")

    assert "  and 8 smaller layers\n" in result.stdout


def test_cache_options_reach_the_workbench(run: Run, repository: Path, house: FakeHouse, tmp_path: Path) -> None:
    """The target's own index is asked first, then those that are named."""
    run("build", repository, "--push", "registry.example.org/team/ts:v1", "--cache-key", tmp_path / "key.pem",
        "--cache-from", "registry.example.org/team/other")  # fmt: skip

    (choice,) = house.choices

    assert choice.cache_key == tmp_path / "key.pem"
    assert [str(place) for place in choice.cache_repositories] == [
        "registry.example.org/team/ts:v1",
        "registry.example.org/team/other",
    ]


def test_cache_of_others_needs_the_key_that_counts(run: Run, repository: Path) -> None:
    """Without a key nothing of a registry would be believed."""
    outcome = run("build", repository, "--cache-from", "registry.example.org/team/other")

    assert outcome.exit_code == 2
    assert "--cache-key" in outcome.stderr


def test_cache_from_names_a_repository(run: Run, repository: Path, tmp_path: Path) -> None:
    """A tag would mean nothing."""
    outcome = run(
        "build", repository, "--cache-key", tmp_path / "key", "--cache-from", "registry.example.org/team/other:v1"
    )

    assert outcome.exit_code == 2
    assert "a repository without tag and digest" in outcome.stderr


def test_layout_that_cannot_be_written_is_said(run: Run, repository: Path, tmp_path: Path) -> None:
    """A file where a folder should be: a message with the path, no traceback."""
    place = tmp_path / "file" / "image"
    place.parent.write_text("no folder")

    result = run("build", repository, "--output", place)

    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == (
        f"error[BuildFailed]: writing {place} failed: [Errno 17] File exists: '{place.parent}'"
    )


def test_engine_and_secrets_reach_the_workbench(run: Run, house: FakeHouse, repository: Path, tmp_path: Path) -> None:
    """What builds, and which file a secret is; its content is not looked at here."""
    run(
        "build",
        repository,
        "--engine",
        "docker",
        "--secret",
        f"token={tmp_path / 'a=b.txt'}",
        "--output",
        tmp_path / "o",
    )
    (choice,) = house.choices

    assert (choice.engine, choice.build_secrets) == ("docker", {"token": tmp_path / "a=b.txt"})


@pytest.mark.parametrize("secrets", [["token"], ["=file"], ["token="], ["token=a", "token=b"]])
def test_secret_of_another_form_is_refused(run: Run, repository: Path, secrets: list[str]) -> None:
    """An id, a file, each id once."""
    options = [word for secret in secrets for word in ("--secret", secret)]
    result = run("build", repository, *options)

    assert result.exit_code == 2
    assert "--secret" in result.stderr


def test_bill_of_materials_of_a_dockerfile_is_refused(
    run: Run, house: FakeHouse, repository: Path, tmp_path: Path
) -> None:
    """Only a lock says what is inside; a bill that leaves out what a RUN installs would be a lie."""
    house.workbench.plan_answer = make_plan(strategy=Strategy.DOCKERFILE)
    result = run("build", repository, "--output", tmp_path / "o", "--sbom", tmp_path / "bill.json")

    assert result.exit_code == 2
    assert "a bill of materials is made of locked packages" in result.stderr
    assert not (tmp_path / "bill.json").exists()
