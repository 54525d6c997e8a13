"""The buildah program as a backend of container builds: its store, its arguments, its words.

Only bases that hublish brought are in the store, and `--pull=never` asks nobody; so no build ever meets a credential. With
chroot isolation a build is kept from the service's processes and network, not from a fault of the kernel: whose builds
may run so is decided by the engine that uses this.

Source: buildah-build(1), containers-storage.conf(5), for buildah 1.28.
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hublish.builders.baseimage.local import LOCAL_HOST, LocalBase, copy_base
from hublish.builders.containers.buildcontext import write_context
from hublish.builders.containers.containerrun import ContainerJob
from hublish.builders.disk import write_file
from hublish.core.container import ContainerPlan
from hublish.core.ports import ImageReader, ImageWriter, ProgressSink
from hublish.core.reference import Reference
from hublish.engines.buildah.confinement import Confinement, RunProgram, run_confined
from hublish.engines.buildah.network import DNS_ADDRESS, NetworkMode
from hublish.engines.buildah.watch import BuildWatch
from hublish.engines.controlgroup import Limits
from hublish.errors import EngineFailed, clip

_CALL_SECONDS = 600
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NO_POLICY = b'{"default":[{"type":"insecureAcceptAnything"}]}'
_CACHE = "cache"
KEPT_IMAGES = 40
"""Images that are kept for their layers, the newest; each costs what it adds to its base."""
_DRIVERS = ("overlay", "vfs")
# What a step needs to install packages and become another user; chroot(2) would lead out of a chroot.
_DROPPED = ("CAP_SYS_CHROOT", "CAP_MKNOD", "CAP_NET_RAW", "CAP_AUDIT_WRITE")


def find_buildah() -> str | None:
    """Path of the program, if it is installed."""
    return shutil.which("buildah")


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildahChoices:
    """What the operator or the user chose.

    Attributes:
        folder: the store and its configuration; one service's own.
        limits: of one build.
        network: what builds may reach.
        reachable: private networks that they may reach all the same.
        program: path of buildah.
        run: runs builds; what it keeps them in is its own matter.
    """

    folder: Path
    limits: Limits
    network: NetworkMode
    reachable: tuple[str, ...] = ()
    program: str = "buildah"
    run: RunProgram = run_confined


class BuildahBackend:
    """Builds by buildah in a store of its own; `hublish.builders.containers.containerrun.ContainerBackend`.

    Args:
        choices: store, limits, network.
        make_layout: opens a folder as an OCI layout to write to.
    """

    def __init__(self, choices: BuildahChoices, *, make_layout: Callable[[Path], ImageWriter]) -> None:
        self._choices = choices
        self._make_layout = make_layout
        self._driver: str | None = None

    # -- the store ----------------------------------------------------------------------------------------------------

    def find_driver(self) -> str:
        """How the store keeps layers: overlay where the kernel lets it, else whole copies; found once.

        Raises:
            EngineFailed: buildah does not run here.
        """
        if self._driver is None:
            self._prepare()
            noted = self._choices.folder / "driver"
            self._driver = noted.read_text().strip() if noted.exists() else ""
            if self._driver not in _DRIVERS:
                self._driver = self._try_drivers()
                write_file(noted, self._driver.encode())
        return self._driver

    def describe(self) -> str:
        """Say what answers: version, store, network; raises EngineFailed when it does not work here."""
        driver = self.find_driver()
        version = self._run_tool(driver, "--version").stdout.split("(")[0].strip()
        return f"{clip(version)}, store {driver}, network {self._choices.network.value}"

    def _prepare(self) -> None:
        folder = self._choices.folder
        (folder / "tmp").mkdir(parents=True, exist_ok=True, mode=0o700)
        for name, body in {
            "policy.json": _NO_POLICY,
            "registries.conf": b"unqualified-search-registries = []\n",
            "containers.conf": b"",
            "storage.conf": b'[storage]\ndriver = "vfs"\n',
            "auth.json": b"{}",
            "ignore": b"",
        }.items():
            if not (folder / name).exists():
                write_file(folder / name, body)

    def _try_drivers(self) -> str:
        words = ""
        for driver in _DRIVERS:
            done = self._run_tool(driver, "images", "--quiet")
            if done.returncode == 0:
                return driver
            words = done.stderr
        raise EngineFailed(f"buildah does not work here: {clip(words)}", hint="`hublish doctor` says what is missing.")

    def verify_container(self, container: ContainerPlan) -> None:
        """Nothing is refused: what it does not know, it says when it reads it."""

    def ensure_base(
        self, base: LocalBase, *, images: ImageReader, progress: ProgressSink, verify_running: Callable[[], None]
    ) -> None:
        """Bring a base into the store, unless it is there."""
        if self.has_image(base.local):
            return
        # buildah names what it pulls by its path, which must then be a name: relative, and of few characters.
        name = f"base-{base.local.tag}"
        place = self._choices.folder / "tmp" / name
        with self._lock(f"{name}.lock"):
            if self.has_image(base.local):
                return
            shutil.rmtree(place, ignore_errors=True)
            try:
                copy_base(
                    base,
                    images=images,
                    output=self._make_layout(place),
                    progress=progress,
                    verify_running=verify_running,
                )
                self._call("pull", "--quiet", self._policy(), f"oci:{name}", folder=place.parent)
                self._call("tag", f"localhost/{name}", str(base.local))
                self._call("rmi", f"localhost/{name}")  # one name of two: the image stays
            finally:
                shutil.rmtree(place, ignore_errors=True)

    def has_image(self, image: Reference) -> bool:
        """Whether the store has an image of that name."""
        return self._run_tool(self.find_driver(), "inspect", "--type", "image", str(image)).returncode == 0

    def export(self, image: Reference, archive: Path, *, verify_running: Callable[[], None]) -> None:
        """Write an image as an archive in Docker's format."""
        verify_running()
        self._call("push", "--quiet", self._policy(), str(image), f"docker-archive:{archive}:{image}")
        verify_running()

    def forget(self, image: Reference) -> None:
        """Take an image's name; its layers stay for later builds, the oldest make room."""
        driver = self.find_driver()
        cached = Reference(registry=LOCAL_HOST, repository=_CACHE, tag=image.tag)
        self._run_tool(driver, "tag", str(image), str(cached))
        self._run_tool(driver, "rmi", str(image))
        listed = self._run_tool(driver, "images", "--format", "{{.CreatedAtRaw}}\t{{.Tag}}", cached.name).stdout
        tags = [line.partition("\t")[2] for line in sorted(listed.splitlines(), reverse=True)]
        for tag in tags[KEPT_IMAGES:]:
            self._run_tool(driver, "rmi", str(cached.with_tag(tag)))

    # -- building -----------------------------------------------------------------------------------------------------

    def build(self, job: ContainerJob) -> None:
        """Build.

        Raises:
            BuildFailed: a step failed, or ran over a limit.
            BuildCancelled: it was to stop; nothing of it is left.
        """
        with self._share_store():
            context = job.folder / "context"
            write_context(job.build, job.source, context, verify_running=job.verify_running)
            (job.folder / "Dockerfile").write_text(job.dockerfile_text)
            for number, body in enumerate(job.secrets.values()):
                (job.folder / f"secret-{number}").touch(mode=0o600)
                (job.folder / f"secret-{number}").write_bytes(body)
            watch = BuildWatch(job=job)
            ended = self._choices.run(
                self._make_command(job, context),
                Confinement(
                    name=(job.image.tag or "build"),
                    limits=self._choices.limits,
                    network=self._choices.network if job.network else NetworkMode.NONE,
                    reachable=self._choices.reachable,
                    environment=self._make_environment(),
                    folder=job.folder,
                ),
                log=watch.read,
                verify_running=job.verify_running,
            )
            if ended.status != 0:
                raise watch.make_error(ended, self._choices.limits)

    def _make_command(self, job: ContainerJob, context: Path) -> tuple[str, ...]:
        build = job.build
        options = ["--isolation=chroot", "--runtime=runc", "--layers", "--pull=never", "--format=oci", "--force-rm"]
        options += [f"--cap-drop={name}" for name in _DROPPED]
        options += ["--http-proxy=false", f"--platform={build.platform}", self._policy()]
        options += [f"--ignorefile={self._choices.folder / 'ignore'}", f"--tag={job.image}"]
        options += [f"--build-arg={name}={value}" for name, value in build.args]
        options += [f"--secret=id={name},src={job.folder}/secret-{number}" for number, name in enumerate(job.secrets)]
        if build.target is not None:
            options.append(f"--target={build.target}")
        if self._choices.network is NetworkMode.ISOLATED and job.network:
            options.append(f"--dns={DNS_ADDRESS}")
        return (*self._begin(self.find_driver()), "bud", *options, f"--file={job.folder / 'Dockerfile'}", str(context))

    # -- parts --------------------------------------------------------------------------------------------------------

    def _begin(self, driver: str) -> tuple[str, ...]:
        store = self._choices.folder / f"store-{driver}"
        return (
            self._choices.program,
            f"--root={store}",
            f"--runroot={self._choices.folder / 'run'}",
            f"--storage-driver={driver}",
        )

    def _policy(self) -> str:
        return f"--signature-policy={self._choices.folder / 'policy.json'}"

    def _make_environment(self) -> dict[str, str]:
        """Nothing of the service's own environment, and none of the host's files on containers."""
        folder = self._choices.folder
        return {
            "PATH": _PATH,
            "HOME": str(folder),
            "TMPDIR": str(folder / "tmp"),
            "LC_ALL": "C.UTF-8",
            "XDG_RUNTIME_DIR": str(folder / "run"),
            "CONTAINERS_CONF": str(folder / "containers.conf"),
            "CONTAINERS_REGISTRIES_CONF": str(folder / "registries.conf"),
            "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
            "REGISTRY_AUTH_FILE": str(folder / "auth.json"),
        }

    def _call(self, *arguments: str, folder: Path | None = None) -> None:
        done = self._run_tool(self.find_driver(), *arguments, folder=folder)
        if done.returncode != 0:
            raise EngineFailed(f"buildah {arguments[0]} failed: {clip(done.stderr)}")

    def _run_tool(self, driver: str, *arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
        command: Sequence[str] = (*self._begin(driver), *arguments)
        try:
            return subprocess.run(  # noqa: S603 -- the operator's program; no shell reads its arguments
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                env=self._make_environment(),
                cwd=folder,
                timeout=_CALL_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as exc:
            raise EngineFailed(
                f"buildah cannot be run: {clip(str(exc))}", hint="Install Debian's package buildah."
            ) from exc

    @contextmanager
    def _share_store(self) -> Iterator[None]:
        """Hold the store for one build; whoever finds nobody else at work removes what killed builds left."""
        self.find_driver()
        with (self._choices.folder / "store.lock").open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._run_tool(self.find_driver(), "rm", "--all")
            except BlockingIOError:
                pass
            fcntl.flock(file, fcntl.LOCK_SH)
            yield

    @contextmanager
    def _lock(self, name: str) -> Iterator[None]:
        with (self._choices.folder / "tmp" / name).open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
