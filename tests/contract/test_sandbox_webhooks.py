"""The sandbox's GitHub sends what GitHub sends, signed, in order, and again when asked."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.sandbox.github import GitHubSandbox
from tests.sandbox.receiver import WebhookReceiver

pytestmark = pytest.mark.github

REPO = "alice/notebooks"
GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


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


def test_release_sends_githubs_series(hooked: GitHubSandbox, receiver: WebhookReceiver) -> None:
    """A new tag, then the three actions of a release, each with the same release in it."""
    release = hooked.publish_release(REPO, "v1.0", login="bob")
    hooked.await_deliveries()
    payload = receiver.received[3].payload
    found = payload["release"]

    assert receiver.names == ["create", "push", "release created", "release published", "release released"]
    assert (release, "v1.0", "main", False, False, "bob") == (
        found["id"],
        found["tag_name"],
        found["target_commitish"],
        found["prerelease"],
        found["draft"],
        found["author"]["login"],
    )
    assert found["published_at"] is not None
    assert (payload["sender"]["login"], payload["repository"]["full_name"]) == ("bob", REPO)


def test_prerelease_says_so(hooked: GitHubSandbox, receiver: WebhookReceiver) -> None:
    """The last action of a pre-release is `prereleased`."""
    hooked.create_tag(REPO, "v1.0rc1")
    hooked.publish_release(REPO, "v1.0rc1", prerelease=True)
    hooked.await_deliveries()

    assert receiver.names[2:] == ["release created", "release published", "release prereleased"]


def test_headers_are_githubs(hooked: GitHubSandbox, receiver: WebhookReceiver) -> None:
    """A GUID of its own, the App as target, and a signature over the raw body."""
    hooked.open_issue(REPO, "Hello")
    hooked.open_issue(REPO, "World")
    hooked.await_deliveries()
    first, second = receiver.received

    assert tuple(GUID.fullmatch(item.headers["x-github-delivery"]) is not None for item in (first, second)) == (
        True,
        True,
    )
    assert first.headers["x-github-delivery"] != second.headers["x-github-delivery"]
    assert (first.is_signed(hooked.webhook_secret), first.is_signed("another")) == (True, False)
    assert ("issues", "integration", str(hooked.app_id), "application/json") == (
        first.headers["x-github-event"],
        first.headers["x-github-hook-installation-target-type"],
        first.headers["x-github-hook-installation-target-id"],
        first.headers["content-type"],
    )


def test_comment_on_a_pull_request_is_told_from_one_on_an_issue(
    hooked: GitHubSandbox, receiver: WebhookReceiver
) -> None:
    """Only the former has `issue.pull_request`; the sender is who wrote it."""
    hooked.create_user("mallory", install=False)
    issue = hooked.open_issue(REPO, "Hello")
    hooked.commit_files(REPO, {"a.txt": "1\n"}, branch="work")
    pull = hooked.open_pull_request(REPO, "Work", head="work")
    for number in (issue, pull):
        hooked.comment(REPO, number, "/build", login="mallory")
    hooked.await_deliveries()
    comments = [item.payload for item in receiver.received if item.name == "issue_comment created"]

    assert [(issue, False, "mallory"), (pull, True, "mallory")] == [
        (item["issue"]["number"], "pull_request" in item["issue"], item["sender"]["login"]) for item in comments
    ]


def test_pull_request_events_follow_the_branch(hooked: GitHubSandbox, receiver: WebhookReceiver) -> None:
    """Opened with its counts, synchronize with both SHAs, closed when merged."""
    before = hooked.commit_files(REPO, {"a.txt": "1\n"}, branch="work")
    number = hooked.open_pull_request(REPO, "Work", head="work")
    after = hooked.commit_files(REPO, {"b.txt": "1\n"}, branch="work", login="bob")
    hooked.await_deliveries()
    hooked.merge_pull_request(REPO, number)
    hooked.await_deliveries()
    events = [item for item in receiver.received if item.event == "pull_request"]
    opened, synchronize, closed = (item.payload for item in events)

    assert [item.payload["action"] for item in events] == ["opened", "synchronize", "closed"]
    assert (1, before) == (opened["pull_request"]["changed_files"], opened["pull_request"]["head"]["sha"])
    assert (before, after, "bob") == (synchronize["before"], synchronize["after"], synchronize["sender"]["login"])
    assert (True, number) == (closed["pull_request"]["merged"], closed["number"])


def test_push_says_from_where_to_where(hooked: GitHubSandbox, receiver: WebhookReceiver) -> None:
    """`before`, `after`, the head commit and the pusher are those of the push."""
    before = hooked.ref_sha(REPO, "heads/main")
    after = hooked.commit_files(REPO, {"a.txt": "1\n"}, message="Add a", login="bob")
    hooked.await_deliveries()
    [push] = receiver.received

    assert ("refs/heads/main", before, after, "Add a", "bob") == (
        push.payload["ref"],
        push.payload["before"],
        push.payload["after"],
        push.payload["head_commit"]["message"],
        push.payload["pusher"]["name"],
    )


def test_only_installations_that_cover_the_repository_hear(hooked: GitHubSandbox, receiver: WebhookReceiver) -> None:
    """Neither an account without the App nor a repository that was not selected sends anything but the selection."""
    hooked.create_user("carol", install=False)
    hooked.create_repo("carol/app")
    hooked.create_repo("alice/other")
    hooked.select_repositories("alice", added=[REPO])
    hooked.open_issue("carol/app", "Hello")
    hooked.open_issue("alice/other", "Hello")
    hooked.open_issue(REPO, "Hello")
    hooked.await_deliveries()

    assert receiver.names == ["installation_repositories added", "issues opened"]


def test_installation_events(hooked: GitHubSandbox, receiver: WebhookReceiver) -> None:
    """Installing, suspending and lifting are told, with the account."""
    hooked.create_user("carol", install=False)
    hooked.install_app("carol")
    hooked.suspend_installation("carol")
    hooked.suspend_installation("carol", suspended=False)
    hooked.await_deliveries()
    accounts = {item.payload["installation"]["account"]["login"] for item in receiver.received}

    assert receiver.names == ["installation created", "installation suspend", "installation unsuspend"]
    assert accounts == {"carol"}


# -- deliveries -------------------------------------------------------------------------------------------------------


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
