"""Which config counts for a run: that of the default branch for what is published, that of the commit for the rest."""

from __future__ import annotations

from hublish.builders.sourcefiles import read_source_file
from hublish.core.answers.report import Failure
from hublish.core.status import RunState
from hublish.workflows.prepared import Prepared
from tests.unit.workflows.parts import (
    CONFIG,
    NAME,
    TAG,
    Stage,
    make_source,
)
from tests.unit.workflows.prepare_parts import prepare, read_request, use_config


def test_release_that_is_switched_off_is_skipped(stage: Stage) -> None:
    """Silently, with the reason in the records."""
    use_config(stage, CONFIG + "triggers: {release: false}\n")
    expected = Failure(code="Skipped", message="`triggers.release` is off in .hublish.yaml", hint="")

    assert prepare(stage) == Prepared(state=RunState.SKIPPED, failure=expected, ref=TAG)


def test_default_branch_without_a_config_is_told_what_to_add(stage: Stage) -> None:
    """One at the commit does not count: names come from the default branch."""
    use_config(stage, None, CONFIG)
    prepared = prepare(stage)

    assert prepared.state is RunState.DENIED
    assert prepared.failure is not None
    assert prepared.failure.code == "ConfigMissing"


def test_default_branch_whose_config_has_a_wrong_name_is_told_to_rename_it(stage: Stage) -> None:
    """One request more, and only where somebody gets an answer."""
    use_config(stage, None, CONFIG)
    stage.reader.files["octo/ts", ".hublish.yml"] = CONFIG.encode()
    expected = Failure(
        code="ConfigMissing",
        message="The default branch has neither .hublish.yaml nor .aicoe-ci.yaml, so there is nothing to build.",
        hint="Rename .hublish.yml to .hublish.yaml on the default branch, then ask again.",
    )
    prepared = prepare(stage)

    assert prepared.failure == expected
    assert [finding.code for finding in prepared.findings] == ["WrongFileName"]


def test_faults_of_the_default_branchs_config_are_all_told(stage: Stage) -> None:
    """With their places."""
    use_config(stage, CONFIG + "strategi: layered\nlimits: {time: 5}\n")
    prepared = prepare(stage)

    assert prepared.state is RunState.DENIED
    assert (prepared.findings[0].code, prepared.findings[0].line) == ("UnknownKey", 4)
    assert len(prepared.findings) == 2


def test_faulty_config_at_the_commit_ends_the_run(stage: Stage) -> None:
    """Although the default branch's is good."""
    use_config(stage, CONFIG, CONFIG + "strategi: layered\n")
    prepared = prepare(stage)
    expected = Failure(
        code="ConfigInvalid",
        message="The config file at 0123456 has faults.",
        hint="Correct the places below and publish a new release.",
    )

    assert (prepared.state, prepared.failure, prepared.ref) == (RunState.FAILED, expected, TAG)
    assert [finding.code for finding in prepared.findings] == ["UnknownKey"]


def test_names_hubs_and_triggers_come_from_the_default_branch(stage: Stage) -> None:
    """A branch cannot push to another image or another hub; how the image is made is its own."""
    at_commit = CONFIG.replace("/team/ts", "/other/evil").replace("[demo]", "[evil]").replace("latest", "edge")
    use_config(stage, CONFIG, at_commit + "resources: {gpu: 1}\n")
    prepared = prepare(stage)
    (image,) = prepared.images

    assert (image.name, image.title, prepared.hubs) == (NAME, "ts", ("demo",))
    assert (image.floating_tags, image.resources) == (("edge",), "1 GPU")
    assert str(read_request(stage, prepared).target).startswith(f"{NAME}:build-")


def test_image_of_the_commit_is_told_by_its_title(stage: Stage) -> None:
    """The commit may make more images than the default branch names; those are not pushed."""
    two = f"version: 1\nimages: [{{name: {NAME}, tags: [a]}}, {{name: {NAME}-b, tags: [b]}}]\n"
    use_config(stage, CONFIG, two)
    prepared = prepare(stage)

    assert [(image.name, image.floating_tags) for image in prepared.images] == [(NAME, ("a",))]


def test_each_image_is_planned_from_its_own_lock(stage: Stage) -> None:
    """One run, a build for each image, with the packages of the lock that it names."""
    one, two = (f"{{name: registry.example.org/team/{name}, python: {{lock: {name}/Pipfile.lock}}}}" for name in "ab")
    files = {}
    for name, packages in (("a", {"jupyterhub": "5.0"}), ("b", {"jupyterhub": "5.0", "jupyterlab": "4.0"})):
        source = make_source(None, packages=packages)
        files |= {f"{name}/{path}": read_source_file(source, path) for path in ("Pipfile", "Pipfile.lock")}
    use_config(stage, f"version: 1\nimages: [{one}, {two}]\n", files=files)
    prepared = prepare(stage)
    packages = [len(read_request(stage, prepared, index).plan.packages) for index in (0, 1)]

    assert [image.title for image in prepared.images] == ["a", "b"]
    assert packages[1] == packages[0] + 1


def test_deploy_block_of_the_old_config_is_a_pull_request_to_its_hub(stage: Stage) -> None:
    """The hub whose list is in the repository that the block names, as it stands on the default branch."""
    old = (
        b"build: {registry: registry.example.org, registry-org: team}\ndeploy: {project-org: org, project-name: apps}\n"
    )
    stage.reader.files.clear()
    stage.reader.files["octo/ts", ".aicoe-ci.yaml"] = old
    stage.checkouts.sources["octo/ts"] = make_source(f"version: 1\nimage: {{name: {NAME}}}\n")
    prepared = prepare(stage)

    assert (prepared.state, prepared.hubs) == (RunState.BUILDING, ("demo",))


def test_image_that_cannot_be_planned_is_named_among_several(stage: Stage) -> None:
    """All of them wait for it: the verdict is joint."""
    one, two = "{name: registry.example.org/team/a}", "{name: registry.example.org/team/b, python: {lock: b.txt}}"
    use_config(stage, f"version: 1\nimages: [{one}, {two}]\n")
    prepared = prepare(stage)

    assert prepared.failure is not None
    assert (prepared.state, prepared.images) == (RunState.FAILED, ())
    assert prepared.failure.message == "The image b cannot be built as the repository stands, so none is."


def test_commit_without_a_config_is_built_as_the_default_branch_says(stage: Stage) -> None:
    """An old tag may be older than the config."""
    stage.checkouts.sources["octo/ts"] = make_source(None)

    assert prepare(stage).state is RunState.BUILDING
