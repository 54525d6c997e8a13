"""What an engine is asked and what it answers: requests, progress, outcomes. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from hublish.core.plan import Plan
from hublish.core.reference import Reference
from hublish.core.repository import Repository, ResolvedRef


class Step(Enum):
    """The steps of a build, in order; log lines and progress name one of them.

    Only container builds have BUILD, only layered ones PACKAGES, only archives and engines OUTPUT.
    """

    FETCH = "fetch"
    BASE = "base"
    BUILD = "build"
    PACKAGES = "packages"
    LAYERS = "layers"
    PUSH = "push"
    OUTPUT = "output"


@dataclass(frozen=True, slots=True, kw_only=True)
class PodScript:
    """A script for the base of a plan, as `hublish.core.ports.ContainerTask` has it; its files are in a registry.

    Attributes:
        title: for people, what it is to make.
        text: for /bin/sh.
        files: where its files stand, pinned by digest.
        network: whether it may reach what builds in pods reach.
        hint: what to do where it fails.
        size_bytes: most bytes of what it leaves; None: the plan's limit, which counts the base too.
    """

    title: str
    text: str
    files: Reference
    network: bool
    hint: str = ""
    size_bytes: int | None = None

    def find_limit(self, plan: Plan) -> int:
        """Most bytes of what it leaves."""
        return plan.size_bytes if self.size_bytes is None else self.size_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PodPart:
    """What a pod makes beside the images of commits: it knows no source tree.

    Attributes:
        build: name of the build that needs it, which it ends with; "" for none.
        script: makes files of the plan's base; None: the plan's Dockerfile makes an image.
    """

    build: str = ""
    script: PodScript | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedWheel:
    """A wheel that was built for a package and stands in a registry, as a blob of the image's own repository.

    Attributes:
        key: what is known of it is kept under this.
        filename: as installers want it.
        sha256: of the file, lower-case hex.
        size_bytes: of the file.
    """

    key: str
    filename: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRequest:
    """One build to execute.

    Attributes:
        name: stable name of the engine's run, derived from build key and attempt; a second start with it adopts.
        plan: what to build.
        repository: where the source comes from; None on the command line.
        ref: which commit of it; None on the command line.
        target: where to push, with the tag `build-<key>`; None for nowhere: the build is tried, and no login that pushes is used.
        siblings: other repositories of the same owner, whose layers may be mounted; all of them for an image that goes nowhere.
        part: None for the image of a commit.
        wheels: those of packages that have none; given to pods, which build none themselves.
    """

    name: str
    plan: Plan
    repository: Repository | None
    ref: ResolvedRef | None
    target: Reference | None
    siblings: tuple[Reference, ...] = ()
    part: PodPart | None = None
    wheels: tuple[HandedWheel, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a build is.

    Attributes:
        step: the step at work.
        done: units done in this step (bytes in PUSH and OUTPUT, instructions in BUILD, packages or layers elsewhere).
        total: units in all; None when unknown.
        label: what is at work, e.g. a layer's short title; "" when nothing in particular.
    """

    step: Step
    done: int
    total: int | None
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSummary:
    """One layer of a built image, for people.

    Attributes:
        title: e.g. "numpy 2.1.0" or "32 small packages".
        digest: of the compressed blob.
        size_bytes: compressed size.
        transfer: "uploaded", "mounted" or "present"; where no registry is asked "written", "present" or, nowhere, "dropped".
    """

    title: str
    digest: str
    size_bytes: int
    transfer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledWheel:
    """A file that was installed: of which package and version, its name, its sha256 in lower-case hex."""

    name: str
    version: str
    filename: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSucceeded:
    """An image stands in the registry (or in the layout that was asked for).

    Attributes:
        digest: of the manifest, as the registry gave it back.
        size_bytes: compressed size of all layers and the config.
        layers: in order, base layers first.
        uploaded_bytes: body bytes sent to the registry.
        packages: what was installed, `(name, version)` sorted by name.
        step_seconds: wall time by step, in order.
        wheels: the files that were installed, sorted by package.
    """

    digest: str
    size_bytes: int
    layers: tuple[LayerSummary, ...]
    uploaded_bytes: int
    packages: tuple[tuple[str, str], ...]
    step_seconds: tuple[tuple[str, float], ...] = ()
    wheels: tuple[InstalledWheel, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildStopped:
    """A build ended without an image.

    Attributes:
        code: CamelCase cause, an error's code.
        message: the first error, clipped and redacted.
        hint: what to do.
        step: where it stopped.
        cancelled: True when a person or a limit stopped it.
        transient: True when the same build may succeed later.
        last_lines: tail of the log.
        label: what was at work in that step, as Progress has it; "" when that is not known.
    """

    code: str
    message: str
    hint: str
    step: Step
    cancelled: bool = False
    transient: bool = False
    last_lines: tuple[str, ...] = ()
    label: str = ""


BuildOutcome = BuildSucceeded | BuildStopped


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineStatus:
    """What an engine knows of a run: its progress, and its outcome once it ended."""

    progress: Progress | None
    outcome: BuildOutcome | None
