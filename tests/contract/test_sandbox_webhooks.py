"""The sandbox's GitHub sends what GitHub sends, signed, and again when asked; as there, no order is promised."""

from __future__ import annotations

import re

import pytest

from tests.sandbox.github import GitHubSandbox
from tests.sandbox.receiver import WebhookReceiver
from tests.sandbox.webhook_contract import check_webhooks

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


def test_release_sends_githubs_series(hooked: GitHubSandbox, receiver: WebhookReceiver) -> None:
    """A new tag, then the three actions of a release, each with the same release in it."""
    release = hooked.publish_release(REPO, "v1.0", login="bob")
    hooked.await_deliveries()
    payload = receiver.received[3].payload
    found = payload["release"]

    assert sorted(receiver.names) == ["create", "push", "release created", "release published", "release released"]
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

    assert sorted(receiver.names)[2:] == ["release created", "release prereleased", "release published"]


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
    received = [item.payload for item in receiver.received if item.name == "issue_comment created"]
    comments = sorted(received, key=lambda payload: payload["issue"]["number"])

    assert [(issue, False, "mallory"), (pull, True, "mallory")] == [
        (item["issue"]["number"], "pull_request" in item["issue"], item["sender"]["login"]) for item in comments
    ]


def test_pull_request_events_follow_the_branch(hooked: GitHubSandbox, receiver: WebhookReceiver) -> None:
    """Opened with its counts, synchronize with both SHAs, closed when merged."""
    before = hooked.commit_files(REPO, {"a.txt": "1\n"}, branch="work")
    number = hooked.open_pull_request(REPO, "Work", head="work")
    hooked.await_deliveries()
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

    assert sorted(receiver.names) == ["installation_repositories added", "issues opened"]


def test_installation_events(hooked: GitHubSandbox, receiver: WebhookReceiver) -> None:
    """Installing, suspending and lifting are told, with the account."""
    hooked.create_user("carol", install=False)
    hooked.install_app("carol")
    hooked.suspend_installation("carol")
    hooked.suspend_installation("carol", suspended=False)
    hooked.await_deliveries()
    accounts = {item.payload["installation"]["account"]["login"] for item in receiver.received}

    assert sorted(receiver.names) == ["installation created", "installation suspend", "installation unsuspend"]
    assert accounts == {"carol"}


def test_webhooks_keep_to_githubs_description(hooked: GitHubSandbox) -> None:
    """Every kind the sandbox sends has the fields GitHub describes."""
    hooked.publish_release(REPO, "v1.0")
    hooked.publish_release(REPO, "v2.0rc1", prerelease=True)
    hooked.comment(REPO, hooked.open_issue(REPO, "Hello"), "/build")
    hooked.close_issue(REPO, 1)
    hooked.commit_files(REPO, {"a.txt": "1\n"}, branch="work")
    number = hooked.open_pull_request(REPO, "Work", head="work")
    hooked.commit_files(REPO, {"b.txt": "1\n"}, branch="work")
    hooked.await_deliveries()
    hooked.merge_pull_request(REPO, number)
    hooked.delete_ref(REPO, "heads/work")
    check = {"name": "hublish / ts", "head_sha": hooked.ref_sha(REPO, "heads/main")}
    token = hooked.make_installation_token(REPO)
    run = hooked.api("POST", f"/repos/{REPO}/check-runs", check, token=token).body["id"]
    done = {"status": "completed", "conclusion": "success"}
    hooked.api("PATCH", f"/repos/{REPO}/check-runs/{run}", done, token=token)
    hooked.suspend_installation("alice")
    hooked.suspend_installation("alice", suspended=False)
    hooked.select_repositories("alice", added=[REPO])
    hooked.await_deliveries()
    deliveries = hooked.deliveries()

    assert check_webhooks(deliveries) == ()
    assert {(item["event"], item["action"]) for item in deliveries} == {
        ("check_run", "completed"),
        ("check_run", "created"),
        ("create", None),
        ("delete", None),
        ("installation", "suspend"),
        ("installation", "unsuspend"),
        ("installation_repositories", "added"),
        ("issue_comment", "created"),
        ("issues", "closed"),
        ("issues", "opened"),
        ("pull_request", "closed"),
        ("pull_request", "opened"),
        ("pull_request", "synchronize"),
        ("push", None),
        ("release", "created"),
        ("release", "prereleased"),
        ("release", "published"),
        ("release", "released"),
    }
