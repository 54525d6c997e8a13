"""Parts in pods: a base with packages and the files of a script, followed, adopted, tried again, stopped with who needs them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from hublish.builders.baseimage.local import open_bases
from hublish.builders.containers.plan import NoFiles, make_container_build
from hublish.builders.filebundle import fetch_files, push_files
from hublish.core.building import BuildRequest, BuildStopped, BuildSucceeded, HandedWheel, Step
from hublish.core.plan import Strategy
from hublish.core.podlines import render_message
from hublish.core.ports import ContainerTask
from hublish.core.reference import Reference
from hublish.engines.runs import BuildRun
from hublish.engines.tekton.choices import TektonChoices
from hublish.engines.tekton.engine import TektonEngine
from hublish.engines.tekton.parts import PodSystemBuilder, PodTaskRunner, RunPart
from hublish.engines.tekton_run import RunEnd, make_run
from hublish.errors import BuildCancelled, BuildFailed, EngineFailed, ImageInvalid, RunCancelled
from tests.fakes import FakeImages, FakeLog, make_tar
from tests.golden.tekton_runs import BASE, CONTAINER_CHOICES, LAYERED_CHOICES, REGISTRY, REQUEST
from tests.unit.engines.tekton.fakes import FakeCluster, make_pod, make_time
from tests.unit.engines.tekton.parts import NAME, push_image, wait_for, wait_for_outcome

PINNED = replace(BASE, tag=None)
TARGET = Reference(registry=REGISTRY, repository="team/hublish-base-1", tag="base")
DIGEST = f"sha256:{'d' * 64}"
WHEEL = HandedWheel(key="k", filename="wordy-1.0-py3-none-any.whl", sha256="e" * 64, size_bytes=1)


@dataclass
class FakePods:
    """Runs parts as a test says; remembers them."""

    run: Callable[[BuildRequest, Callable[[str], None], Callable[[], None]], BuildSucceeded]
    ends: dict[str, RunEnd] = field(default_factory=dict)
    asked: list[BuildRequest] = field(default_factory=list)

    def run_part(
        self,
        request: BuildRequest,
        *,
        log: Callable[[str], None],
        verify_running: Callable[[], None],
        take: Callable[[str], None] | None = None,
    ) -> BuildSucceeded:
        self.asked.append(request)
        log(f"PipelineRun builds/{request.name}")
        return self.run(request, log if take is None else take, verify_running)

    def find_part_end(self, name: str) -> RunEnd | None:
        return self.ends.get(name)


def succeed(digest: str = DIGEST) -> BuildSucceeded:
    return BuildSucceeded(digest=digest, size_bytes=1, layers=(), uploaded_bytes=0, packages=())


def end(*, succeeded: bool) -> RunEnd:
    return RunEnd(succeeded=succeeded, reason="", message="", results={})


def install(
    pods: FakePods,
    log: list[str],
    *,
    stopping: threading.Event | None = None,
    verify: Callable[[], None] = lambda: None,
) -> str:
    """Install two packages in pods."""
    builder = PodSystemBuilder(pods=pods, seconds=60.5, stopping=stopping or threading.Event())
    return builder.build(
        PINNED,
        ("tree", "curl"),
        platform="linux/amd64",
        user="",
        target=TARGET,
        name="base-1",
        log=log.append,
        verify_running=verify,
    )


# -- bases ------------------------------------------------------------------------------------------------------------


def test_base_is_a_part_without_a_source() -> None:
    """By the plan of every engine, within the operator's limit.

    The log has what the engine says, and of what apt says what was installed.
    """

    def run(_: BuildRequest, log: Callable[[str], None], verify: Callable[[], None]) -> BuildSucceeded:
        verify()
        for line in ("Reading package lists...", "installed: tree 2.1"):
            log(line)
        return succeed()

    pods, log = FakePods(run), []
    digest = install(pods, log)
    (request,) = pods.asked

    assert (digest, log) == (DIGEST, ["PipelineRun builds/base-1-1", "installed: tree 2.1"])
    assert (request.name, request.target, request.repository) == ("base-1-1", TARGET, None)
    assert request.part is not None
    assert request.part.script is None
    assert (request.plan.strategy, request.plan.time_seconds) == (Strategy.DOCKERFILE, 60)
    assert "apt-get install -q -y --no-install-recommends -- curl tree" in request.plan.container.dockerfile_text


def test_failed_run_is_not_adopted_and_a_lost_result_is_made_anew() -> None:
    """The first failed, of the second the registry lost the image, the third is a new one."""

    def run(request: BuildRequest, *_: object) -> BuildSucceeded:
        if request.name == "base-1-2":
            raise ImageInvalid("the registry has no such image")
        return succeed()

    pods = FakePods(run, ends={"base-1-1": end(succeeded=False), "base-1-2": end(succeeded=True)})

    assert install(pods, []) == DIGEST
    assert [request.name for request in pods.asked] == ["base-1-2", "base-1-3"]


def test_apts_refusal_is_the_answer() -> None:
    """In its words, as on every other engine."""

    def run(_: BuildRequest, log: Callable[[str], None], __: object) -> BuildSucceeded:
        log("E: Unable to locate package curl")
        raise BuildFailed("step 2 failed: exit status 100")

    log: list[str] = []

    with pytest.raises(
        BuildFailed, match=r"system\.apt: tree, curl cannot be installed: Unable to locate package curl"
    ):
        install(FakePods(run), log)
    assert log == ["PipelineRun builds/base-1-1", "E: Unable to locate package curl"]


def test_other_failures_say_so_themselves() -> None:
    """They are not apt's."""

    def run(*_: object) -> BuildSucceeded:
        raise ImageInvalid("the run reports an image that is not there")

    with pytest.raises(ImageInvalid, match="the run reports"):
        install(FakePods(run), [])


def test_no_base_begins_once_the_service_stops() -> None:
    """And it is tried again at the next start."""
    stopping = threading.Event()
    stopping.set()
    pods = FakePods(lambda *_: succeed())

    with pytest.raises(EngineFailed, match="this service stops") as caught:
        install(pods, [], stopping=stopping)
    assert caught.value.transient
    assert pods.asked == []


# -- scripts ----------------------------------------------------------------------------------------------------------


def add_base(images: FakeImages) -> Reference:
    """Put a base into the registry; returns it by name and digest."""
    return BASE.with_digest(images.add_image(replace(BASE, digest=None), [make_tar({"/a": os.urandom(1 << 12)})]))


def make_task(folder: Path, base: Reference, *, size_bytes: int = 1 << 20) -> ContainerTask:
    (folder / "source.tar.gz").write_bytes(b"source")
    return ContainerTask(
        title="the wheel of wordy 1.0",
        base=base,
        platform="linux/amd64",
        script="make",
        files={"source.tar.gz": folder / "source.tar.gz"},
        network=False,
        seconds=60.0,
        size_bytes=size_bytes,
        hint="look",
    )


def test_files_of_a_script_come_and_go_by_the_registry(tmp_path: Path) -> None:
    """Its run bears the build's name and ends with it, the same task has the same name, and results are verified files."""
    images = FakeImages()
    base = add_base(images)
    (tmp_path / "wordy.whl").write_bytes(b"wheel")

    def run(request: BuildRequest, *_: object) -> BuildSucceeded:
        assert request.part is not None
        assert request.part.script is not None
        given = fetch_files(
            request.part.script.files, tmp_path / "pod", images=images, limit_bytes=99, verify_running=lambda: None
        )
        assert {name: path.read_bytes() for name, path in given.items()} == {"source.tar.gz": b"source"}
        made = push_files({"wordy.whl": tmp_path / "wordy.whl"}, output=images, target=request.target)
        return succeed(made)

    pods = FakePods(run)
    runner = PodTaskRunner(request=REQUEST, run_part=pods.run_part, images=images, output=images)
    made = [
        runner.run_task(make_task(tmp_path, base), tmp_path / f"out-{number}", log=print, verify_running=lambda: None)
        for number in range(2)
    ]
    first, second = pods.asked
    script = first.part.script

    assert [[path.read_bytes() for path in paths] for paths in made] == [[b"wheel"], [b"wheel"]]
    assert runner.can_run()
    assert first == second
    assert first.name.startswith(f"{NAME}-")
    assert (first.part.build, first.repository, first.ref) == (NAME, REQUEST.repository, REQUEST.ref)
    assert (script.title, script.text, script.network, script.hint) == ("the wheel of wordy 1.0", "make", False, "look")
    assert (first.plan.container.bases[0].image, first.plan.time_seconds) == (replace(base, tag=None), 60)
    assert first.target.name == REQUEST.target.name
    assert len(first.name) <= 63


def test_base_may_be_larger_than_what_is_made_in_it(tmp_path: Path) -> None:
    """The limit of the result is that of the result alone; the pod's disk is for both."""
    images = FakeImages()
    base, limit = add_base(images), 1 << 10

    def run(*_: object) -> BuildSucceeded:
        (tmp_path / "wordy.whl").write_bytes(b"wheel")
        place = replace(REQUEST.target, tag="made")
        return succeed(push_files({"wordy.whl": tmp_path / "wordy.whl"}, output=images, target=place))

    pods = FakePods(run)
    runner = PodTaskRunner(request=REQUEST, run_part=pods.run_part, images=images, output=images)
    runner.run_task(
        make_task(tmp_path, base, size_bytes=limit), tmp_path / "out", log=print, verify_running=lambda: None
    )
    (part,) = pods.asked
    (opened,) = open_bases(make_container_build(part.plan, NoFiles()), images)

    assert opened.image.size_bytes > limit
    assert part.plan.size_bytes == opened.image.size_bytes + limit
    assert part.part.script.find_limit(part.plan) == limit
    assert replace(part.part.script, size_bytes=None).find_limit(part.plan) == part.plan.size_bytes


# -- the engine -------------------------------------------------------------------------------------------------------


@dataclass
class Hook:
    """Makes wheels as a test says."""

    make: Callable[[BuildRun, RunPart, Callable[[], None]], tuple[HandedWheel, ...]] = lambda *_: (WHEEL,)

    def __call__(self, run: BuildRun, run_part: RunPart, verify_running: Callable[[], None]) -> tuple[HandedWheel, ...]:
        return self.make(run, run_part, verify_running)


@pytest.fixture
def hook() -> Hook:
    return Hook()


@pytest.fixture
def given() -> list[BuildRequest]:
    """Requests whose Steps were given files."""
    return []


@pytest.fixture
def pods_engine(
    cluster: FakeCluster, images: FakeImages, hook: Hook, given: list[BuildRequest], tmp_path: Path
) -> Iterator[TektonEngine]:
    """An engine whose layered builds and parts run in one namespace of the cluster in memory, one build at a time."""
    container = replace(CONTAINER_CHOICES, namespace=LAYERED_CHOICES.namespace)

    def make_files(request: BuildRequest) -> dict[str, dict[str, bytes]]:
        given.append(request)
        return {"fetch": {"request": b""}, "push": {"request": b""}}

    engine = TektonEngine(
        TektonChoices(
            runs={Strategy.LAYERED: LAYERED_CHOICES, Strategy.DOCKERFILE: container},
            slots=1,
            keep_runs=9,
            keep_seconds=1e9,
            folder=tmp_path,
        ),
        cluster=cluster,
        images=images,
        make_files=make_files,
        make_wheels=hook,
    )
    yield engine
    cluster.close()
    engine.close()


NEEDY = replace(REQUEST, plan=replace(REQUEST.plan, builds_wheels=True))


def make_part(name: str = f"{NAME}-part") -> BuildRequest:
    """A part of the build."""
    asked: list[BuildRequest] = []

    def run(request: BuildRequest, *_: object) -> BuildSucceeded:
        asked.append(request)
        return succeed()

    install(FakePods(run), [])
    return replace(asked[0], name=name, target=REQUEST.target, part=replace(asked[0].part, build=NAME))


def test_pod_is_handed_the_wheels_that_it_needs(pods_engine, cluster, images, given) -> None:
    """They are made before its run is, so that nothing waits in the cluster for them."""
    digest = push_image(images)
    pods_engine.start(NEEDY, FakeLog())
    wait_for(lambda: f"status {NAME} None" in cluster.calls, what="the release of the run")
    cluster.end_run(NAME, succeeded=True, IMAGE_DIGEST=digest)
    outcome = wait_for_outcome(pods_engine)

    assert isinstance(outcome, BuildSucceeded)
    assert given == [replace(NEEDY, wheels=(WHEEL,))]


def test_part_runs_within_the_slot_of_its_build(pods_engine, cluster, images, hook, given) -> None:
    """One slot is enough for both; the part's lines are told, and its result is what the registry has."""
    digest, lines = push_image(images), []
    part = make_part()

    def make(_run: BuildRun, run_part: RunPart, verify: Callable[[], None]) -> tuple[HandedWheel, ...]:
        assert run_part(part, log=lines.append, verify_running=verify).digest == digest
        return (WHEEL,)

    hook.make = make
    pods_engine.start(NEEDY, FakeLog())
    wait_for(lambda: f"status {part.name} None" in cluster.calls, what="the release of the part")
    created = [call for call in cluster.calls if call.startswith("create")]
    labels = cluster.runs[part.name]["metadata"]["labels"]
    cluster.set_pods(part.name, make_pod("p", fetch="terminated", build="terminated", push="terminated"))
    for step in ("fetch", "build", "push"):
        cluster.write_log("p", step, (make_time(1), step), ended=True)
    cluster.end_run(part.name, succeeded=True, IMAGE_DIGEST=digest)
    wait_for(lambda: f"status {NAME} None" in cluster.calls, what="the release of the run")
    cluster.end_run(NAME, succeeded=True, IMAGE_DIGEST=digest)
    outcome = wait_for_outcome(pods_engine)

    assert created == [f"create hublish-builds/{part.name}"]
    assert labels["hublish.dev/part-of"] == NAME
    assert isinstance(outcome, BuildSucceeded)
    assert lines == [f"PipelineRun hublish-builds/{part.name}", "fetch", "build", "push"]


def test_lines_of_a_parts_pod_are_told_apart(pods_engine, cluster, images) -> None:
    """Whoever wants only some of them has the engine's own words in the log all the same."""
    digest, part = push_image(images), make_part()
    log: list[str] = []
    taken: list[str] = []
    cluster.set_pods(part.name, make_pod("p", fetch="terminated", build="terminated", push="terminated"))
    for step in ("fetch", "build", "push"):
        cluster.write_log("p", step, (make_time(1), step), ended=True)

    def end_once_released() -> None:
        wait_for(lambda: f"status {part.name} None" in cluster.calls, what="the release of the part")
        cluster.end_run(part.name, succeeded=True, IMAGE_DIGEST=digest)

    thread = threading.Thread(target=end_once_released)
    thread.start()
    pods_engine.run_part(part, log=log.append, verify_running=lambda: None, take=taken.append)
    thread.join(timeout=120)

    assert (log, taken) == ([f"PipelineRun hublish-builds/{part.name}"], ["fetch", "build", "push"])


def test_cancelled_build_ends_its_part(pods_engine, cluster, hook) -> None:
    """In the cluster, too; no run of the build itself is made."""
    part = make_part()
    hook.make = lambda _run, run_part, verify: (run_part(part, log=print, verify_running=verify), (WHEEL,))[1]
    pods_engine.start(NEEDY, FakeLog())
    wait_for(lambda: f"status {part.name} None" in cluster.calls, what="the release of the part")
    pods_engine.cancel(NAME)
    wait_for(lambda: f"status {part.name} Cancelled" in cluster.calls, what="the part's end")
    cluster.end_run(part.name, succeeded=False, reason="Cancelled")
    outcome = wait_for_outcome(pods_engine)

    assert isinstance(outcome, BuildStopped)
    assert outcome.cancelled
    assert NAME not in cluster.runs


def test_part_outlives_a_service_that_stops(pods_engine, cluster, hook) -> None:
    """It is found again by its name; the build has no outcome."""
    part = make_part()
    hook.make = lambda _run, run_part, verify: (run_part(part, log=print, verify_running=verify), (WHEEL,))[1]
    pods_engine.start(NEEDY, FakeLog())
    wait_for(lambda: f"status {part.name} None" in cluster.calls, what="the release of the part")
    pods_engine.close()

    assert pods_engine.status(NAME).outcome is None
    assert f"status {part.name} Cancelled" not in cluster.calls
    assert pods_engine.find_part_end(part.name) is None


@pytest.mark.parametrize("closes", [True, False])
def test_pending_run_outlives_only_a_service_that_stops(pods_engine, cluster, hook, closes: bool) -> None:
    """Whoever comes back makes its wheels again; a build that a person cancels leaves none pending."""
    begun = threading.Event()

    def make(_run: BuildRun, _run_part: RunPart, verify: Callable[[], None]) -> tuple[HandedWheel, ...]:
        begun.set()
        while True:
            verify()

    hook.make = make
    cluster.create_run(make_run(NEEDY, choices=LAYERED_CHOICES), namespace="hublish-builds")
    pods_engine.start(NEEDY, FakeLog())
    assert begun.wait(120)
    pods_engine.close() if closes else pods_engine.cancel(NAME)
    wait_for(lambda: closes or pods_engine.status(NAME).outcome is not None, what="the end")

    assert (f"status {NAME} Cancelled" in cluster.calls) is not closes
    assert pods_engine._cancelled == set()


def test_wheel_that_cannot_be_built_is_the_outcome(pods_engine, cluster, hook) -> None:
    """With its own code and words."""

    def make(*_: object) -> tuple[HandedWheel, ...]:
        raise BuildFailed("the wheel of wordy 1.0 failed: no compiler", hint="look")

    hook.make = make
    pods_engine.start(NEEDY, FakeLog())
    outcome = wait_for_outcome(pods_engine)

    assert isinstance(outcome, BuildStopped)
    assert (outcome.code, outcome.message) == ("BuildFailed", "the wheel of wordy 1.0 failed: no compiler")
    assert cluster.runs == {}


@pytest.mark.parametrize(("reason", "cancels"), [(RunCancelled("octocat cancelled this."), True), (None, False)])
def test_part_ends_by_the_word_of_who_needs_it(pods_engine, cluster, reason, cancels) -> None:
    """A reason that passes leaves the pod at work."""
    part, error = make_part(), reason or EngineFailed("this service stops", transient=True)
    begun = threading.Event()

    def verify() -> None:
        if begun.is_set():
            raise error

    raised: list[Exception] = []

    def run() -> None:
        try:
            pods_engine.run_part(part, log=print, verify_running=verify)
        except (RunCancelled, EngineFailed, BuildCancelled) as caught:
            raised.append(caught)

    thread = threading.Thread(target=run)
    thread.start()
    wait_for(lambda: f"status {part.name} None" in cluster.calls, what="the release of the part")
    begun.set()
    if cancels:
        wait_for(lambda: f"status {part.name} Cancelled" in cluster.calls, what="the part's end")
        cluster.end_run(part.name, succeeded=False, reason="Cancelled")
    thread.join(timeout=120)

    assert raised == [error]
    assert (f"status {part.name} Cancelled" in cluster.calls) == cancels


def test_failure_of_a_step_is_the_parts(pods_engine, cluster) -> None:
    """With the code that the Step gave, so that whoever needs the part can tell."""
    part = make_part()
    cluster.create_run(make_run(part, choices=LAYERED_CHOICES), namespace="hublish-builds")
    stopped = BuildStopped(code="BuildFailed", message="exit status 100", hint="", step=Step.BUILD)
    cluster.set_pods(part.name, make_pod("p", fetch="terminated", build="terminated"))
    cluster.write_log("p", "fetch", ended=True)
    cluster.write_log("p", "build", (make_time(1), render_message(stopped)), ended=True)
    cluster.end_run(part.name, succeeded=False, reason="Failed")

    with pytest.raises(Exception, match="exit status 100") as caught:
        pods_engine.run_part(part, log=print, verify_running=lambda: None)
    assert caught.value.code == "BuildFailed"
    assert pods_engine.find_part_end(part.name).succeeded is False


def test_parts_that_a_dead_service_left_end_with_their_build(pods_engine, cluster) -> None:
    """A build that nobody adopts any more needs none."""
    part = make_part()
    cluster.create_run(make_run(part, choices=LAYERED_CHOICES), namespace="hublish-builds")
    pods_engine.cancel(NAME)

    assert f"status {part.name} Cancelled" in cluster.calls
