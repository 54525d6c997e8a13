"""What a plan says of itself, in one line each: the image for answers, the resources for the hub's entry. No I/O."""

from __future__ import annotations

from collections.abc import Sequence

from hublish.core.answers.markdown import code_span, escape_inline
from hublish.core.config.file import Config, ImageConfig
from hublish.core.plan import Plan, Strategy


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
