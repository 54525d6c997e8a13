"""What repositories may try with a container engine, and the outcome of each."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from hublish.core.building import Step
from hublish.core.config.file import DockerfileConfig
from hublish.core.plan import Trust
from hublish.engines.dispatch import EngineDispatcher
from hublish.errors import StrategyUnavailable
from tests.contract.engines.parts import REPOSITORY, stop, succeed
from tests.contract.engines.subjects import make_backend, make_engine
from tests.fakes import FakeLog
from tests.sandbox.base_image import push_layout, write_layout

pytestmark = [pytest.mark.container, pytest.mark.registry, pytest.mark.timeout(1200)]

SYNTAX = """a'b"c $(touch /pwned) `id` ; rm -rf / && $(params.url) ${HOME} {{ x }} --flag=1 \\ *"""


def read_config(yard, name: str) -> dict:
    manifest = yard.registry.manifest(f"team/{name}", "built")
    assert manifest is not None
    return json.loads(yard.registry.blob(f"team/{name}", manifest["config"]["digest"]))


def test_arguments_of_shell_syntax_are_words(yard, engine, kind) -> None:
    """No shell and no template of ours reads a build argument: the step has it letter by letter."""
    log, name = FakeLog(), f"syntax-{kind}"
    block = DockerfileConfig(args=(("WORD", SYNTAX),))
    request = yard.ask('FROM BASE\nARG WORD\nRUN printf "%s\\n" "$WORD"; sleep 1\n', name=name, block=block)
    succeed(engine, request, log)

    assert SYNTAX in log.lines


def test_base_is_the_one_of_the_plan_although_its_tag_moved(yard, engine, kind, tmp_path) -> None:
    """Between plan and build the tag came to mean another image; the build knows the digest only."""
    name = f"pinned-{kind}"
    host = yard.registry.host
    push_layout(yard.base_layout, host, "base/moving", "1")
    request = yard.ask(f"FROM {host}/base/moving:1\nRUN echo built > /made\n", name=name)
    write_layout(tmp_path / "other", b"\0" * 1024, settings={"Cmd": ["other"]})
    moved = push_layout(tmp_path / "other", host, "base/moving", "1")
    succeed(engine, request)
    config = read_config(yard, name)

    assert config["config"]["Labels"]["org.opencontainers.image.base.digest"] == yard.base.digest != moved
    assert config["config"]["Cmd"] == ["sh"]


PRIVILEGED = {
    "buildah": ("mount -t tmpfs none /tmp", "mknod /disk b 8 0", "chroot / true"),
    "docker": ("mount -t tmpfs none /tmp", "dmesg -c", "ip link set lo down"),
}


def test_step_that_needs_privilege_fails(yard, engine, kind) -> None:
    """A build has no more rights than the engine's containers: it fails at that step."""
    for number, step in enumerate(PRIVILEGED[kind]):
        outcome = stop(engine, yard.ask(f"FROM BASE\nRUN {step}\n", name=f"privilege-{kind}-{number}"))

        assert (outcome.code, outcome.step) == ("BuildFailed", Step.BUILD)
        assert outcome.message.startswith(f"the build failed at step 2 of 2, RUN {step}: exit status")


def test_secret_that_is_not_given_ends_the_build_before_it_starts(yard, buildah_place, tmp_path) -> None:
    """Its id is named; nothing was run."""
    text = "FROM BASE\nRUN --mount=type=secret,id=token,required=true cat /run/secrets/token\n"
    log = FakeLog()
    engine = make_engine(
        make_backend("buildah", buildah_place),
        name="buildah",
        folder=tmp_path,
        sources=yard.sources,
        images=yard.images,
        output=yard.images,
    )
    outcome = stop(engine, yard.ask(text, name="no-secret"), log)
    engine.close()

    assert (outcome.code, outcome.step) == ("BuildFailed", Step.FETCH)
    assert outcome.message == "the Dockerfile needs the secret token, which this build is not given"
    assert not any(line.lower().startswith("step") for line in log.lines)


@pytest.mark.parametrize(
    ("step", "what"),
    [
        ("RUN --mount=type=secret,id=token cat /run/secrets/token", "RUN --mount="),
        ("RUN --network=none --mount=type=secret,id=token true", "RUN --network="),
        ("RUN cat <<EOF\nhello\nEOF", "RUN cat <<E"),
    ],
)
def test_docker_refuses_what_needs_buildkit_before_anything_starts(yard, docker_place, tmp_path, step, what) -> None:
    """Its classic builder would ignore a mount, and the secret would be missing or worse; another engine may take it."""
    engine = make_engine(
        make_backend("docker", docker_place),
        name="docker",
        folder=tmp_path,
        sources=yard.sources,
        images=yard.images,
        output=yard.images,
        secrets={"token": b"hunter2-hunter2"},
    )
    request = yard.ask(f"FROM BASE\n{step}\n", name="buildkit")

    with pytest.raises(StrategyUnavailable, match="the docker engine builds by Docker's classic builder") as caught:
        engine.start(request, FakeLog())
    engine.close()
    assert caught.value.message.endswith(f"which knows no {what}")
    assert "--engine buildah" in caught.value.hint
    assert engine.status("buildkit") is None


def test_what_docker_cannot_do_goes_to_the_next_engine(yard, docker_place, buildah_place, tmp_path) -> None:
    """The operator's order counts among those that can: the secret reaches its RUN."""
    places = {"docker": docker_place, "buildah": buildah_place}
    engines = [
        make_engine(
            make_backend(kind, place),
            name=kind,
            folder=tmp_path,
            sources=yard.sources,
            images=yard.images,
            output=yard.images,
            secrets={"token": b"hunter2-hunter2"},
        )
        for kind, place in places.items()
    ]
    text = "FROM BASE\nRUN --mount=type=secret,id=token,required=true grep -c hunter2 /run/secrets/token && sleep 1\n"
    request, log = yard.ask(text, name="next-engine"), FakeLog()
    dispatcher = EngineDispatcher(engines)
    dispatcher.verify_plan(request.plan)
    succeed(dispatcher, request, log)
    dispatcher.close()

    assert "1" in log.lines


@pytest.mark.parametrize(("owner", "trust"), [("stranger", Trust.OWNER), ("org", Trust.FORK)])
def test_chroot_alone_serves_no_stranger_and_no_fork(yard, buildah_place, tmp_path, owner, trust) -> None:
    """Owners are listed by the operator; a fork of a listed owner's repository is refused all the same."""
    engine = make_engine(
        make_backend("buildah", buildah_place),
        name="buildah",
        folder=tmp_path,
        sources=yard.sources,
        images=yard.images,
        output=yard.images,
        owners=frozenset({"org"}),
    )
    request = yard.ask(
        "FROM BASE\nRUN true\n", name="stranger", repository=replace(REPOSITORY, owner=owner), trust=trust
    )
    with pytest.raises(StrategyUnavailable, match="isolates builds by chroot alone") as caught:
        engine.start(request, FakeLog())
    engine.close()

    assert "engines.buildah.owners" in caught.value.hint
    assert engine.status("stranger") is None


def test_build_reaches_neither_metadata_nor_private_addresses_nor_the_service(yard, buildah_place) -> None:
    """In a network of the test's own: listeners on such addresses hear nothing, but for what the operator named."""
    if any(shutil.which(name) is None for name in ("slirp4netns", "unshare", "ip")):
        pytest.skip("slirp4netns, unshare or ip is not installed")
    done = subprocess.run(
        ("unshare", "--net", sys.executable, "-m", "tests.contract.engines.walled", buildah_place),
        cwd=Path(__file__).parents[3],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr

    assert json.loads(done.stdout.splitlines()[-1]) == {"closed": [], "opened": ["10.77.0.1"]}


def test_docker_build_reaches_the_outside_alone_once_doctors_command_was_run() -> None:
    """In a network of the test's own. Before it doctor calls the network a fault; another container is never reached."""
    if any(shutil.which(name) is None for name in ("dockerd", "iptables", "unshare", "ip")):
        pytest.skip("docker.io, iptables, unshare or ip is not installed")
    done = subprocess.run(
        ("unshare", "--net", sys.executable, "-m", "tests.contract.engines.walled_docker"),
        cwd=Path(__file__).parents[3],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr

    assert json.loads(done.stdout.splitlines()[-1]) == {
        "well": [False, True],
        "open": ["gateway", "host", "metadata", "neighbour", "public"],
        "closed": ["public"],
    }
