"""`hublish doctor`: what this machine offers, what is missing, and what to do about it."""

from __future__ import annotations

from typing import Annotated

import typer

from hublish.cli.exit_codes import ExitCode
from hublish.cli.folder import CacheOption, IndexMapOption, PlainHTTPOption, make_choice
from hublish.cli.house import House
from hublish.cli.screen import JSONOption, open_screen

HELP = """Look at this machine: Python, cache folder, engines, package index, settings, registries.

Every check says what was seen and, when it fails, what to do. With HUBLISH_SETTINGS the operator's settings are
checked, too. Exit code 1 when a check fails.

\b
Examples:
  hublish doctor
  hublish doctor --json
  hublish doctor --cluster
"""

ClusterOption = Annotated[
    bool,
    typer.Option(
        "--cluster", help="Run a pod of each kind in the settings' cluster, and name the setting that is in the way."
    ),
]


def doctor(
    context: typer.Context,
    *,
    plain_http: PlainHTTPOption = None,
    index_map: IndexMapOption = None,
    cache: CacheOption = None,
    cluster: ClusterOption = False,
    as_json: JSONOption = False,
) -> None:
    """Check this machine; see HELP."""
    house: House = context.obj
    choice = make_choice(cache=cache, plain_http=plain_http, index_map=index_map, workers=None)
    with open_screen("doctor", as_json=as_json) as screen:
        checks = tuple(house.open_workbench(choice).check_environment(cluster=cluster, say=screen.remark))
        screen.result = [
            {"name": check.name, "ok": check.ok, "detail": check.detail, "hint": check.hint} for check in checks
        ]
        for check in checks:
            screen.say(f"{'ok  ' if check.ok else 'FAIL'} {check.name}: {check.detail}", style=_style(ok=check.ok))
            if check.hint:
                screen.say(f"     hint: {check.hint}")
        if not all(check.ok for check in checks):
            screen.exit_code = ExitCode.FAILED


def _style(*, ok: bool) -> str:
    return "green" if ok else "bold red"
