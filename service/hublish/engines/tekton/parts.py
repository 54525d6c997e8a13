"""What pods make beside the images of commits: bases with packages, and the files of a script. Each is a run of its own.

A part is made in the thread of whoever needs it, as a build under the rules of the namespace that admits container builds.
Nothing secret is where its code runs: files travel by the registry, and only the Step that pushes may write there.
"""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from hublish.builders.baseimage.image import read_base_image
from hublish.builders.containers.plan import make_bare_plan
from hublish.builders.containers.systembase import SystemWords, make_system_plan
from hublish.builders.filebundle import fetch_files, push_files
from hublish.builders.keys import make_key
from hublish.builders.stopping import verify_serving
from hublish.core.building import BuildRequest, BuildSucceeded, PodPart, PodScript
from hublish.core.ports import ContainerTask, ImageReader, ImageWriter
from hublish.core.reference import Reference
from hublish.engines.runs import BuildRun, find_target
from hublish.engines.tekton_run import RunEnd
from hublish.errors import HublishError, ImageInvalid

BUILDER = "script-1"
_ASK_SECONDS = 1.0
_KEY_DIGITS = 24
_NAME_DIGITS = 10


@dataclass(slots=True, kw_only=True)
class PartRun(BuildRun):
    """A part on its way; it stops by the word of whoever needs it.

    Attributes:
        verify_running: asked about every second; raises when it is to stop.
        take: told the lines of its pod, for whom not all of them are for the log; None: they go there.
        reason: what `verify_running` raised.
    """

    verify_running: Callable[[], None]
    take: Callable[[str], None] | None = None
    reason: HublishError | None = None
    asks_at: float | None = None

    @property
    def goes_on(self) -> bool:
        """Whether its pod outlives the stop: whoever asked comes back for it, as after a restart of the service."""
        return self.reason is not None and self.reason.transient

    def hear(self, line: str) -> None:
        """See BuildRun."""
        if self.take is None:
            self.tell(line)
        else:
            self.take(line)

    def should_stop(self) -> bool:
        """Whether nobody waits for it, or its time is over."""
        now = self.clock()
        if self.reason is None and (self.asks_at is None or now >= self.asks_at):
            self.asks_at = now + _ASK_SECONDS
            try:
                self.verify_running()
            except HublishError as error:
                self.reason = error
        return self.reason is not None or self.is_late()


class RunPart(Protocol):
    """Runs a part to its end."""

    def __call__(
        self,
        request: BuildRequest,
        *,
        log: Callable[[str], None],
        verify_running: Callable[[], None],
        take: Callable[[str], None] | None = None,
    ) -> BuildSucceeded:
        """Run it, or adopt the run of its name. Raises what `verify_running` does, and why there is no result.

        Args:
            request: of the part.
            log: told what happens, line by line.
            verify_running: raises when it is to stop.
            take: told what its pod says; None: `log` is.
        """


class Pods(Protocol):
    """An engine that runs parts."""

    @property
    def run_part(self) -> RunPart:
        """Runs one."""

    def find_part_end(self, name: str) -> RunEnd | None:
        """How the run of a part ended; None while it goes on, or where there is none."""


@dataclass(frozen=True, slots=True)
class CallLog:
    """A BuildLog that hands its lines on."""

    tell: Callable[[str], None]

    def append(self, line: str) -> None:
        """See BuildLog."""
        self.tell(line)


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSystemBuilder:
    """`hublish.core.ports.SystemBaseBuilder` by pods.

    Attributes:
        pods: run them.
        seconds: longest build.
        stopping: set once this process ends; pods go on, and are found at the next start.
    """

    pods: Pods
    seconds: float
    stopping: threading.Event = field(default_factory=threading.Event)

    def verify_open(self) -> None:
        """See the port."""
        verify_serving(self.stopping, what="packages are installed")

    def build(
        self,
        base: Reference,
        packages: tuple[str, ...],
        *,
        platform: str,
        user: str,
        target: Reference,
        name: str,
        log: Callable[[str], None],
        verify_running: Callable[[], None],
    ) -> str:
        """See the port."""
        plan = make_system_plan(base, packages, platform=platform, user=user)
        plan = replace(plan, time_seconds=min(plan.time_seconds, int(self.seconds)))
        words = SystemWords(log)

        def verify() -> None:
            self.verify_open()
            verify_running()

        verify()
        for number in itertools.count(1):
            request = BuildRequest(
                name=f"{name}-{number}", plan=plan, repository=None, ref=None, target=target, part=PodPart()
            )
            end = self.pods.find_part_end(request.name)
            if end is not None and not end.succeeded:
                continue
            try:
                return self.pods.run_part(request, log=log, verify_running=verify, take=words.take).digest
            except HublishError as error:
                if end is not None and isinstance(error, ImageInvalid):
                    continue  # the registry lost what an earlier run pushed
                explained = words.explain(error, packages)
                if explained is error:
                    raise
                raise explained from error
        raise AssertionError("numbers do not end")


@dataclass(frozen=True, slots=True, kw_only=True)
class PodTaskRunner:
    """`hublish.core.ports.ContainerRunner` by pods, for one build.

    Attributes:
        request: the build, which names the repository that files pass through.
        run_part: runs pods.
        images: where bases and results are read.
        output: where files are put for a pod.
    """

    request: BuildRequest
    run_part: RunPart
    images: ImageReader
    output: ImageWriter

    def can_run(self) -> bool:
        """See ContainerRunner."""
        return True

    def run_task(
        self, task: ContainerTask, output: Path, *, log: Callable[[str], None], verify_running: Callable[[], None]
    ) -> tuple[Path, ...]:
        """See ContainerRunner; a pod of the same task that goes on is adopted."""
        verify_running()
        target = find_target(self.request)
        place = replace(target, digest=None)
        # Named by what it holds, so that the same files are the same artifact whichever build needs them.
        digest = push_files(task.files, output=self.output, target=place.with_tag(_make_files_tag(task)))
        files = place.with_digest(digest)
        key = make_key(["script", BUILDER, task.script, str(task.base), task.network, digest])[:_KEY_DIGITS]
        base = replace(task.base, tag=None)
        # The pod has both on its disk, and a base may be many times as large as what is made in it.
        base_bytes = read_base_image(self.images, base, platform=task.platform).size_bytes
        plan = make_bare_plan(
            f"FROM {base}\n", base=base, platform=task.platform, builder=BUILDER, seconds=int(task.seconds),
            size_bytes=base_bytes + task.size_bytes,
        )  # fmt: skip
        script = PodScript(
            title=task.title, text=task.script, files=files, network=task.network, hint=task.hint,
            size_bytes=task.size_bytes,
        )  # fmt: skip
        part = BuildRequest(
            name=f"{self.request.name}-{key[:_NAME_DIGITS]}", plan=plan, repository=self.request.repository,
            ref=self.request.ref, target=place.with_tag(f"hublish-made-{key}"),
            part=PodPart(build=self.request.name, script=script),
        )  # fmt: skip
        made = self.run_part(part, log=log, verify_running=verify_running)
        found = fetch_files(
            place.with_digest(made.digest),
            output,
            images=self.images,
            limit_bytes=task.size_bytes,
            verify_running=verify_running,
        )
        return tuple(found.values())


def _make_files_tag(task: ContainerTask) -> str:
    hashes = []
    for name in sorted(task.files):
        with task.files[name].open("rb") as body:
            hashes.append([name, hashlib.file_digest(body, "sha256").hexdigest()])
    return f"hublish-files-{make_key(['files', hashes])[:_KEY_DIGITS]}"
