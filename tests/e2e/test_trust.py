"""What is never given away, what a branch cannot decide, and every webhook GitHub has published an example of."""

from __future__ import annotations

import base64
import json
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from hublish.core.github.events import Ignored, parse_event
from tests.e2e.answers import publish, wait_until
from tests.e2e.deliveries import post_signed, read_deliveries
from tests.sandbox.github import GitHubSandbox
from tests.sandbox.registry import HTPASSWD, PASSWORD, USER, Registry
from tests.sandbox.town import ENDED, HUB_REPO, SOURCE_REPO, Town
from tests.sandbox.webhook_examples import load_webhook_examples

pytestmark = [pytest.mark.github, pytest.mark.registry]

TALKATIVE = (sys.executable, "-m", "tests.e2e.talkative_service")
TOKEN = re.compile(rb"\bgh[oprsu]_[A-Za-z0-9]|\beyJ[A-Za-z0-9_-]{8,}\.eyJ")


def find_secrets(files: list[Path], secrets: tuple[bytes, ...]) -> list[str]:
    """The files that hold one of the secrets, or anything of a token's shape."""
    bodies = {file: file.read_bytes() for file in files if file.is_file()}
    return [
        str(file)
        for file, body in bodies.items()
        if any(secret in body for secret in secrets) or TOKEN.search(body) is not None
    ]


def test_secrets_stay_out_of_everything_written(tmp_path: Path, github: GitHubSandbox) -> None:
    """Tokens, webhook secret, private key and registry password are in no log, database, file or answer, even at DEBUG."""
    with Town(tmp_path, github=github, serve=TALKATIVE) as town:
        town.registry.stop()
        town.registry = Registry.start(tmp_path / "closed-registry", htpasswd=HTPASSWD)
        basic = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        town.registry_login = tmp_path / "login.json"
        town.registry_login.write_text(json.dumps({"auths": {town.registry.host: {"auth": basic}}}))
        town.settle()
        town.start_service()

        delivered = publish(town, "v1.0")
        town.index.remove("six", "1.16.0")
        town.github.commit_files(SOURCE_REPO, town.make_source_files({"gone": "1.0"}), message="gone")
        town.index.remove("gone", "1.0")
        failed = publish(town, "v1.1")
        town.stop_service()
        key = github.private_key_path.read_bytes().splitlines()[3]
        secrets = (github.webhook_secret.encode(), key, f"{USER}:{PASSWORD}".encode(), basic.encode())
        written = [*(tmp_path / "data").rglob("*"), tmp_path / "service.log"]
        holders = [github.private_key_path, tmp_path / "webhook-secret", town.registry_login]
        sent = [call for call in github.calls() if call.request_body is not None]
        log = town.read_service_log()

        assert delivered.startswith("**Delivered:**")
        assert failed.startswith("**Not delivered:**")
        assert '"level": "debug"' in log
        assert len(written) > 20
        assert find_secrets(holders, secrets) == [str(file) for file in holders]
        assert find_secrets(written, secrets) == []
        assert [call.path for call in sent if TOKEN.search(json.dumps(call.request_body).encode())] == []


def test_branch_cannot_choose_where_its_image_goes(shared_town: Town) -> None:
    """Names, hubs and triggers count from the default branch: a branch that changes them changes nothing."""
    town = shared_town
    config = yaml.safe_load(str(town.github.file_text(SOURCE_REPO, ".hublish.yaml")))
    config |= {
        "image": {"name": f"{town.registry.host}/team/other", "tags": ["stolen"]},
        "triggers": {"comment": False},
    }
    files = {".hublish.yaml": yaml.safe_dump(config)}
    sha = town.github.commit_files(SOURCE_REPO, files, message="steal", branch="thief")
    number = town.github.open_issue(SOURCE_REPO, "please")
    town.github.comment(SOURCE_REPO, number, "/build thief", login="writer")
    wait_until(lambda: len(town.github.comments(SOURCE_REPO, number)) == 2 and town.read_runs()[0]["state"] in ENDED)
    answer = town.github.comments(SOURCE_REPO, number)[1]["body"]

    assert answer.startswith(f"**Delivered:** `thief` at {sha[:7]}")
    assert town.registry.tags("team/other") == ()
    assert f"thief-{sha[:7]}" in town.registry.tags("team/ts")
    assert "stolen" not in town.registry.tags("team/ts")
    assert town.github.pull_requests(HUB_REPO, state="all") == []


def test_every_published_webhook_is_taken_and_decided(shared_town: Town) -> None:
    """GitHub's 329 published payloads, signed and posted, are all answered 202 and decided as the golden table says."""
    town = shared_town
    examples = load_webhook_examples()
    bodies = [json.dumps(example.payload).encode() for example in examples]
    before = len(read_deliveries(town))

    def send(number: int) -> int:
        return post_signed(town, bodies[number], event=examples[number].event, guid=f"example-{number}")

    with ThreadPoolExecutor(8) as pool:
        statuses = set(pool.map(send, range(len(examples))))
    wait_until(lambda: all(row["state"] != "received" for row in read_deliveries(town)))
    rows = {row["guid"]: row for row in read_deliveries(town)[before:]}
    wait_until(lambda: all(run["state"] in ENDED for run in town.read_runs()))
    events = [parse_event(event=example.event, body=body) for example, body in zip(examples, bodies, strict=True)]
    expected = [("ignored", event.reason) if isinstance(event, Ignored) else ("accepted", "") for event in events]

    assert (len(examples), statuses) == (329, {202})
    assert [
        (rows[f"example-{number}"]["state"], rows[f"example-{number}"]["reason"]) for number in range(329)
    ] == expected
    assert publish(town, "v2.0").startswith("**Delivered:**")
