"""What end-to-end tests do again and again: publish a release under a new commit, wait, read what the bot answered."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from tests.sandbox.town import ENDED, SOURCE_REPO, WAIT_SECONDS, Town

_ANSWER = re.compile(r"<!-- hublish:answer:[0-9a-f]+ -->$")


def commit_and_release(town: Town, tag: str, **release: Any) -> str:
    """Commit a file of the tag's name and publish a release there, without waiting; returns the commit's SHA."""
    sha = town.github.commit_files(SOURCE_REPO, {f"notes/{abs(hash(tag))}.txt": f"{tag}\n"}, message="change")
    town.github.publish_release(SOURCE_REPO, tag, **release)
    return sha


def publish(town: Town, tag: str, **release: Any) -> str:
    """Publish a release of a new commit, wait for the end of its run and return the one answer."""
    commit_and_release(town, tag, **release)
    wait_for_ref(town, tag)
    (answer,) = read_answers(town, tag)
    return answer


def read_answers(town: Town, tag: str) -> list[str]:
    """All comments on a tag's commit, oldest first; every one of them must be an answer of the bot."""
    sha = town.github.ref_sha(SOURCE_REPO, f"tags/{tag}")
    comments = town.github.commit_comments(SOURCE_REPO, str(sha))
    assert {comment["user"]["login"] for comment in comments} <= {town.github.bot_login}
    assert all(_ANSWER.search(comment["body"]) for comment in comments), comments
    return [str(comment["body"]) for comment in comments]


def redeliver_release(town: Town, tag: str) -> None:
    """Ask GitHub for the release's webhook again and wait until its new attempt has ended."""
    before = len(find_runs(town, tag))
    town.github.redeliver(find_delivery(town, tag)["id"])
    wait_for_ref(town, tag, count=before + 1)


def find_delivery(town: Town, tag: str) -> dict[str, Any]:
    """The first delivery of a tag's release."""
    return next(
        item
        for item in town.github.deliveries()
        if (item["event"], item["action"]) == ("release", "published") and item["payload"]["release"]["tag_name"] == tag
    )


def wait_through_crashes(town: Town, environ: Mapping[str, str], *, seconds: float) -> None:
    """Start the service anew after each of its deaths until all its runs have ended and it lives."""

    def is_answered() -> bool:
        if town.service is None or town.service.poll() is not None:
            town.service = None
            try:
                town.start_service(**environ)
            except RuntimeError:
                return False  # it died while starting: a point was reached at once
        runs = town.read_runs()
        return bool(runs) and all(run["state"] in ENDED for run in runs) and town.service.poll() is None

    wait_until(is_answered, seconds=seconds)


def find_runs(town: Town, ref: str) -> list[dict[str, Any]]:
    """The runs of a ref, newest first."""
    return [run for run in town.read_runs() if run["ref"] == ref]


def wait_for_ref(town: Town, ref: str, *, count: int = 1, seconds: float = WAIT_SECONDS) -> list[dict[str, Any]]:
    """Wait until so many runs of a ref have ended; returns them, newest first."""
    try:
        wait_until(lambda: sum(run["state"] in ENDED for run in find_runs(town, ref)) >= count, seconds=seconds)
    except TimeoutError as error:
        log = town.read_service_log()[-5000:]
        raise AssertionError(f"no {count} ended runs of {ref!r}: {town.read_runs()}\n{log}") from error
    return find_runs(town, ref)


def wait_until(condition: Callable[[], bool], *, seconds: float = WAIT_SECONDS) -> None:
    """Wait until a condition holds; TimeoutError when it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not so after {seconds} s")
        time.sleep(0.05)
