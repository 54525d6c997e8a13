"""What the tests of the builders share: a base, an index with a few wheels, a plan over both."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hublish.builders.layered.build import build_layered
from hublish.core.building import BuildSucceeded, Progress
from hublish.core.locks.lock import IndexSource, LockedPackage
from hublish.core.plan import Environment, Plan, Strategy, Trust
from hublish.core.reference import Reference
from tests.fakes import TINY_BASE, FakeImages, FakeIndex, FakeSource, make_tar
from tests.sandbox.wheels import make_wheel, wheel_filename

BASE = Reference(registry="registry.example.org", repository="base/python", tag="3.11")
TARGET = Reference(registry="registry.example.org", repository="team/ts", tag="build-1")
INDEX = IndexSource(name="index", url="https://index.example.invalid/simple", verify_ssl=True)


@dataclass
class Bench:
    """Everything one build needs, in memory and one folder."""

    folder: Path
    images: FakeImages = field(default_factory=FakeImages)
    source: FakeSource = field(default_factory=lambda: FakeSource({"README.md": b"hello\n", "src/a.py": b"x = 1\n"}))
    packages: list[LockedPackage] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    progress: list[Progress] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.index = FakeIndex(self.folder / "index")

    def add_base(self, entries: dict | None = None, **spec: object) -> str:
        """Put the base there; entries are added to the tiny one."""
        layers = [make_tar(TINY_BASE)]
        if entries:
            layers.append(make_tar(entries))
        return self.images.add_image(BASE, layers, spec=spec)

    def add_package(self, name: str, version: str = "1.0", files: dict | None = None, **options: object) -> None:
        """Offer a wheel and lock it."""
        body = make_wheel(name, version, files, **options)
        digest = self.index.add(wheel_filename(name, version), body)
        package = LockedPackage(name=name, version=version, hashes=(digest,), source="index")
        self.packages = sorted([*self.packages, package], key=lambda locked: locked.name)

    def plan(self, **changes: object) -> Plan:
        """The plan over what was added."""
        manifest = self.images.fetch_manifest(BASE)
        plan = Plan(
            strategy=Strategy.LAYERED,
            reason="",
            ignored=(),
            builder="layered-3",
            base=None if manifest is None else replace(BASE, digest=manifest.digest),
            platform="linux/amd64",
            python_full_version="3.11.2",
            environment=Environment.VENV,
            packages=tuple(self.packages),
            indexes=(INDEX,),
            bytecode=False,
            source_name=self.source.tree.name,
            source_path="/srv/repo",
            source_digest=self.source.tree.digest,
            commit=self.source.tree.commit,
            created_at="2026-11-21T10:00:00Z",
            time_seconds=60,
            size_bytes=1 << 30,
            source_repo_id=7,
            target_repository="registry.example.org/team/ts",
            trust=Trust.OWNER,
        )
        return replace(plan, **changes)

    def build(
        self,
        plan: Plan | None = None,
        *,
        workspace: str = "workspace",
        workers: int = 1,
        target: Reference = TARGET,
        cancelled: Callable[[], bool] = lambda: False,
        **given: Any,
    ) -> BuildSucceeded:
        """Build it; `given` are further arguments of `build_layered`."""
        return build_layered(
            self.plan() if plan is None else plan,
            source=self.source,
            images=self.images,
            output=self.images,
            target=target,
            index=self.index,
            workspace=self.folder / workspace,
            workers=workers,
            log=self.log.append,
            progress=self.progress.append,
            cancelled=cancelled,
            **given,
        )


def make_bench(folder: Path) -> Bench:
    """A bench with a base and two packages."""
    bench = Bench(folder)
    bench.add_base()
    bench.add_package("alpha", scripts={"alpha": "alpha:main"})
    bench.add_package("beta", requires=["alpha>=1"])
    return bench


def die(job: object) -> None:
    """End the process that was asked to work, as the kernel does when memory is short."""
    os._exit(9)
