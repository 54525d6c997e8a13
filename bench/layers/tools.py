"""The peers' own tools: pinned, from package registries only, kept outside the repository between runs; and our own.

It decides versions and where they lie; Debian's part (buildah, runc, the registry) is tests/sandbox/install-system.sh.
"""

from __future__ import annotations

import compileall
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

CACHE = Path(os.environ.get("HUBLISH_BENCH_CACHE") or Path.home() / ".cache" / "hublish-bench")
UV = "0.13.9"
PIPENV = "2026.10.3"
PIP = "26.3"
BUILDKIT = "v0.26.2"
BUILDKIT_MODULE = "github.com/moby/buildkit"
# What BuildKit's go.mod asks for at least; an older Go fetches this one from the module proxy.
GO = (1, 24)
GO_TOOLCHAIN = "v0.0.1-go1.25.4.linux"
GO_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
INSTALL_SECONDS = 1800


class ToolMissing(RuntimeError):
    """A peer's tool cannot be had here; the message says why."""


def ensure_compiled_program() -> None:
    """Compile hublish's own modules, as pip does for whoever installs it; from a checkout each start would do so anew.

    Raises:
        ToolMissing: a module cannot be compiled.
    """
    found = importlib.util.find_spec("hublish")
    for folder in () if found is None else found.submodule_search_locations or ():
        if not compileall.compile_dir(folder, quiet=2):
            raise ToolMissing(f"the modules in {folder} cannot be compiled")


def ensure_uv() -> Path:
    """The uv binary, in a folder of its own that can be mounted into a build; installed when missing."""
    folder = CACHE / f"uv-{UV}" / "bin"
    if not (folder / "uv").is_file():
        environment = _make_environment(f"uv=={UV}")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy2(environment / "bin" / "uv", folder / "uv")
    return folder / "uv"


def ensure_pipenv() -> Path:
    """The pipenv command, for making locks; builds install their own."""
    return _make_environment(f"pipenv=={PIPENV}") / "bin" / "pipenv"


def ensure_pip_wheel() -> Path:
    """The wheel of pip that the base image gets, because the ordinary ways need one there."""
    folder = CACHE / "pip"
    wheel = folder / f"pip-{PIP}-py3-none-any.whl"
    if not wheel.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        _run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), f"pip=={PIP}"])
    return wheel


def ensure_buildkit() -> Path:
    """The folder with buildkitd and buildctl, built from BuildKit's Go module when missing (3 to 6 minutes).

    Raises:
        ToolMissing: there is no Go, or the build failed.
    """
    folder = CACHE / f"buildkit-{BUILDKIT}"
    binaries = folder / "bin"
    if not (binaries / "buildctl").is_file():
        module = folder / "module"
        shutil.rmtree(module, ignore_errors=True)
        module.mkdir(parents=True)
        # The commands are built inside a module of ours: `go install` refuses modules with replacements in go.mod.
        (module / "go.mod").write_text("module bench.example/buildkit\n\ngo 1.24\n")
        imports = "".join(f'import _ "{BUILDKIT_MODULE}/cmd/{name}"\n' for name in ("buildctl", "buildkitd"))
        (module / "tools.go").write_text(f"//go:build tools\n\npackage tools\n\n{imports}")
        go = _find_go()
        _run([go, "get", f"{BUILDKIT_MODULE}@{BUILDKIT}"], folder=module)
        _run([go, "mod", "tidy", "-e"], folder=module)
        commands = [f"{BUILDKIT_MODULE}/cmd/{name}" for name in ("buildkitd", "buildctl")]
        _run(["nice", go, "build", "-o", f"{binaries}/", *commands], folder=module, CGO_ENABLED="0")
        shutil.rmtree(module)
    return binaries


def _find_go() -> str:
    """A Go that is new enough; Debian's old one, installed when there is none, fetches a newer one as a module."""
    if shutil.which("go") is None:
        if shutil.which("apt-get") is None:
            raise ToolMissing("BuildKit is built from its Go module: install Go")
        _run(["apt-get", "install", "--yes", "--no-install-recommends", "golang-go"], DEBIAN_FRONTEND="noninteractive")
    version = re.search(r"go(\d+)\.(\d+)", _run(["go", "version"]))
    if version is not None and (int(version[1]), int(version[2])) >= GO:
        return "go"
    toolchain = f"golang.org/toolchain@{GO_TOOLCHAIN}-{GO_MACHINES[platform.machine()]}"
    root = Path(json.loads(_run(["go", "mod", "download", "-json", toolchain], folder=CACHE))["Dir"])
    # Modules are unpacked without permission to execute.
    for program in (*(root / "bin").iterdir(), *(root / "pkg" / "tool").rglob("*")):
        if program.is_file():
            program.chmod(0o755)
    return str(root / "bin" / "go")


def _make_environment(requirement: str) -> Path:
    """A virtual environment with one tool in it, made when missing."""
    folder = CACHE / "environments" / requirement.replace("==", "-")
    if not (folder / ".installed").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(folder)])
        _run([str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", requirement])
        (folder / ".installed").touch()
    return folder


def _run(command: list[str], *, folder: Path | None = None, **environment: str) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise ToolMissing(f"{' '.join(command[:4])} failed; it ends: {done.stderr[-1500:]}")
    return done.stdout
