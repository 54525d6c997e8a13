"""The manifest of a GitHub App: what a new App is to be, and what GitHub hands over for it.

Source: GitHub, "Registering a GitHub App from a manifest".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

CODE_PATTERN = re.compile(r"[A-Za-z0-9_-]{1,128}")
CREATED_PATH = "/created"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedApp:
    """A new App.

    Attributes:
        id: GitHub's number.
        slug: its name in addresses.
        page: its page, where it is installed.
        private_key: PEM; never shown.
        webhook_secret: never shown.
    """

    id: int
    slug: str
    page: str
    private_key: str = field(repr=False)
    webhook_secret: str = field(repr=False)


def make_manifest(
    *, name: str, public_url: str, redirect_url: str, permissions: Mapping[str, str], events: tuple[str, ...]
) -> dict[str, object]:
    """Make the manifest that GitHub's form takes.

    Args:
        name: of the App; GitHub wants it to be nobody else's.
        public_url: root of the service, without a slash at the end.
        redirect_url: where GitHub sends the browser with the code.
        permissions: permission to access.
        events: what is delivered to the webhook.
    """
    return {
        "name": name,
        "url": public_url,
        "description": "Builds notebook images from releases and lists them in a JupyterHub.",
        "hook_attributes": {"url": f"{public_url}/webhook", "active": True},
        "redirect_url": redirect_url,
        "public": False,
        "default_permissions": dict(permissions),
        "default_events": list(events),
    }
