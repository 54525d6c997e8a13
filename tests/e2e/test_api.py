"""The HTTP API as its page says: the page's own lines, with curl and openssl, against a running service."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.answers import find_runs, read_answers, wait_until
from tests.sandbox.town import ENDED, SOURCE_REPO, Town, make_reference

pytestmark = [pytest.mark.github, pytest.mark.registry]

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "order-builds-by-api.md"
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
CREATE, SIGN, ORDER, READ, LIST = BLOCKS


def run_page(town: Town, text: str, **environ: str) -> str:
    """Run lines of the page with this town's repository in place of the page's; returns what they print."""
    text = text.replace("octo/ts", SOURCE_REPO).replace("hublish token", f"{sys.executable} -m hublish.cli token")
    environment = {
        **os.environ,
        "HUBLISH_SETTINGS": str(town.folder / "settings.yaml"),
        "HUBLISH_URL": town.url,
        "no_proxy": "127.0.0.1",
        **environ,
    }
    command = ["sh", "-euc", text]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=300).stdout


def test_build_is_ordered_and_read_as_the_page_says(town: Town) -> None:
    """One build and one answer for two equal orders; nothing is said in a thread, and the digest is the registry's."""
    town.github.commit_files(SOURCE_REPO, {"notes/api.txt": "v1.0"}, message="change")
    sha = str(town.github.ref_sha(SOURCE_REPO, "heads/main"))
    town.github.create_tag(SOURCE_REPO, "v1.0")
    made = dict(line.split(maxsplit=1) for line in run_page(town, CREATE).splitlines())
    login = {"HUBLISH_TOKEN": made["token"], "HUBLISH_SECRET": made["secret"]}

    def send(line: str) -> dict[str, Any]:
        return dict(json.loads(run_page(town, SIGN + line, **login)))

    ordered = send(ORDER)
    wait_until(lambda: send(READ.replace("ID", ordered["id"]))["status"] in ENDED)
    ended = send(READ.replace("ID", ordered["id"]))
    repeated = send(ORDER)
    listed = send(LIST)["builds"]
    manifest = town.make_registry().fetch_manifest(make_reference(town, "v1.0"))
    other = send(ORDER.replace('"v1.0"', '"main"'))

    assert (ordered["status"] in ENDED, ordered["answer"], ordered["actor"]) == (False, None, "nightly")
    assert (ended["status"], ended["commit"]) == ("delivered", sha)
    assert manifest is not None
    assert ended["images"] == [{"title": "ts", "name": town.image, "digest": manifest.digest}]
    assert ended["answer"].startswith(f"{town.image}:v1.0 is {manifest.digest}; hub demo: ")
    assert repeated == ended
    assert listed[0] == ended
    assert other["code"] == "IdempotencyKeyReused"
    assert len(find_runs(town, "v1.0")) == 1
    assert read_answers(town, "v1.0") == []
