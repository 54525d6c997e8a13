"""Who may do what: hubs that consent or not, people who may write or not, webhooks that are not GitHub's."""

from __future__ import annotations

from contextlib import closing
from http.client import HTTPConnection

import pytest
import yaml

from tests.e2e.answers import wait_until
from tests.e2e.deliveries import post, read_deliveries, sign
from tests.e2e.refusals import release
from tests.sandbox.town import HUB_REPO, SOURCE_REPO, Town

pytestmark = [pytest.mark.github, pytest.mark.registry]


def test_hub_without_consent_gets_no_pull_request(quiet_town: Town) -> None:
    """A hub that accepts nothing from a repository is left alone; the image is pushed and the answer says why."""
    town = quiet_town
    settings = town.settings
    settings["hubs"]["demo"]["accept"] = []
    (town.folder / "settings.yaml").write_text(yaml.safe_dump(settings))
    town.start_service()

    answer = release(town, {})

    assert "HubRefused" in answer
    assert "the hub accepts no images from octocat/ts" in answer
    assert town.github.pull_requests(HUB_REPO) == []
    assert "v1.0" in town.registry.tags("team/ts")


def test_hub_consents_by_its_own_file(quiet_town: Town) -> None:
    """A hub's own `.hublish-hub.yaml` on its default branch is consent enough."""
    town = quiet_town
    town.settings["hubs"]["demo"]["accept"] = []
    (town.folder / "settings.yaml").write_text(yaml.safe_dump(town.settings))
    consent = yaml.safe_dump({"accept": [{"repo": SOURCE_REPO, "images": ["ts"]}]})
    town.github.commit_files(HUB_REPO, {".hublish-hub.yaml": consent}, message="consent", login="acme-admin")
    town.start_service()

    assert release(town, {}).startswith("**Delivered:**")
    assert len(town.github.pull_requests(HUB_REPO)) == 1


def test_image_of_another_repository_is_refused(town: Town) -> None:
    """An image that one repository delivered cannot be taken over by another of the same owner."""
    release(town, {})
    digest = town.registry.manifest_bytes("team/ts", "latest")
    town.github.create_repo("octocat/other", files=town.make_source_files({"six": "1.17.0"}))
    town.github.publish_release("octocat/other", "v9.0")
    town.wait_for_runs(2)
    sha = town.github.ref_sha("octocat/other", "tags/v9.0")
    (comment,) = town.github.commit_comments("octocat/other", sha)

    assert "belongs to another source repository" in comment["body"]
    assert town.registry.manifest_bytes("team/ts", "latest") == digest
    assert "v9.0" not in town.registry.tags("team/ts")


def test_reader_may_not_build_and_writer_may(town: Town) -> None:
    """`/build` needs write permission; a refusal says so, once."""
    number = town.github.open_issue(SOURCE_REPO, "please")
    town.github.comment(SOURCE_REPO, number, "/build", login="reader")
    town.wait_for_runs()
    town.github.comment(SOURCE_REPO, number, "/build main", login="writer")
    town.wait_for_runs(2)
    answers = [item["body"] for item in town.github.comments(SOURCE_REPO, number) if "hublish:" in item["body"]]

    assert [answer.split(":**")[0] for answer in answers] == ["**Not started", "**Delivered"]


def test_approver_of_the_default_branch_may_build_and_others_learn_who_can(town: Town) -> None:
    """OWNERS on another branch lets nobody in; on the default branch, where the config asks for it, its approvers build."""
    config = town.github.file_text(SOURCE_REPO, ".hublish.yaml")
    town.github.commit_files(SOURCE_REPO, {"OWNERS": "approvers: [reader]\n"}, message="me", branch="side")
    files = {".hublish.yaml": f"{config}approvers: {{owners: true}}\n", "OWNERS": "approvers: [outsider]\n"}
    town.github.commit_files(SOURCE_REPO, files, message="approvers")
    number = town.github.open_issue(SOURCE_REPO, "please")
    town.github.comment(SOURCE_REPO, number, "/build side", login="reader")
    town.wait_for_runs()
    town.github.commit_files(SOURCE_REPO, {"OWNERS": "approvers: [reader]\n"}, message="another approver")
    town.github.comment(SOURCE_REPO, number, "/build main", login="reader")
    town.wait_for_runs(2)
    answers = [item["body"] for item in town.github.comments(SOURCE_REPO, number) if "hublish:" in item["body"]]

    assert [answer.split(":**")[0] for answer in answers] == ["**Not started", "**Delivered"]
    assert "Ask somebody with write permission, or an approver in OWNERS (outsider) to do it." in answers[0]


def test_fork_pull_request_is_denied_with_the_reason(town: Town) -> None:
    """`/build` on a fork's pull request is refused even from somebody who may write."""
    town.github.create_user("stranger", install=False)
    fork = town.github.fork(SOURCE_REPO, login="stranger")
    town.github.commit_files(fork, {"x.txt": "x"}, message="x", branch="main", login="stranger")
    number = town.github.open_pull_request(SOURCE_REPO, head="stranger:main", title="x", login="stranger")
    town.github.comment(SOURCE_REPO, number, "/build", login="octocat")
    town.wait_for_runs()
    answers = [item["body"] for item in town.github.comments(SOURCE_REPO, number) if "hublish:" in item["body"]]

    assert len(answers) == 1
    assert "ForkWaits" in answers[0]
    assert town.registry.tags("team/ts") == ()


def test_person_on_the_branch_stops_the_pull_request(town: Town) -> None:
    """A branch that a person pushed to is left alone, and the answer says so."""
    release(town, {})
    town.github.commit_files(
        HUB_REPO, {"note.txt": "mine\n"}, message="mine", branch="hublish/octocat--ts", login="acme-admin"
    )
    head = town.github.ref_sha(HUB_REPO, "heads/hublish/octocat--ts")

    answer = release(town, {"x.txt": "x"}, tag="v1.1")

    assert "somebody pushed to hublish/octocat--ts" in answer
    assert town.github.ref_sha(HUB_REPO, "heads/hublish/octocat--ts") == head


def announce(town: Town, size: int, **headers: str) -> int:
    """Send the headers of a delivery of that size and none of its body; returns the status."""
    connection = HTTPConnection("127.0.0.1", town.port, timeout=120)
    with closing(connection):
        connection.putrequest("POST", "/webhook")
        for name, value in {**headers, "Content-Length": str(size)}.items():
            connection.putheader(name, value)
        connection.endheaders()
        return connection.getresponse().status


def test_webhooks_that_are_not_githubs_are_refused(town: Town) -> None:
    """Unsigned, wrongly signed, oversized and headless deliveries are refused; none is stored."""
    body = b'{"action":"published"}'
    headers = {"X-GitHub-Event": "release", "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958"}
    statuses = [
        post(town, body, **headers),
        post(town, body, **headers, **{"X-Hub-Signature-256": "sha256=" + "0" * 64}),
        post(town, body, **headers, **{"X-Hub-Signature": sign(town, body)}),
        announce(town, (25 << 20) + 1, **headers),
        post(town, body, **{"X-Hub-Signature-256": sign(town, body)}),
    ]

    assert statuses == [401, 401, 401, 413, 400]
    assert town.read_runs() == []


def test_non_json_and_unknown_webhooks_are_stored_and_ignored(town: Town) -> None:
    """A signed delivery that is no JSON or of an unknown event is accepted and starts nothing."""
    statuses = [
        post(
            town, body, **{"X-GitHub-Event": event, "X-GitHub-Delivery": "a-1", "X-Hub-Signature-256": sign(town, body)}
        )
        for event, body in (("release", b"not json"), ("brand_new_event", b"{}"))
    ]

    wait_until(lambda: all(row["state"] != "received" for row in read_deliveries(town)))

    assert statuses == [202, 202]
    assert [row["state"] for row in read_deliveries(town) if row["guid"] == "a-1"] == ["ignored", "ignored"]
    assert town.read_runs() == []
