"""GitHub's list of the App's deliveries, against the sandbox."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta

import pytest

from hublish.adapters.github import GitHubDeliveries
from hublish.adapters.github import deliveries as module
from hublish.errors import GitHubFailed
from tests.contract.github_parts import Scene

pytestmark = pytest.mark.github

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def open_issues(scene: Scene, *titles: str) -> None:
    """Let as many deliveries fail: the hook has no address."""
    scene.github.clear_deliveries()
    for title in titles:
        scene.github.open_issue(scene.name, title)
    scene.github.await_deliveries()


def test_pages_are_followed_by_their_cursor(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them, the newest first, with what GitHub says of each."""
    monkeypatch.setattr(module, "PAGE_SIZE", 2)
    open_issues(scene, "One", "Two", "Three")
    kept = scene.github.deliveries()
    listed = list(GitHubDeliveries(scene.app).list_deliveries(since=LONG_AGO))

    assert [(item.guid, item.event, item.action, item.answered) for item in listed] == [
        (item["guid"], "issues", "opened", False) for item in reversed(kept)
    ]
    assert scene.count_calls("GET", "/app/hook/deliveries") == 2


def test_list_ends_at_what_is_too_old(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Older pages are not asked for."""
    monkeypatch.setattr(module, "PAGE_SIZE", 2)
    open_issues(scene, "One", "Two", "Three")
    scene.github.age_deliveries(3600)
    scene.github.open_issue(scene.name, "Four")
    scene.github.await_deliveries()
    listed = list(GitHubDeliveries(scene.app).list_deliveries(since=datetime.now(UTC) - timedelta(minutes=30)))

    assert len(listed) == 1
    assert scene.count_calls("GET", "/app/hook/deliveries") == 1


def test_list_without_an_end_is_cut(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cursor that always leads on does not keep the sweep for ever."""
    monkeypatch.setattr(module, "PAGE_SIZE", 1)
    monkeypatch.setattr(module, "PAGE_LIMIT", 2)
    open_issues(scene, "One", "Two", "Three")

    assert len(list(GitHubDeliveries(scene.app).list_deliveries(since=LONG_AGO))) == 2


def test_each_page_has_a_budget_of_its_own(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two pages that fail three times each are both waited for."""
    monkeypatch.setattr(module, "PAGE_SIZE", 2)
    open_issues(scene, "One", "Two", "Three")
    listing = GitHubDeliveries(scene.app).list_deliveries(since=LONG_AGO)
    scene.github.add_fault(path_regex="/app/hook/deliveries$", status=502, times=3)
    first = list(itertools.islice(listing, 2))
    scene.github.add_fault(path_regex="/app/hook/deliveries$", status=502, times=3)
    rest = list(listing)

    assert (len(first), len(rest)) == (2, 1)
    assert scene.sleeps == [1.0, 2.0, 4.0] * 2


def test_payload_is_what_the_webhook_would_have_brought(scene: Scene) -> None:
    """The same JSON, whatever characters are in it."""
    open_issues(scene, "Größe \u202e 🐍")
    (kept,) = scene.github.deliveries()
    body = GitHubDeliveries(scene.app).fetch_payload(kept["id"])

    assert body is not None
    assert json.loads(body) == kept["payload"]


def test_delivery_github_no_longer_has_is_none(scene: Scene) -> None:
    """Dropped after three days, or kept without its payload."""
    log = GitHubDeliveries(scene.app)
    request = {"request": {"headers": None, "payload": None}}
    scene.github.add_fault(path_regex="/app/hook/deliveries/8$", status=200, body=request)
    found = [log.fetch_payload(999), log.fetch_payload(8)]
    scene.github.clear_calls()

    assert found == [None, None]


def test_list_that_is_none_is_refused(scene: Scene) -> None:
    """An answer of another shape ends in our own error."""
    scene.github.add_fault(path_regex="/app/hook/deliveries$", status=200, body={"x": 1})
    with pytest.raises(GitHubFailed, match="expected a list"):
        list(GitHubDeliveries(scene.app).list_deliveries(since=LONG_AGO))
    scene.github.clear_calls()
