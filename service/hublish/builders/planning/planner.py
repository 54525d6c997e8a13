"""From a source, its config and the operator's bases to the plan of one image; all findings at once.

Nothing is built here: the base is resolved to a digest and its facts are read (once per digest), the lock is read, and
markers are evaluated for the Python that the base really holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC
from functools import partial

from hublish.builders.baseimage.facts import BaseFacts
from hublish.builders.baseimage.record import load_base
from hublish.builders.disk import name_disk_errors
from hublish.builders.layerindex.index import LayerIndex
from hublish.builders.planning.packagecheck import WHEEL_BUILT, WheelSupply, check_packages
from hublish.builders.planning.pinnedpip import add_pip
from hublish.builders.planning.plancheck import (
    check_hub_majors,
    check_hub_packages,
    check_python,
    check_system,
    check_system_python,
    find_base,
)
from hublish.builders.planning.targetcheck import check_selection, check_target, holds, make_marker_environment
from hublish.builders.sourcefiles import read_source_file
from hublish.builders.wheels.bytecode import can_compile_for
from hublish.builders.wheels.packagesource import locate_folders
from hublish.builders.wheels.repowheels import locate_wheels
from hublish.core.config.file import Config, ImageConfig
from hublish.core.container import ContainerPlan
from hublish.core.finding import Finding, has_error
from hublish.core.locks.choice import LockChoice, choose_lock, find_lock_kind, read_lock
from hublish.core.locks.lock import Lock, LockedPackage, LockKind
from hublish.core.plan import Environment, Plan, Strategy, Trust
from hublish.core.ports import ImageReader, Source, SystemBases
from hublish.core.reference import Reference
from hublish.core.strategy import StrategyChoice, choose_strategy, find_dockerfile

BUILDER = "layered-3"
CONTAINER_BUILDERS: Mapping[Strategy, str] = {Strategy.SOURCE: "s2i-1", Strategy.DOCKERFILE: "dockerfile-1"}
_EPOCH = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanInputs:
    """What a plan is made from.

    Attributes:
        source: the source tree and its bytes.
        config: the config at that commit.
        image: the one of the config's images that is planned.
        bases: the operator's default bases by Python version, e.g. {"3.11": Reference(...)}.
        trust: whose code this is.
        source_repo_id: GitHub's id of the repository; 0 on the command line.
        target_repository: `registry/repository` to push to; "" when nothing is pushed.
        platform: `os/architecture`.
        hub_majors: hub -> major version of JupyterHub it runs, as far as known.
        find_default_index: tells the URL of the simple API for locks that name none; "" when there is none.
        most_bytes: what the operator lets an image have; None for what the config says.
    """

    source: Source
    config: Config
    image: ImageConfig
    bases: Mapping[str, Reference]
    trust: Trust
    source_repo_id: int
    target_repository: str
    platform: str = "linux/amd64"
    hub_majors: Mapping[str, int] = field(default_factory=dict)
    find_default_index: Callable[[], str] = lambda: ""
    most_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What planning came to.

    Attributes:
        plan: None exactly when a finding is an error.
        findings: faults and remarks, those of the source tree first.
        base_size_bytes: compressed size of the base; None unless layered.
        locked: the lock as read; None when there is none that can be read, or the strategy needs none.
    """

    plan: Plan | None
    findings: tuple[Finding, ...]
    base_size_bytes: int | None
    locked: Lock | None


def make_plan(
    inputs: PlanInputs,
    *,
    images: ImageReader,
    layers: LayerIndex,
    supply: WheelSupply | None = None,
    systems: SystemBases | None = None,
) -> Planned:
    """Plan one image.

    Args:
        inputs: what the plan is made from.
        images: where the base lies.
        layers: what earlier builds found out, the facts of bases among it.
        supply: where wheels come from, to check that they fit together; None leaves that to the build.
        systems: builds bases with system packages; None where nothing can.

    Raises:
        BaseUnsupported, ImageInvalid: the base cannot be used.
        RegistryFailed: the base cannot be read.
        DiskFull, BuildFailed: what is found out cannot be kept, the base is larger than the image may be, or system
            packages cannot be installed.
    """
    inputs = replace(inputs, config=inputs.config.for_image(inputs.image))
    choice = choose_strategy(inputs.config, inputs.source.tree.paths)
    with name_disk_errors("planning"):
        if choice.strategy is Strategy.LAYERED:
            return _plan_layered(inputs, choice, images=images, layers=layers, supply=supply, systems=systems)
        return _plan_container(inputs, choice, images=images)


def _plan_layered(
    inputs: PlanInputs,
    choice: StrategyChoice,
    *,
    images: ImageReader,
    layers: LayerIndex,
    supply: WheelSupply | None,
    systems: SystemBases | None,
) -> Planned:
    found, lock, findings = _find_lock(inputs)
    choice = _join_choices(choice, found)
    findings = (*inputs.source.tree.findings, *findings, *check_system(inputs.config, systems))
    reference, base_findings = find_base(lock, base=inputs.config.base, bases=inputs.bases)
    findings += base_findings
    if lock is None or reference is None:
        return Planned(plan=None, findings=findings, base_size_bytes=None, locked=lock)
    limit = _find_limit(inputs)
    base, facts = load_base(images, reference, platform=inputs.platform, layers=layers, limit_bytes=limit)
    packages, more = _select_located(inputs, lock, facts)
    findings += more + check_target(lock, facts) + check_selection(packages, lock)
    findings += check_python(lock, facts) + check_hub_packages(packages, inputs.config, lock)
    findings += check_hub_majors(packages, inputs.config, inputs.hub_majors, lock=lock)
    pinned = replace(reference, digest=base.named_digest)
    if inputs.config.system_apt and systems is not None and not has_error(findings):
        pinned = _add_system(inputs, pinned, facts, systems=systems)
        before = facts
        base, facts = load_base(images, pinned, platform=inputs.platform, layers=layers)
        findings += check_system_python(before, facts, inputs.config)
    plan = None
    if not has_error(findings):
        if inputs.config.python.environment is Environment.VENV:
            packages = add_pip(packages, sources=lock.sources, python_version=facts.python_version)
        plan = _make_plan(inputs, choice, base=pinned, facts=facts, packages=packages, lock=lock)
    if plan is not None and supply is not None:
        findings += check_packages(
            plan, source=inputs.source, facts=facts, supply=supply, layers=layers, lock_path=lock.path
        )
        builds = any(finding.code == WHEEL_BUILT for finding in findings)
        plan = None if has_error(findings) else replace(plan, builds_wheels=builds)
    return Planned(plan=plan, findings=findings, base_size_bytes=base.size_bytes, locked=lock)


def _find_limit(inputs: PlanInputs) -> int:
    wanted = inputs.config.limits.size_bytes
    return wanted if inputs.most_bytes is None else min(wanted, inputs.most_bytes)


def _add_system(inputs: PlanInputs, base: Reference, facts: BaseFacts, *, systems: SystemBases) -> Reference:
    packages = tuple(dict.fromkeys(inputs.config.system_apt))
    return systems.ensure_base(base, packages, platform=inputs.platform, user=facts.user)


def _plan_container(inputs: PlanInputs, choice: StrategyChoice, *, images: ImageReader) -> Planned:
    # Here, because a layered build must not wait for what reads Dockerfiles.
    from hublish.builders.containers.plan import plan_dockerfile, plan_source  # noqa: PLC0415  # start-up time

    source, config, platform = inputs.source, inputs.config, inputs.platform
    if choice.strategy is Strategy.SOURCE:
        planned = plan_source(source, config, inputs.image, images=images, platform=platform)
    else:
        planned = plan_dockerfile(source, config, images=images, platform=platform)
    findings = (*source.tree.findings, *planned.findings)
    plan = None
    if not has_error(findings):
        plan = _make_plan(inputs, choice, base=planned.base, container=planned.container)
    return Planned(plan=plan, findings=findings, base_size_bytes=None, locked=None)


def _find_lock(inputs: PlanInputs) -> tuple[LockChoice, Lock | None, tuple[Finding, ...]]:
    read = partial(_read_file, inputs.source)
    choice = choose_lock(inputs.config.python.lock, paths=inputs.source.tree.paths, read=read)
    if choice.finding is not None:
        return choice, None, (choice.finding,)
    parsed = read_lock(
        choice.path,
        read=read,
        dev=inputs.config.python.dev,
        # A Pipfile.lock names its own, always; asking may take a while.
        default_index="" if find_lock_kind(choice.path) is LockKind.PIPFILE_LOCK else inputs.find_default_index(),
    )
    return choice, parsed.lock, parsed.findings


def _join_choices(choice: StrategyChoice, lock: LockChoice) -> StrategyChoice:
    reason = f"{choice.reason} {lock.reason}".strip()
    return replace(choice, reason=reason, ignored=tuple(sorted({*choice.ignored, *lock.ignored})))


def _read_file(source: Source, path: str) -> bytes | None:
    file = next((file for file in source.tree.files if file.path == path), None)
    if file is None or file.link is not None:
        return None
    return read_source_file(source, path)


def select_packages(lock: Lock, *, dev: bool, facts: BaseFacts) -> tuple[LockedPackage, ...]:
    """Select what is installed on a base: packages whose markers hold for the base's Python, by name."""
    environment = make_marker_environment(lock, facts)
    return tuple(
        package for package in lock.packages(dev=dev) if package.markers is None or holds(package.markers, environment)
    )


def _select_located(
    inputs: PlanInputs, lock: Lock, facts: BaseFacts
) -> tuple[tuple[LockedPackage, ...], tuple[Finding, ...]]:
    """Select the packages, with those found that lie in the repository itself."""
    packages = select_packages(lock, dev=inputs.config.python.dev, facts=facts)
    packages, wheels = locate_wheels(packages, inputs.source.tree, lock_path=lock.path)
    packages, folders = locate_folders(packages, inputs.source.tree, lock_path=lock.path)
    return packages, wheels + folders


def _make_plan(
    inputs: PlanInputs,
    choice: StrategyChoice,
    *,
    base: Reference | None = None,
    facts: BaseFacts | None = None,
    packages: tuple[LockedPackage, ...] = (),
    lock: Lock | None = None,
    container: ContainerPlan | None = None,
) -> Plan:
    config, tree = inputs.config, inputs.source.tree
    created = tree.committed_at
    return Plan(
        strategy=choice.strategy,
        reason=choice.reason,
        ignored=choice.ignored,
        builder=CONTAINER_BUILDERS.get(choice.strategy, BUILDER),
        base=base,
        platform=inputs.platform,
        python_full_version=None if facts is None else facts.python_full_version,
        environment=config.python.environment,
        packages=packages,
        indexes=() if lock is None else lock.sources,
        bytecode=facts is not None and can_compile_for(facts.python_version),
        source_name=tree.name,
        source_path=config.source_path,
        source_digest=tree.digest,
        commit=tree.commit,
        created_at=_EPOCH if created is None else created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        dockerfile=find_dockerfile(config, tree.paths) if choice.strategy is Strategy.DOCKERFILE else None,
        time_seconds=config.limits.time_seconds,
        size_bytes=config.limits.size_bytes,
        source_repo_id=inputs.source_repo_id,
        target_repository=inputs.target_repository,
        trust=inputs.trust,
        container=container,
    )
