"""`hublish step`: what the Steps of a build's pod run. Nobody types it; the Tasks in tekton/ do."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import Annotated

import typer

HELP = """Run one Step of a build in a pod; the Tasks in tekton/ call it, people do not.

The Step `fetch` brings source, base and packages into /work, `build` makes the image there, `push` sends it. Each reads
its own Secret at /secrets/<step>; `build` has none. `probe` looks at its pod for `hublish doctor --cluster`.

\b
Example:
  hublish step fetch
"""


class StepName(StrEnum):
    """The Steps of a pod."""

    FETCH = "fetch"
    BUILD = "build"
    PUSH = "push"
    PROBE = "probe"


def step(name: Annotated[StepName, typer.Argument(metavar="STEP", help="fetch, build, push or probe.")]) -> None:
    """Run one Step; see HELP."""
    from hublish.bootstrap.steps import run_step  # noqa: PLC0415  # start-up time of other commands' help

    raise typer.Exit(run_step(name.value, os.environ))
