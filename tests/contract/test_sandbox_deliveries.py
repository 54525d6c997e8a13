"""The sandbox's GitHub keeps its deliveries, repeats and loses them, and lets the App set up its hook, as GitHub does."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.sandbox.github import GitHubSandbox
from tests.sandbox.receiver import WebhookReceiver

pytestmark = pytest.mark.github

REPO = "alice/notebooks"


@pytest.fixture
def hooked(github: GitHubSandbox, receiver: WebhookReceiver) -> GitHubSandbox:
    """A GitHub with one repository, whose App's webhooks go to `receiver`."""
    github.create_repo(REPO, files={"Pipfile": "[packages]\n"}, permissions={"bob": "write"})
    github.await_deliveries()
    github.set_webhook_url(receiver.url)
    return github


def act_as_app(hooked: GitHubSandbox, method: str, path: str, body: object = None) -> Any:
    """One call with a web token of the App."""
    return hooked.api(method, path, body, token=hooked.make_jwt()).body


def test_redelivery_repeats_guid_and_body(hooked: GitHubSandbox, receiver: WebhookReceiver) -> None:
    """Asked for by the App's call, listed as a second attempt."""
    hooked.open_issue(REPO, "Hello")
    hooked.await_deliveries()
    [listed] = act_as_app(hooked, "GET", "/app/hook/deliveries?per_page=1")
    act_as_app(hooked, "POST", f"/app/hook/deliveries/{listed['id']}/attempts")
    hooked.await_deliveries()
    first, second = receiver.received

    assert (first.headers["x-github-delivery"], first.body) == (second.headers["x-github-delivery"], second.body)
    assert [item["redelivery"] for item in hooked.deliveries()[-2:]] == [False, True]


def test_deliveries_are_paged_by_cursor(hooked: GitHubSandbox) -> None:
    """Newest first; the Link header leads to the older ones."""
    for title in ("One", "Two", "Three"):
        hooked.open_issue(REPO, title)
    hooked.await_deliveries()
    answer = hooked.api("GET", "/app/hook/deliveries?per_page=2", token=hooked.make_jwt())
    following = re.fullmatch(r'<(.*)>; rel="next"', answer.headers["link"])
    older = act_as_app(hooked, "GET", following[1].removeprefix(hooked.api_url)) if following else []
    ids = [item["id"] for item in (*answer.body, *older)]
    detail = act_as_app(hooked, "GET", f"/app/hook/deliveries/{ids[0]}")

    assert sorted(ids, reverse=True) == ids
    assert (detail["request"]["payload"]["issue"]["title"], detail["status_code"]) == ("Three", 202)


def test_dropped_webhook_can_be_redelivered(hooked: GitHubSandbox, receiver: WebhookReceiver) -> None:
    """It never arrives, is listed as failed, and comes when asked for again."""
    hooked.drop_webhooks(1)
    hooked.open_issue(REPO, "Lost")
    hooked.open_issue(REPO, "Found")
    hooked.await_deliveries()
    titles = [item.payload["issue"]["title"] for item in receiver.received]
    lost = next(item for item in hooked.deliveries() if item["status"] == "failed to connect to host")
    hooked.redeliver(lost["id"])
    hooked.await_deliveries()

    assert (titles, receiver.received[-1].payload["issue"]["title"]) == (["Found"], "Lost")


def test_duplicate_webhook_has_one_guid(hooked: GitHubSandbox, receiver: WebhookReceiver) -> None:
    """GitHub may deliver twice."""
    hooked.duplicate_webhooks(1)
    hooked.open_issue(REPO, "Hello")
    hooked.await_deliveries()
    guids = [item.headers["x-github-delivery"] for item in receiver.received]

    assert (len(guids), len(set(guids))) == (2, 1)


def test_failed_answer_is_listed(hooked: GitHubSandbox, receiver: WebhookReceiver) -> None:
    """The receiver's status is what the list says."""
    receiver.status = 503
    hooked.open_issue(REPO, "Hello")
    hooked.await_deliveries()
    delivery = hooked.deliveries()[-1]

    assert (delivery["status_code"], delivery["status"]) == (503, "Invalid HTTP Response: 503")


@pytest.mark.parametrize(("reorder", "expected"), [(False, ["One", "Two", "Three"]), (True, ["Three", "Two", "One"])])
def test_order_is_an_option(
    hooked: GitHubSandbox, receiver: WebhookReceiver, reorder: bool, expected: list[str]
) -> None:
    """In order by default, out of order when asked."""
    hooked.set_options(reorder_webhooks=reorder)
    for title in ("One", "Two", "Three"):
        hooked.open_issue(REPO, title)
    hooked.await_deliveries()

    assert expected == [item.payload["issue"]["title"] for item in receiver.received]


# -- the hook and the manifest ----------------------------------------------------------------------------------------


def test_hook_can_be_configured(hooked: GitHubSandbox, receiver: WebhookReceiver) -> None:
    """The App reads and changes its own address and secret; the secret is never shown."""
    act_as_app(hooked, "PATCH", "/app/hook/config", {"url": f"{receiver.url}/new", "secret": "another"})
    config = act_as_app(hooked, "GET", "/app/hook/config")
    hooked.open_issue(REPO, "Hello")
    hooked.await_deliveries()

    assert {"content_type": "json", "insecure_ssl": "0", "secret": "********", "url": f"{receiver.url}/new"} == config
    assert receiver.received[0].is_signed("another")


def test_manifest_becomes_an_app_once(github: GitHubSandbox) -> None:
    """The code is worth one conversion, which hands over the App's secrets."""
    code = github.create_manifest_code(
        {
            "name": "My hublish",
            "url": "https://hublish.example.com",
            "hook_attributes": {"url": "https://hublish.example.com/webhook"},
            "redirect_url": "https://hublish.example.com/setup",
            "default_permissions": {"contents": "read"},
            "default_events": ["release"],
        }
    )
    first, second = (github.api("POST", f"/app-manifests/{code}/conversions") for _ in range(2))

    assert (first.status, second.status) == (201, 404)
    assert (
        first.body["slug"],
        first.body["permissions"],
        first.body["events"],
    ) == ("my-hublish", {"contents": "read"}, ["release"])
    assert {"client_secret", "pem", "webhook_secret"} <= set(first.body)
