"""Kubernetes and Tekton from their published Go modules: built once, at exact versions, kept outside the checkout.

Each go.mod beside this file names one version and its commands as tools; go.sum has the checksums of all sources.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.places import find_cache_folder

BUILD_SECONDS = 1800
GO_VERSION = (1, 24)
_HERE = Path(__file__).parent


class BinariesMissing(RuntimeError):
    """Go is not there or too old, or a build failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """What one go.mod builds.

    Attributes:
        name: folder beside this file that holds go.mod and go.sum.
        module: the module whose commands are built; its version stands in go.mod.
        variables: Go string variables set by the linker: `{version}` is replaced.
        keep: folder of the module's own files that is kept beside the binaries; None when none is needed.
    """

    name: str
    module: str
    variables: Mapping[str, str]
    keep: str | None = None


_VERSION = "k8s.io/component-base/version"
KUBERNETES = Product(
    name="kubernetes",
    module="k8s.io/kubernetes",
    variables={f"{_VERSION}.gitVersion": "{version}", f"{_VERSION}.gitMajor": "1", f"{_VERSION}.gitMinor": "34"},
)
TEKTON = Product(name="tekton", module="github.com/tektoncd/pipeline", variables={}, keep="config")
PRODUCTS = (KUBERNETES, TEKTON)


def ensure_binaries(product: Product) -> Path:
    """Build the commands of a product, or take them from the cache.

    Returns:
        A folder with one file per command and, if the product keeps one, the module's folder of that name.

    Raises:
        BinariesMissing: Go 1.24 or later is not on PATH, or the build failed; the message ends with its last words.
    """
    target = find_binaries(product)
    cache = target.parent
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f"{product.name}.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.is_dir():
            _build(product, target)
    return target


def find_binaries(product: Product) -> Path:
    """Where the commands of a product are once they are built."""
    return find_cache_folder() / f"{product.name}-{_make_key(product)}"


def _make_key(product: Product) -> str:
    recipe = hashlib.sha256(repr(sorted(product.variables.items())).encode())
    for name in ("go.mod", "go.sum"):
        recipe.update((_HERE / product.name / name).read_bytes())
    return recipe.hexdigest()[:16]


def _build(product: Product, target: Path) -> None:
    _verify_go()
    began = time.monotonic()
    source = _read_module(product)
    version = source["Version"]
    print(f"Building {product.name} {version} from its Go module: some minutes, once", flush=True)
    values = " ".join(f"-X {name}={text.format(version=version)}" for name, text in product.variables.items())
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f"{product.name}-") as staging:
        made = Path(staging) / "made"
        made.mkdir()
        _run_go(product, "build", "-trimpath", "-ldflags", f"-s -w {values}".rstrip(), "-o", f"{made}/", "tool")
        if product.keep is not None:
            shutil.copytree(Path(source["Dir"]) / product.keep, made / product.keep)
            subprocess.run(["chmod", "-R", "u+w", str(made / product.keep)], check=True, timeout=60)
        made.rename(target)
    print(f"Built {product.name} in {time.monotonic() - began:.0f} s", flush=True)


def _verify_go() -> None:
    go = shutil.which("go")
    if go is None:
        raise BinariesMissing(f"Go {_render(GO_VERSION)} or later is not on PATH; Debian bookworm's own is too old")
    text = subprocess.run(
        [go, "env", "GOVERSION"], capture_output=True, text=True, timeout=60, check=True, env=_make_environment()
    ).stdout
    found = tuple(int(part) for part in text.strip().removeprefix("go").split(".")[:2])
    if found < GO_VERSION:
        raise BinariesMissing(f"expected Go {_render(GO_VERSION)} or later on PATH, got {text.strip()} ({go})")


def _render(version: tuple[int, int]) -> str:
    return ".".join(str(part) for part in version)


def _read_module(product: Product) -> dict[str, str]:
    _run_go(product, "mod", "download", product.module)
    return json.loads(_run_go(product, "list", "-m", "-json", product.module))


def _run_go(product: Product, *arguments: str) -> str:
    # The lane must not starve the tests of others on the machine, and -mod=readonly refuses what go.sum does not list.
    command = ["nice", "-n", "10", "go", *arguments]
    done = subprocess.run(
        command,
        cwd=_HERE / product.name,
        env=_make_environment(),
        capture_output=True,
        text=True,
        timeout=BUILD_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise BinariesMissing(f"go {' '.join(arguments[:2])} of {product.name} failed; it ends: {done.stderr[-2000:]}")
    return done.stdout


def _make_environment() -> dict[str, str]:
    return {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off", "GOFLAGS": "-mod=readonly -buildvcs=false"}
