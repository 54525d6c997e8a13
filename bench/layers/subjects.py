"""What is compared: hublish, and the ordinary ways with pipenv, with uv, and with uv and a remote cache.

A subject turns a notebook into the commands that build and push its image, and can forget all it has on this machine.
What each Dockerfile does is in dockerfiles/; README.md says why.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Protocol

from bench.layers.buildah import Buildah
from bench.layers.meter import Command, CommandFailed, read_tail, run_quietly
from bench.layers.notebook import PLACEHOLDER, Notebook
from bench.layers.stage import DOCKERFILES, Stage
from bench.layers.tools import PIPENV, ensure_buildkit, ensure_compiled_program, ensure_uv

HUBLISH = Path(sys.executable).with_name("hublish")
DAEMONLESS = Path(__file__).parent / "daemonless.sh"
START_SECONDS = 30
STOP_SECONDS = 30


class Subject(Protocol):
    """One way to build images, with local state of its own."""

    def make_commands(self, notebook: Notebook, folder: Path, image: str) -> list[Command]:
        """Write into `folder` what the tool reads; returns what builds it and pushes `image`. Nothing is measured."""

    def forget(self) -> None:
        """Empty the disk: stores and caches on this machine, never those in the registry."""

    def daemons(self) -> Sequence[int]:
        """Processes that work for its commands and run on between them."""

    def close(self) -> None:
        """Stop what runs and remove what is stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hublish:
    """`hublish build --push`, as a user types it; byte-code is on by default."""

    stage: Stage
    state: Path

    def make_commands(self, notebook: Notebook, folder: Path, image: str) -> list[Command]:
        """One command; see Subject."""
        # Each time: a checkout may change while its builds are measured.
        ensure_compiled_program()
        notebook.write_source(folder)
        notebook.write_lock(folder)
        words = [str(HUBLISH), "build", str(folder), "--base", self.stage.base, "--push", image]
        words += ["--plain-http", self.stage.host, "--cache", str(self.state / "cache")]
        words += ["--index-map", f"{PLACEHOLDER}={self.stage.index.url}"]
        options = list_hublish_options()
        if "--cache-key" in options:
            words += ["--cache-key", str(self.state / "cache-key.pem")]
        if "--cache-from" in options and notebook.name != Notebook().name:
            words += ["--cache-from", f"{self.stage.host}/{Notebook().name}"]
        return [Command(words=words, environment=self.stage.environment)]

    def forget(self) -> None:
        """Remove the cache; the key that signs the registry's cache is the operator's and stays."""
        shutil.rmtree(self.state / "cache", ignore_errors=True)

    def daemons(self) -> Sequence[int]:
        """None."""
        return ()

    def close(self) -> None:
        """Remove the state."""
        shutil.rmtree(self.state, ignore_errors=True)


@cache
def list_hublish_options() -> str:
    """The text of `hublish build --help`: which options this version has."""
    return run_quietly([str(HUBLISH), "build", "--help"])


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildahSubject:
    """`buildah bud` and `buildah push`, with one of the Dockerfiles `pipenv` and `uv`."""

    stage: Stage
    state: Path
    dockerfile: str

    def make_commands(self, notebook: Notebook, folder: Path, image: str) -> list[Command]:
        """Two commands; see Subject."""
        write_context(notebook, folder, index_url=self.stage.index.url)
        buildah = self._buildah()
        arguments = ["--build-arg", f"BASE={self.stage.base}", "--secret", f"id=ca,src={self.stage.index.ca_file}"]
        if self.dockerfile == "pipenv":
            arguments += ["--build-arg", f"PIPENV={PIPENV}"]
        else:
            arguments += ["--build-context", f"tools={ensure_uv().parent}"]
        build = buildah.bud(DOCKERFILES / f"{self.dockerfile}.Dockerfile", folder, image, arguments)
        push = [*buildah.words, "push", "--quiet", "--tls-verify=false", image, f"docker://{image}"]
        environment = {**buildah.environment(), **self.stage.environment}
        return [Command(words=words, environment=environment) for words in (build, push)]

    def forget(self) -> None:
        """Remove the store, and with it the cache mounts."""
        self._buildah().remove()

    def daemons(self) -> Sequence[int]:
        """None."""
        return ()

    def close(self) -> None:
        """Remove the store."""
        self.forget()

    def _buildah(self) -> Buildah:
        return Buildah(self.state)


@dataclass(slots=True, kw_only=True)
class BuildKitSubject:
    """BuildKit with its own OCI worker, as root, and its registry cache in mode `max`.

    The daemon runs before a build begins; its time and memory count. On an emptied disk nothing runs yet: there the
    build starts the daemon itself, as hublish's interpreter is started.
    """

    stage: Stage
    state: Path
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    emptied: bool = field(default=False, init=False)

    def make_commands(self, notebook: Notebook, folder: Path, image: str) -> list[Command]:
        """One command; see Subject."""
        write_context(notebook, folder, index_url=self.stage.index.url)
        words = ["build", "--progress", "plain"]
        words += ["--frontend", "dockerfile.v0", "--opt", "filename=uv-cache.Dockerfile"]
        words += ["--opt", f"build-arg:BASE={self.stage.base}", "--opt", f"build-arg:UV={self.stage.uv}"]
        for name in ("HTTPS_PROXY", "NO_PROXY"):
            # Predefined arguments: they reach RUN, and neither the image nor the cache's keys.
            words += ["--opt", f"build-arg:{name}={self.stage.environment[name]}"]
        for name, path in (("context", folder), ("dockerfile", DOCKERFILES)):
            words += ["--local", f"{name}={path}"]
        words += ["--secret", f"id=ca,src={self.stage.index.ca_file}"]
        words += ["--output", f"type=image,name={image},push=true,oci-mediatypes=true"]
        caches = [f"{self.stage.host}/{name}:cache" for name in dict.fromkeys((notebook.name, Notebook().name))]
        words += ["--export-cache", f"type=registry,ref={caches[0]},mode=max,image-manifest=true,oci-mediatypes=true"]
        for reference in caches:
            words += ["--import-cache", f"type=registry,ref={reference}"]
        programs = [str(ensure_buildkit() / name) for name in ("buildkitd", "buildctl")]
        self._write_settings()
        if self.emptied:
            return [Command(words=["sh", str(DAEMONLESS), *programs, str(self._settings()), self._address(), *words])]
        self._start(programs)
        return [Command(words=[programs[1], "--addr", self._address(), *words])]

    def forget(self) -> None:
        """Stop the daemon and remove what it stored."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None
        Buildah(self.state).remove()
        self.emptied = True

    def daemons(self) -> Sequence[int]:
        """buildkitd."""
        return () if self.process is None else (self.process.pid,)

    def close(self) -> None:
        """Stop and remove."""
        self.forget()

    def _address(self) -> str:
        return f"unix://{self.state}/buildkitd.sock"

    def _settings(self) -> Path:
        return self.state / "buildkitd.toml"

    def _write_settings(self) -> None:
        self.state.mkdir(parents=True, exist_ok=True)
        text = f'root = "{self.state}/root"\n[grpc]\naddress = ["{self._address()}"]\n'
        text += f'[registry."{self.stage.host}"]\nhttp = true\n'
        text += '[worker.oci]\nenabled = true\nbinary = "runc"\nsnapshotter = "overlayfs"\nnetworkMode = "host"\n'
        text += "gc = false\n[worker.containerd]\nenabled = false\n"
        self._settings().write_text(text)

    def _start(self, programs: Sequence[str]) -> None:
        if self.process is not None:
            return
        words = [programs[0], "--config", str(self._settings())]
        with (self.state / "buildkitd.log").open("wb") as log:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while not (self.state / "buildkitd.sock").exists():
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise CommandFailed(f"buildkitd did not start:\n{read_tail(self.state / 'buildkitd.log')}")
            time.sleep(0.05)
        # The socket stands before the workers do.
        run_quietly([programs[1], "--addr", self._address(), "debug", "workers"])


def write_context(notebook: Notebook, folder: Path, *, index_url: str) -> None:
    """Write the build context of the Dockerfiles: the lock in both forms, and the team's files in `source`."""
    notebook.write_source(folder / "source")
    notebook.write_lock(folder, index_url=index_url)
    notebook.write_requirements(folder, index_url=index_url)


def make_subject(name: str, *, stage: Stage, state: Path) -> Subject:
    """Make the subject of a name."""
    if name == "hublish":
        return Hublish(stage=stage, state=state)
    if name == "uv-cache":
        return BuildKitSubject(stage=stage, state=state)
    return BuildahSubject(stage=stage, state=state, dockerfile=name)
