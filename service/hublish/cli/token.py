"""`hublish token`: who may order builds by the HTTP API, for the operator at the machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from hublish.cli.exit_codes import ExitCode
from hublish.cli.house import House
from hublish.cli.listing import show_listing
from hublish.cli.screen import JSONOption, open_screen
from hublish.core.access.tokens import parse_wish
from hublish.errors import ValueInvalid, clip

if TYPE_CHECKING:
    from hublish.core.access.tokens import Token

HELP = """Make, list and revoke tokens of the HTTP API.

HUBLISH_SETTINGS names the settings, and with them the database and the key.
"""
CREATE_HELP = """Make a token, and print its id and its secret, which is shown this once.

A scope is build:OWNER/REPO, build:OWNER, read:OWNER/REPO or read:OWNER; who may build may read, too. A build that is
ordered with the token needs no other permission.

\b
Examples:
  hublish token create --name nightly --scope build:octo/ts
  hublish token create --name dashboard --scope read:octo --days 365 --json
"""
LIST_HELP = """List the tokens, the newest first; never their secrets.

\b
Examples:
  hublish token list
  hublish token list --json
"""
REVOKE_HELP = """End a token at once. What was ordered with it goes on.

\b
Examples:
  hublish token revoke 0123456789abcdef
"""
DEFAULT_DAYS = 90
_COLUMNS = ("token", "name", "scopes", "created", "expires", "revoked")
commands = typer.Typer(name="token", help=HELP, no_args_is_help=True, add_completion=False, rich_markup_mode=None)


@commands.command("create", help=CREATE_HELP)
def create_token(
    context: typer.Context,
    *,
    name: Annotated[str, typer.Option(metavar="NAME", help="Stands as the one who asked in every run of the token.")],
    scopes: Annotated[list[str], typer.Option("--scope", metavar="SCOPE", help="What it may do; may be repeated.")],
    days: Annotated[int, typer.Option(metavar="N", min=1, max=3650, help="Until it expires.")] = DEFAULT_DAYS,
    as_json: JSONOption = False,
) -> None:
    """Make a token; see CREATE_HELP."""
    house: House = context.obj
    _verify_wish(name, scopes)
    with open_screen("token create", as_json=as_json) as screen:
        token, secret = house.open_tokens(make=True).create(name=name, scopes=scopes, days=days)
        screen.result = {**make_token_document(token), "secret": secret}
        screen.say(f"token    {token.id}")
        screen.say(f"secret   {secret}")
        screen.say(f"scopes   {' '.join(str(scope) for scope in token.scopes)}")
        screen.say(f"expires  {_render_time(token.expires_at.isoformat())}")
        screen.remark("The secret is shown this once; whoever has it can order builds.")


def _verify_wish(name: str, scopes: Sequence[str]) -> None:
    # Before the doors open: a command line that is wrong makes neither a database nor a key.
    try:
        parse_wish(name, scopes)
    except ValueInvalid as error:
        raise typer.BadParameter(error.message) from error


@commands.command("list", help=LIST_HELP)
def list_tokens(context: typer.Context, *, as_json: JSONOption = False) -> None:
    """List the tokens; see LIST_HELP."""
    house: House = context.obj
    with open_screen("token list", as_json=as_json) as screen:
        documents = [make_token_document(token) for token in house.open_tokens().list_tokens()]
        screen.result = documents
        show_listing(screen, _COLUMNS, [_make_cells(document) for document in documents], empty="No tokens yet.")


def _make_cells(document: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(" ".join(item) if isinstance(item, list) else str(item or "-") for item in document.values())


@commands.command("revoke", help=REVOKE_HELP)
def revoke_token(
    context: typer.Context,
    token_id: Annotated[str, typer.Argument(metavar="ID", help="As `token list` prints it.")],
    *,
    as_json: JSONOption = False,
) -> None:
    """End a token; see REVOKE_HELP."""
    house: House = context.obj
    with open_screen("token revoke", as_json=as_json) as screen:
        revoked = house.open_tokens().revoke(token_id)
        screen.result = {"id": token_id, "revoked": revoked}
        if revoked:
            screen.say(f"The token {token_id} is revoked.")
            return
        screen.exit_code = ExitCode.USAGE
        screen.remark(f"There is no token {clip(token_id)!r}; `hublish token list` shows those there are.")


def make_token_document(token: Token) -> Mapping[str, object]:
    """Make the JSON object of a token."""
    return {
        "id": token.id,
        "name": token.name,
        "scopes": [str(scope) for scope in token.scopes],
        "created_at": _render_time(token.created_at.isoformat()),
        "expires_at": _render_time(token.expires_at.isoformat()),
        "revoked_at": None
        if token.revoked_at is None
        else _render_time(token.revoked_at.isoformat(timespec="seconds")),
    }


def _render_time(text: str) -> str:
    return text.replace("+00:00", "Z")
