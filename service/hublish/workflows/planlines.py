"""What a plan says of itself, in one line each: the image for answers, the resources for the hub's entry, a moved tag."""

from __future__ import annotations

from collections.abc import Sequence

from hublish.core.answers.markdown import code_span, escape_inline
from hublish.core.config.file import Config, ImageConfig
from hublish.core.github.trigger import Trigger
from hublish.core.plan import Plan, Strategy
from hublish.core.records import RunRecords
from hublish.core.repository import RefKind, ResolvedRef
from hublish.core.status import RunState

LOOKS_AT = 200
_SHORT_SHA = 7


def describe_plan(image: ImageConfig, plan: Plan, missing: Sequence[str]) -> str:
    """Describe a planned image in one line of Markdown; `missing` are packages that its base would be given first."""
    line = f"{code_span(image.title)}: {plan.strategy.value}"
    if plan.strategy is Strategy.LAYERED and plan.base is not None:
        line += f", {len(plan.packages)} packages on {code_span(str(plan.base))}"
    line += f" ({escape_inline(plan.reason)})"
    if missing:
        line += f"; {', '.join(map(code_span, missing))} would be installed into the base first"
    return line


def describe_resources(config: Config) -> str:
    """Describe what a notebook needs, as the hub's entry has it; "" when the config names nothing."""
    resources = config.resources
    parts = []
    if resources.cpu is not None:
        parts.append(f"{resources.cpu:g} CPU")
    if resources.memory_bytes is not None:
        parts.append(f"{resources.memory_bytes / (1 << 30):g} GiB memory")
    if resources.gpu:
        parts.append(f"{resources.gpu} GPU")
    return ", ".join(parts)


def describe_move(runs: RunRecords, trigger: Trigger, ref: ResolvedRef) -> tuple[str, ...]:
    """Say that a tag stood elsewhere when it was last delivered; nothing where it did not, and of other refs."""
    if ref.kind is not RefKind.TAG:
        return ()
    delivered = runs.list_repository_runs(trigger.repository.id, limit=LOOKS_AT, states=frozenset({RunState.DELIVERED}))
    last = next((run for run in delivered if run.ref == ref.name), None)
    if last is None or last.sha in (None, ref.sha):
        return ()
    was, now = str(last.sha)[:_SHORT_SHA], ref.sha[:_SHORT_SHA]
    return (f"The tag was moved: it was last delivered at {was} and is at {now} now, and so are its images.",)
