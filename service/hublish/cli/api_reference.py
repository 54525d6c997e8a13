"""docs/reference/api.openapi.json, written from the routes of the API: `python -m hublish.cli.api_reference`.

A test compares the file with what the service serves, so that no change of the interface goes unseen.
"""

from __future__ import annotations

import json

import typer

from hublish.web.api import describe


def render_api_reference() -> str:
    """Render the whole file as JSON."""
    return json.dumps(describe(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    typer.echo(render_api_reference(), nl=False)
