"""The manifest of a new App."""

from __future__ import annotations

from hublish.core.github.manifest import CreatedApp, make_manifest


def test_manifest_asks_for_what_the_service_needs() -> None:
    """The webhook, the way back, the permissions and events of the page, and nobody else may install it."""
    expected = {
        "name": "hublish",
        "url": "https://hublish.example.org",
        "description": "Builds notebook images from releases and lists them in a JupyterHub.",
        "hook_attributes": {"url": "https://hublish.example.org/webhook", "active": True},
        "redirect_url": "http://127.0.0.1:9/created",
        "public": False,
        "default_permissions": {"contents": "write"},
        "default_events": ["release"],
    }

    made = make_manifest(
        name="hublish",
        public_url="https://hublish.example.org",
        redirect_url="http://127.0.0.1:9/created",
        permissions={"contents": "write"},
        events=("release",),
    )

    assert made == expected


def test_secrets_of_an_app_are_never_shown() -> None:
    """Not in a log, not in an error."""
    app = CreatedApp(id=1, slug="s", page="p", private_key="KEY-TEXT", webhook_secret="SECRET-TEXT")

    assert "TEXT" not in repr(app)
