"""The code of GitHub's manifest flow, changed into the new App with its key and secret; it works once, within an hour.

Source: GitHub REST API, "Create a GitHub App from a manifest".
"""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus

from pydantic import Field

from hublish.adapters.github.connection import make_requester_class
from hublish.adapters.github.session import Reply, Session, make_path
from hublish.core.github.manifest import CreatedApp
from hublish.errors import GitHubFailed, NotAllowed
from hublish.network import Network, Pools

_TIMEOUT_SECONDS = 30


class _Conversion(Reply):
    id: int
    slug: str = Field(max_length=256)
    html_url: str = Field(max_length=1024)
    pem: str = Field(min_length=1, repr=False)
    webhook_secret: str = Field(min_length=1, repr=False)


def convert_code(code: str, *, api_url: str, network: Network) -> CreatedApp:
    """Change a code into the App. Never repeated: an answer that was lost took the key with it.

    Raises:
        NotAllowed: GitHub does not know the code, or it was used.
        GitHubFailed: GitHub failed.
    """
    requester = make_requester_class(Pools(network, hint=""))(
        auth=None,
        base_url=api_url.rstrip("/"),
        timeout=_TIMEOUT_SECONDS,
        user_agent="hublish",
        per_page=100,
        verify=True,
        pool_size=None,
        retry=None,
        seconds_between_requests=None,
        seconds_between_writes=None,
    )
    session = Session(requester, clock=lambda: datetime.now(UTC))
    try:
        reply = session.write(_Conversion, "POST", make_path("app-manifests", code, "conversions"), body=None)
    except GitHubFailed as failed:
        if failed.status in (HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY):
            raise NotAllowed(
                "GitHub does not know the code of the new App, or it was used before.",
                hint="Start again; if GitHub shows the App already, delete it there first.",
            ) from failed
        raise
    finally:
        requester.close()
    return CreatedApp(
        id=reply.id,
        slug=reply.slug,
        page=reply.html_url,
        private_key=reply.pem,
        webhook_secret=reply.webhook_secret,
    )
