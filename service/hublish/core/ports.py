"""The ports: what the inside asks of the outside, each narrow enough to fake in a test.

A port is declared by its consumer and has at most six methods. Every method may raise `hublish.errors.HublishError`
only; `transient` on it says whether a retry may help. All calls block: workflows run them in threads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

from hublish.core.building import BuildRequest, EngineStatus, Progress
from hublish.core.locks.lock import IndexSource
from hublish.core.plan import Plan, Strategy
from hublish.core.reference import Reference
from hublish.core.repository import Repository, ResolvedRef
from hublish.core.source import SourceTree

# -- images -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A manifest or index as stored: the exact bytes, their media type and their digest ("sha256:...")."""

    body: bytes
    media_type: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobPush:
    """How a blob got to where it is: `transfer` is "present", "mounted", "uploaded", "written" (no registry) or "dropped" (nowhere).

    `uploaded_bytes` are those that were sent for it.
    """

    transfer: str
    uploaded_bytes: int


class ImageReader(Protocol):
    """Where images are read from: a registry, or an OCI layout on disk."""

    def fetch_manifest(self, reference: Reference) -> Manifest | None:
        """The manifest under the reference's digest, else its tag; None when there is none. Digest verified."""

    def open_blob(self, reference: Reference, digest: str) -> AbstractContextManager[BinaryIO]:
        """Open a blob of the reference's repository as stored (compressed); reading verifies the digest at the end."""


class ImageWriter(Protocol):
    """Where images are written to. Both calls are idempotent and verify what the other side holds."""

    def ensure_blob(
        self,
        reference: Reference,
        *,
        digest: str,
        size_bytes: int,
        open_body: Callable[[], BinaryIO],
        mount_from: tuple[Reference, ...] = (),
        progress: Callable[[int], None] | None = None,
    ) -> BlobPush:
        """Make sure the repository holds the blob.

        HEAD first, then a mount from each of `mount_from` on the same registry, then a resumable upload of
        `open_body()` (called anew for each try). `progress` is given the bytes sent since its last call.
        """

    def ensure_manifest(self, reference: Reference, *, body: bytes, media_type: str) -> str:
        """Store a manifest under the reference's tag (or digest) and return the digest the other side reports."""


# -- packages ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexFile:
    """One file an index offers.

    Attributes:
        filename: e.g. "numpy-2.1.0-cp311-...whl".
        url: absolute, without credentials.
        sha256: lower-case hex, or None when the index gives none.
        size_bytes: or None.
        yanked: reason ("" when none given), or None when not yanked.
        requires_python: specifier text, or None.
        has_metadata: the index offers the wheel's METADATA by itself.
        metadata_sha256: of that METADATA, lower-case hex, or None when the index gives none.
    """

    filename: str
    url: str
    sha256: str | None
    size_bytes: int | None
    yanked: str | None = None
    requires_python: str | None = None
    has_metadata: bool = False
    metadata_sha256: str | None = None


class PackageIndex(Protocol):
    """Package indexes by the operator's map."""

    def list_files(
        self, source: IndexSource, name: str, *, hashes: AbstractSet[str] | None = None
    ) -> tuple[IndexFile, ...]:
        """All files of a package, in the index's order; empty when the index does not know the name.

        With `hashes`, only files with one of these, sha256 in lower-case hex: projects have thousands of files, and a lock
        wants a few.
        """

    def fetch_file(self, source: IndexSource, file: IndexFile, progress: Callable[[int], None] | None = None) -> Path:
        """Fetch a file into the cache, verified against `file.sha256`; returns its path, named `file.filename`."""

    def find_file(self, file: IndexFile) -> Path | None:
        """A file that was fetched before, by name, hash and size; None when it is not in the cache. Asks nobody."""

    def fetch_metadata(self, source: IndexSource, file: IndexFile) -> bytes | None:
        """The METADATA of a wheel that was not fetched; None when the index has none to give.

        It is the index's word, verified against `file.metadata_sha256` where that is given, not the lock's: what is
        decided by it must hold for the METADATA inside the wheel too.
        """


# -- sources ----------------------------------------------------------------------------------------------------------


class Source(Protocol):
    """An opened source tree: the value, and its bytes."""

    @property
    def tree(self) -> SourceTree:
        """What is in it."""

    def open(self, path: str) -> BinaryIO:
        """Open a REGULAR or EXECUTABLE file of the tree."""


class CommitFetcher(Protocol):
    """Brings the tree of a commit of some other git repository here, as far as that may be asked."""

    def fetch_commit(self, url: str, commit: str) -> Source:
        """The tree of a whole commit id at an URL (https or ssh).

        Raises NotAllowed: the place may not be asked. SourceMissing, SourceInvalid, GitHubFailed: it has no such commit.
        """


class SourceFetcher(Protocol):
    """Brings the tree of a commit here, once per commit."""

    def fetch_source(self, repository: Repository, ref: ResolvedRef) -> Source:
        """The tree at `ref.sha`, from the cache if it is there. Raises SourceInvalid, SourceMissing, GitHubFailed."""


# -- commands in containers -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerTask:
    """A script to be run in an image: as root, with no secret, limited in memory and processes.

    Attributes:
        title: for people, what it is to make, e.g. "the wheel of docopt 0.6.2".
        base: the image, pinned by digest.
        platform: `os/architecture` of the image.
        script: for the image's /bin/sh, started in /hublish; what it leaves in /hublish/out is the result.
        files: name -> file of this machine that stands in /hublish/files; names have no slash.
        network: whether it may reach what the engine's builds may reach; False is no network at all.
        seconds: longest run.
        size_bytes: most bytes of a result.
        hint: what to do where the script fails.
    """

    title: str
    base: Reference
    platform: str
    script: str
    files: Mapping[str, Path] = field(repr=False)
    network: bool
    seconds: float
    size_bytes: int
    hint: str = ""


class ContainerRunner(Protocol):
    """Runs what nobody vouches for in a container that is thrown away."""

    def can_run(self) -> bool:
        """Tell whether there is an engine to run tasks here."""

    def run_task(
        self, task: ContainerTask, output: Path, *, log: Callable[[str], None], verify_running: Callable[[], None]
    ) -> tuple[Path, ...]:
        """Run a script and copy the regular files it leaves into the folder `output`, by name; returns their paths.

        Each line it prints is told to `log`. `verify_running` raises when it is to stop; nothing of it is left then.
        Raises BuildFailed: it failed, ran over a limit, or left something else than plain files.
        """


class SystemBases(Protocol):
    """Bases with packages of their system's own package manager on top."""

    def can_build(self) -> bool:
        """Tell whether there is an engine to build them here."""

    def ensure_base(self, base: Reference, packages: tuple[str, ...], *, platform: str, user: str) -> Reference:
        """Install Debian packages into a base, unless that was done before; returns the result, pinned by digest.

        `base` is pinned by digest, `user` is that of its config, which the result keeps. Raises BuildFailed: a package
        cannot be installed. BuildCancelled, EngineFailed, RegistryFailed.
        """


class SystemBaseBuilder(Protocol):
    """Makes a base with packages by a container engine, and pushes it."""

    def verify_open(self) -> None:
        """Raise EngineFailed, transient, once the service stops."""

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
        """Install packages into a base, put the result under `target`; returns its digest.

        `name` is that of the build in the engine: what an earlier one of that name left is adopted. `verify_running` is asked
        about every second, and what it raises ends the build and is raised. Raises BuildFailed: a package cannot be
        installed, or it took too long. EngineFailed, RegistryFailed.
        """


# -- engines ----------------------------------------------------------------------------------------------------------


class BuildLog(Protocol):
    """An append-only log of one build; every line is stored with an id before the call returns."""

    def append(self, line: str) -> None:
        """Store one line (without its end); control characters are removed, secrets masked, long lines cut."""


class Engine(Protocol):
    """Executes builds by name. A name that is known is adopted, never started twice."""

    @property
    def strategies(self) -> frozenset[Strategy]:
        """What this engine can execute here and now."""

    def verify_plan(self, plan: Plan) -> None:
        """Raise StrategyUnavailable when no build of the plan can be executed here, whoever asks; nothing is asked."""

    def start(self, request: BuildRequest, log: BuildLog) -> None:
        """Start the build, or adopt the one of that name; returns at once."""

    def status(self, name: str) -> EngineStatus | None:
        """What is known of a run; None when the engine never heard of it (a restart may cause that)."""

    def cancel(self, name: str) -> None:
        """Ask a run to stop; its status ends as cancelled. No effect on an ended run.

        Where a run outlives the process, one that is not adopted is stopped too; it has no status then.
        """

    def close(self) -> None:
        """Stop taking builds and let running ones go (they are adopted at the next start)."""


ProgressSink = Callable[[Progress], None]
