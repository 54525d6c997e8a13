"""A house of cards for the tests of the command line: every door is a value that the test can look at."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from hublish.bootstrap.doctor import Check
from hublish.builders.baseimage.image import BaseImage
from hublish.builders.planning.planner import Planned
from hublish.builders.verification.verdict import Claims, OpenedImage, Verdict, Verification
from hublish.cli.house import AppRequest, WorkbenchChoice
from hublish.core.building import BuildSucceeded, LayerSummary, Progress, Step
from hublish.core.config.file import CONFIG_PATHS, Config, ImageConfig, ParsedConfig, parse_config
from hublish.core.finding import Finding
from hublish.core.github.manifest import CreatedApp
from hublish.core.output import Output, OutputKind
from hublish.core.plan import Environment, Plan, Strategy, Trust
from hublish.core.ports import ProgressSink
from hublish.core.queue import Place
from hublish.core.records import Run
from hublish.core.reference import Reference, parse_reference
from hublish.core.source import FileMode, SourceFile, SourceTree
from hublish.core.status import RunState
from hublish.errors import BuildCancelled, HublishError
from hublish.oci.image import ImageSpec
from hublish.oci.manifest import Descriptor, ImageManifest
from hublish.workflows.rehearsal import Rehearsal
from tests.unit.cli.delivery_fakes import FakeDeliveries

DIGEST = "sha256:" + "d" * 64
BASE_DIGEST = "sha256:" + "b" * 64
RUN = Run(
    id="3f0c9a",
    key="release-1",
    attempt=1,
    state=RunState.FAILED,
    repository="harbour/tides",
    ref="v1.0.0",
    actor="ada",
    sha="c" * 40,
    trigger="{}",
    message="no wheel for numpy 9",
    created_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    ended_at=None,
)
SUCCEEDED = BuildSucceeded(
    digest=DIGEST,
    size_bytes=120_000_000,
    layers=(
        LayerSummary(title="base", digest=BASE_DIGEST, size_bytes=100_000_000, transfer="mounted"),
        LayerSummary(title="numpy 2.1.0", digest=DIGEST, size_bytes=20_000_000, transfer="uploaded"),
    ),
    uploaded_bytes=20_000_000,
    packages=(("numpy", "2.1.0"),),
    step_seconds=(("layers", 2.0),),
)


CLAIMS = Claims(
    builder="layered-3 python-3.11.7",
    base_digest=BASE_DIGEST,
    base_name="registry.example.org/base:3.11",
    commit=None,
    source_name="ts",
)
VERIFIED = Verification(verdict=Verdict.EQUAL, rebuilt_digest=DIGEST, equal_layers=12)


def make_opened(image: str, claims: Claims) -> OpenedImage:
    """An opened image of which only reference and claims are looked at."""
    spec = ImageSpec(
        architecture="amd64", os="linux", variant=None, created=None, diff_ids=(), history=(), environment=(),
        entrypoint=(), command=(), user="", working_directory="", labels=(),
    )  # fmt: skip
    config = Descriptor(media_type="", digest=DIGEST, size_bytes=0)
    reference = parse_reference(image).with_digest(DIGEST)
    manifest = ImageManifest(config=config, layers=())
    opened = BaseImage(
        reference=reference, named_digest=DIGEST, manifest=manifest, spec=spec, manifest_body=b"", config_body=b""
    )
    return OpenedImage(image=opened, claims=claims)


def make_plan(**changes: object) -> Plan:
    values: dict[str, object] = {
        "strategy": Strategy.LAYERED,
        "reason": "there is no Dockerfile",
        "ignored": (),
        "builder": "layered-3",
        "base": Reference(registry="registry.example.org", repository="base", digest=BASE_DIGEST),
        "platform": "linux/amd64",
        "python_full_version": "3.11.2",
        "environment": Environment.VENV,
        "packages": (),
        "indexes": (),
        "bytecode": True,
        "source_name": "ts",
        "source_path": "/srv/repo",
        "source_digest": DIGEST,
        "commit": None,
        "created_at": "1970-01-01T00:00:00Z",
        "time_seconds": 60,
        "size_bytes": 1 << 30,
        "source_repo_id": 0,
        "target_repository": "localhost/ts",
        "trust": Trust.OWNER,
    }
    return Plan(**{**values, **changes})  # type: ignore[arg-type]  # one place that knows all fields


class FolderOnDisk:
    """A source that holds the files of a folder, one level deep."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def tree(self) -> SourceTree:
        files = tuple(
            SourceFile(path=file.name, mode=FileMode.REGULAR, size_bytes=file.stat().st_size, sha256="0" * 64)
            for file in sorted(self._path.iterdir())
            if file.is_file()
        )
        return SourceTree(name=self._path.name, commit=None, committed_at=None, files=files)

    def open(self, path: str) -> BinaryIO:
        return io.BytesIO((self._path / path).read_bytes())


@dataclass(slots=True, kw_only=True)
class FakeWorkbench:
    """A workbench whose answers are set by the test and whose calls are kept."""

    plan_answer: Plan | None = field(default_factory=make_plan)
    findings: tuple[Finding, ...] = ()
    build_error: BaseException | None = None
    during_build: Callable[[], None] = lambda: None
    checks: tuple[Check, ...] = ()
    builds: list[Output] = field(default_factory=list)
    layers: int = 0
    bases: list[str | None] = field(default_factory=list)
    claims: Claims = CLAIMS
    verification: Verification = VERIFIED
    verified: list[str] = field(default_factory=list)
    lock_answer: bytes = b""
    lock_error: HublishError | None = None
    locked: list[tuple[bytes, str | None, str | None]] = field(default_factory=list)

    def open_folder(self, path: Path) -> FolderOnDisk:
        return FolderOnDisk(path)

    def read_config(self, source: FolderOnDisk, *, repository_name: str | None) -> ParsedConfig:
        path = next(path for path in CONFIG_PATHS if path in source.tree.paths)
        return parse_config(source.open(path).read(), path=path, repository_name=repository_name)

    def plan(
        self, source: FolderOnDisk, config: Config, image: ImageConfig, *, base: str | None, log: Callable[[str], None]
    ) -> Planned:
        self.bases.append(base)
        return Planned(plan=self.plan_answer, findings=self.findings, base_size_bytes=1, locked=None)

    def lock(
        self,
        config: Config,
        pipfile: bytes,
        *,
        python_version: str | None,
        base: str | None,
        log: Callable[[str], None],
        cancelled: Callable[[], bool],
    ) -> bytes:
        self.locked.append((pipfile, python_version, base))
        if self.lock_error is not None:
            raise self.lock_error
        return self.lock_answer

    def build(
        self,
        plan: Plan,
        source: FolderOnDisk,
        *,
        output: Output,
        log: Callable[[str], None],
        progress: ProgressSink,
        cancelled: Callable[[], bool],
    ) -> BuildSucceeded:
        self.builds.append(output)
        log("layer numpy")
        progress(Progress(step=Step.LAYERS, done=1, total=2, label="numpy"))
        if output.kind is OutputKind.LAYOUT and output.path is not None:
            output.path.mkdir(parents=True, exist_ok=True)
            (output.path / "index.json").write_text("{}")
        self.during_build()
        if cancelled():
            raise BuildCancelled("the build was stopped")
        if self.build_error is not None:
            raise self.build_error
        extra = tuple(
            LayerSummary(title=f"{number}", digest=DIGEST, size_bytes=number, transfer="present")
            for number in range(self.layers - len(SUCCEEDED.layers))
        )
        return dataclasses.replace(SUCCEEDED, layers=SUCCEEDED.layers + extra)

    def open_image(self, text: str) -> OpenedImage:
        return make_opened(text, self.claims)

    def verify(
        self,
        opened: OpenedImage,
        plan: Plan,
        source: FolderOnDisk,
        *,
        log: Callable[[str], None],
        progress: ProgressSink,
        cancelled: Callable[[], bool],
    ) -> Verification:
        self.verified.append(str(opened.reference))
        log("layer numpy")
        if cancelled():
            raise BuildCancelled("the build was stopped")
        return self.verification

    def check_environment(self, *, cluster: bool, say: Callable[[str], None]) -> tuple[Check, ...]:
        if not cluster:
            return self.checks
        say("a pod comes up")
        return tuple(dataclasses.replace(check, name=f"{check.name} of pods") for check in self.checks)


@dataclass(slots=True, kw_only=True)
class FakeRecords:
    """Stored runs."""

    runs: tuple[Run, ...] = (RUN,)
    waits: Mapping[str, tuple[tuple[str, Place], ...]] = field(default_factory=dict)

    def list_runs(self, limit: int) -> tuple[Run, ...]:
        return self.runs[:limit]

    def read_run(self, run_id: str) -> Run | None:
        return next((run for run in self.runs if run.id == run_id), None)

    def find_waits(self, runs: Sequence[Run]) -> Mapping[str, tuple[tuple[str, Place], ...]]:
        return self.waits

    def read_log(self, run_id: str) -> str:
        return f"log of {run_id}\n"


@dataclass(slots=True, kw_only=True)
class FakeLocker:
    """Gives one lock, or fails."""

    made: bytes = b""
    error: HublishError | None = None
    asked: list[tuple[Path, bytes]] = field(default_factory=list)

    def lock_here(
        self, folder: Path, pipfile: bytes, *, log: Callable[[str], None], cancelled: Callable[[], bool]
    ) -> bytes:
        self.asked.append((folder, pipfile))
        log("Locking...")
        if self.error is not None:
            raise self.error
        return self.made


@dataclass(slots=True, kw_only=True)
class FakeHouse:
    """All doors; `error` is raised by whichever is opened first."""

    workbench: FakeWorkbench = field(default_factory=FakeWorkbench)
    records: FakeRecords = field(default_factory=FakeRecords)
    locker: FakeLocker = field(default_factory=FakeLocker)
    deliveries: FakeDeliveries = field(default_factory=FakeDeliveries)
    tokens: object = None
    apps: list[AppRequest] = field(default_factory=list)
    mirrors: list[Mapping[str, str]] = field(default_factory=list)
    error: BaseException | None = None
    choices: list[WorkbenchChoice] = field(default_factory=list)
    served: list[tuple[str, int]] = field(default_factory=list)
    made: list[bool] = field(default_factory=list)

    def open_workbench(self, choice: WorkbenchChoice) -> FakeWorkbench:
        self._fail()
        self.choices.append(choice)
        return self.workbench

    def open_locker(self, *, index_map: Mapping[str, str]) -> FakeLocker:
        self._fail()
        self.mirrors.append(index_map)
        return self.locker

    def run_service(self, *, host: str, port: int) -> None:
        self._fail()
        self.served.append((host, port))

    def open_records(self) -> FakeRecords:
        self._fail()
        return self.records

    def open_deliveries(self, *, make: bool = False) -> FakeDeliveries:
        self._fail()
        self.made.append(make)
        return self.deliveries

    def rehearse(self, event: str, body: bytes) -> Rehearsal:
        self._fail()
        return self.deliveries.rehearse(event, body, again=False)

    def open_tokens(self, *, make: bool = False) -> object:
        self._fail()
        self.made.append(make)
        return self.tokens

    def preview_app(self, request: AppRequest) -> Mapping[str, object]:
        self._fail()
        self.apps.append(request)
        return {"name": request.name}

    def create_app(self, request: AppRequest, *, say: Callable[[str], None]) -> CreatedApp:
        self._fail()
        self.apps.append(request)
        say("Open http://127.0.0.1:1/ in a browser on this machine.")
        page = "https://github.com/apps/hublish"
        return CreatedApp(id=7, slug="hublish", page=page, private_key="KEY", webhook_secret="SECRET")

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error
