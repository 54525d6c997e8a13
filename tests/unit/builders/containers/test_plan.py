"""Plans and builds for container engines: both strategies come to one value, and the key covers all of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hublish.builders.containers.plan import make_container_build
from hublish.builders.layerindex.ownercache import OWN, OwnerCaches
from hublish.builders.planning.planner import PlanInputs, Planned, make_plan
from hublish.core.codec import parse_value, render_value
from hublish.core.config.file import Config, DockerfileConfig, ImageConfig, S2IConfig
from hublish.core.container import BasePin, ContainerBuild, ContainerPlan, ContextFile, SecretMount
from hublish.core.plan import Plan, Strategy, Trust, make_build_key
from hublish.core.reference import Reference
from hublish.core.source import FileMode
from hublish.errors import BuildFailed
from tests.fakes import FakeImages, FakeSource

BASE = Reference(registry="registry.example.org", repository="base/python", tag="3.11")
IMAGE = ImageConfig(reference=Reference(registry="registry.example.org", repository="team/ts"), tags=("latest",))
CONFIG = Config(path=".hublish.yaml", legacy=False, images=(IMAGE,))
SOURCE = replace(CONFIG, strategy=Strategy.SOURCE, base=BASE)
DOCKERFILE = (
    b"ARG TAG\nFROM registry.example.org/base/python:$TAG AS nb\nRUN --mount=type=secret,id=pip true\nFROM gone\n"
)
FILES: dict[str, bytes | str] = {
    "env/Dockerfile": DOCKERFILE,
    "env/.dockerignore": b"*.log\n",
    "env/a.log": b"",
    "env/b.py": b"1",
    "env/link": "-> b.py",
    "other": b"",
}
BLOCK = DockerfileConfig(context="env", target="nb", args=(("TAG", "3.11"),))


@pytest.fixture
def images() -> FakeImages:
    images = FakeImages()
    labels = (("io.openshift.s2i.scripts-url", "image:///opt/s2i"),)
    images.add_image(BASE, [], spec={"labels": labels, "user": "1001"})
    return images


def plan(images: FakeImages, files: dict[str, bytes | str], config: Config, tmp_path) -> Planned:
    inputs = PlanInputs(
        source=FakeSource(files),
        config=config,
        image=IMAGE,
        bases={},
        trust=Trust.OWNER,
        source_repo_id=7,
        target_repository="registry.example.org/team/ts",
    )
    return make_plan(inputs, images=images, layers=OwnerCaches(tmp_path).open(owner=OWN, trust=Trust.OWNER).layers)


def pin(images: FakeImages) -> Reference:
    manifest = images.fetch_manifest(BASE)
    assert manifest is not None
    return BASE.with_digest(manifest.digest)


def test_dockerfile_plan_holds_the_pinned_text(images, tmp_path) -> None:
    """Context, target, arguments and secrets are in it; the stage behind the target is not asked for."""
    planned = plan(images, FILES, replace(CONFIG, dockerfile=BLOCK), tmp_path)
    pinned = pin(images)

    assert planned.findings == ()
    assert planned.plan is not None
    assert (planned.plan.dockerfile, planned.plan.builder, planned.plan.base) == (
        "env/Dockerfile",
        "dockerfile-1",
        None,
    )
    assert planned.plan.container == ContainerPlan(
        dockerfile_text=f"ARG TAG\nFROM {pinned} AS nb\nRUN --mount=type=secret,id=pip true\nFROM gone\n",
        context="env",
        target="nb",
        args=(("TAG", "3.11"),),
        secrets=(SecretMount(name="pip", required=False),),
        bases=(BasePin(name="registry.example.org/base/python:3.11", image=pinned),),
    )


def test_dockerfile_build_has_the_context_without_what_is_ignored(images, tmp_path) -> None:
    """An engine gets files, not patterns; all it needs is in one value."""
    made = plan(images, FILES, replace(CONFIG, dockerfile=BLOCK), tmp_path).plan
    assert made is not None
    container = made.container
    assert container is not None

    assert make_container_build(made, FakeSource(FILES)) == ContainerBuild(
        dockerfile_text=container.dockerfile_text,
        files=(
            ContextFile(path=".dockerignore", source="env/.dockerignore", mode=FileMode.REGULAR),
            ContextFile(path="Dockerfile", source="env/Dockerfile", mode=FileMode.REGULAR),
            ContextFile(path="b.py", source="env/b.py", mode=FileMode.REGULAR),
            ContextFile(path="link", source=None, mode=FileMode.SYMLINK, link="b.py"),
        ),
        folders=(),
        target="nb",
        args=(("TAG", "3.11"),),
        secrets=container.secrets,
        bases=container.bases,
        platform="linux/amd64",
        created_at="2026-11-21T10:00:00Z",
        time_seconds=1800,
        size_bytes=4 << 30,
    )


def test_source_plan_holds_the_generated_text(images, tmp_path) -> None:
    """The builder is pinned, its scripts are called, the repository's own run script replaces one of them."""
    options = S2IConfig(environment=(("A", 'x "$y"'),))
    files = {"a.py": b"1", ".s2i/bin/run": b"#!/bin/sh\n", ".s2i/environment": b"B=2\n"}
    made = plan(images, files, replace(SOURCE, s2i=options), tmp_path).plan
    pinned = pin(images)
    text = f"""\
FROM {pinned}
LABEL "io.k8s.display-name"="registry.example.org/team/ts" \\
      "io.openshift.s2i.build.commit.id"="{"a" * 40}" \\
      "io.openshift.s2i.build.image"="{pinned}"
ENV B="2" \\
    A="x \\"\\$y\\"" \\
    IMAGE_NAME="registry.example.org/team/ts" \\
    GIT_REPO_NAME="ts"
USER root
COPY upload/scripts /tmp/scripts
COPY upload/src /tmp/src
RUN chown -R 1001:0 /tmp/scripts /tmp/src
USER 1001
RUN /opt/s2i/assemble
CMD /tmp/scripts/run
"""

    assert made is not None
    assert (made.builder, made.base) == ("s2i-1", replace(BASE, digest=pinned.digest))
    assert made.container == ContainerPlan(
        dockerfile_text=text, context=".", bases=(BasePin(name=str(BASE), image=pinned),), own_scripts=True
    )
    build = make_container_build(made, FakeSource(files))
    assert [file.path for file in build.files] == [
        "upload/scripts/run",
        "upload/src/.s2i/environment",
        "upload/src/a.py",
    ]
    assert build.folders == ("upload/src/.s2i/bin",)


def test_old_config_assembles_as_root_and_gives_the_user_back(images, tmp_path) -> None:
    """`build-source-script` had that effect; Thoth's variables are those of the old service."""
    options = S2IConfig(scripts_url="image:///opt/app-root/builder/", user="root")
    config = replace(SOURCE, path=".aicoe-ci.yaml", legacy=True, s2i=options)
    made = plan(images, {"a.py": b"1", ".s2i/bin/run": b""}, config, tmp_path).plan
    assert made is not None
    assert made.container is not None
    text = made.container.dockerfile_text

    assert text.endswith(
        "USER root\nCOPY upload/src /tmp/src\nRUN chown -R root:0 /tmp/src\nRUN /opt/app-root/builder/assemble\n"
        "CMD /opt/app-root/builder/run\nUSER 1001\n"
    )
    assert '"io.openshift.s2i.scripts-url"="image:///opt/app-root/builder/"' in text
    assert 'THOTH_ADVISE="0"' in text
    assert not made.container.own_scripts


@pytest.mark.parametrize(
    ("config", "files", "expected"),
    [
        (replace(SOURCE, base=None), {"a": b""}, ("BaseMissing", ".hublish.yaml")),
        (replace(SOURCE, base=None, legacy=True), {"a": b""}, ("BaseMissing", ".hublish.yaml")),
        (SOURCE, {"a": b"", ".s2i/environment": b"export A=1"}, ("EnvironmentLineInvalid", ".s2i/environment")),
        (
            replace(SOURCE, s2i=S2IConfig(scripts_url="image:///a b")),
            {"a": b""},
            ("ScriptsRefused", ".hublish.yaml"),
        ),
        (replace(SOURCE, s2i=S2IConfig(context="app")), {"a": b""}, ("SourceEmpty", "app")),
        (
            replace(SOURCE, s2i=S2IConfig(context="app")),
            {"app/.s2i/environment": b"ENABLE_PIPENV=1", "app/Pipfile": b""},
            ("LockMissing", "app/.s2i/environment"),
        ),
        (CONFIG, {"Dockerfile": "-> /etc/passwd"}, ("DockerfileMissing", "Dockerfile")),
        (CONFIG, {"Dockerfile": b"\xff"}, ("NotUTF8", "Dockerfile")),
        (CONFIG, {"Dockerfile": b"#" * 262145}, ("FileTooLarge", "Dockerfile")),
        (CONFIG, {"Dockerfile": b"FROM scratch", ".dockerignore": b"[\n"}, ("IgnorePatternInvalid", ".dockerignore")),
        (
            replace(CONFIG, dockerfile=DockerfileConfig(path="Dockerfile", context="gone")),
            {"Dockerfile": b"FROM scratch"},
            ("ContextMissing", "gone"),
        ),
        (
            replace(CONFIG, strategy=Strategy.DOCKERFILE, dockerfile=DockerfileConfig(context="env")),
            {"Dockerfile": b"FROM scratch"},
            ("DockerfileMissing", "env/Dockerfile"),
        ),
        (CONFIG, {"Dockerfile": b"FROM registry.example.org/gone:1"}, ("BaseUnsupported", "Dockerfile")),
    ],
)
def test_what_stands_in_the_way_is_a_finding(images, tmp_path, config, files, expected) -> None:
    """No plan, and the place to mend."""
    planned = plan(images, files, config, tmp_path)

    assert planned.plan is None
    assert [(found.code, found.path) for found in planned.findings if found.severity.value == "error"] == [expected]


def test_key_covers_what_the_engine_is_given(images, tmp_path) -> None:
    """Another base, argument, target or context is another build."""
    made = plan(images, FILES, replace(CONFIG, dockerfile=BLOCK), tmp_path).plan
    assert made is not None
    container = made.container
    assert container is not None
    others = [
        replace(container, dockerfile_text="FROM scratch\n"),
        replace(container, args=()),
        replace(container, target=None),
        replace(container, context="."),
    ]
    keys = {make_build_key(replace(made, container=other)) for other in (container, *others)}

    assert len(keys) == 5


def test_plan_crosses_a_step_unchanged(images, tmp_path) -> None:
    """It is stored and read back as the same value."""
    made = plan(images, FILES, replace(CONFIG, dockerfile=BLOCK), tmp_path).plan

    assert parse_value(Plan, render_value(made)) == made


def test_layers_are_no_container_build(images, tmp_path) -> None:
    """A plan without that part is for another engine."""
    made = plan(images, FILES, replace(CONFIG, dockerfile=BLOCK), tmp_path).plan
    assert made is not None

    with pytest.raises(BuildFailed, match="layered"):
        make_container_build(replace(made, strategy=Strategy.LAYERED, container=None), FakeSource(FILES))
