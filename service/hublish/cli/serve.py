"""`hublish serve`: the GitHub App in one process, until it is told to stop."""

from __future__ import annotations

from typing import Annotated

import typer

from hublish.cli.house import House
from hublish.cli.screen import JSONOption, open_screen

HELP = """Run the service: webhooks, builds, pull requests and the pages of runs.

The operator's settings are one YAML file that HUBLISH_SETTINGS names. The service speaks plain HTTP and belongs behind
a proxy that ends TLS. SIGTERM and Ctrl-C stop it; a build that was running is taken up again at the next start.

\b
Examples:
  HUBLISH_SETTINGS=settings.yaml hublish serve
  HUBLISH_SETTINGS=/etc/hublish/settings.yaml hublish serve --host 0.0.0.0 --port 8080
"""
DEFAULT_PORT = 8080


def serve(
    context: typer.Context,
    *,
    host: Annotated[
        str, typer.Option(metavar="HOST", help="Address to listen on; only this machine by default.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(metavar="PORT", min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = DEFAULT_PORT,
    as_json: JSONOption = False,
) -> None:
    """Serve until told to stop; see HELP."""
    house: House = context.obj
    with open_screen("serve", as_json=as_json):
        house.run_service(host=host, port=port)
