"""The pod of a build without a cluster: what it would give its Steps, in folders of this machine."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from hublish.adapters.github import GitHubApp
from hublish.bootstrap.pods.files import StepFileMaker
from hublish.bootstrap.steps import run_step
from hublish.core.building import BuildRequest
from hublish.core.codec import parse_value
from hublish.core.plan import Trust
from hublish.core.podlines import Message, parse_message
from hublish.network import Network
from hublish.settings import load_settings
from tests.sandbox.town import Town

RESULTS = ("IMAGE_URL", "IMAGE_DIGEST", "CHAINS_GIT_URL", "CHAINS_GIT_COMMIT")
STEP_SECONDS = 300


class Pod:
    """What a pod would give its Steps, in folders of this machine."""

    def __init__(
        self,
        town: Town,
        folder: Path,
        *,
        repository: str = "team/ts",
        index_keys: tuple[bytes, ...] = (),
        tried: bool = False,
    ) -> None:
        settings = load_settings({"HUBLISH_SETTINGS": str(town.folder / "settings.yaml")})
        app = GitHubApp(
            api_url=settings.github.api,
            app_id=settings.github.app_id,
            private_key_pem=settings.github.private_key_file.read_bytes(),
            network=Network(),
        )
        request = read_request(town)
        assert request.target is not None
        self.request = replace(
            request, name="build-steps", target=replace(request.target, repository=repository, tag="steps")
        )
        if tried:
            plan = replace(self.request.plan, trust=Trust.FORK, target_repository="")
            self.request = replace(self.request, plan=plan, target=None, siblings=(request.target,))
        self.folder = folder
        maker = StepFileMaker(
            settings=settings, mint_token=app.token_for_clone, find_secrets=lambda _: {}, index_keys=index_keys
        )
        self.files = maker.make(self.request)

    def run(self, step: str) -> int:
        """Run a Step with its own Secret in this process; returns its exit code."""
        return run_step(step, self._prepare(step))

    def start(self, step: str) -> list[str]:
        """Run a Step as the pod does, by the program's own command; returns what it printed."""
        environ = {"PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", ""), **self._prepare(step)}
        done = subprocess.run(
            [sys.executable, "-m", "hublish.cli", "step", step],
            env=environ,
            capture_output=True,
            text=True,
            timeout=STEP_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.splitlines()

    def _prepare(self, step: str) -> dict[str, str]:
        secrets = self.folder / f"secrets-{step}"
        secrets.mkdir()
        for name, body in self.files.get(step, {}).items():
            (secrets / name).write_bytes(body)
        (self.folder / "work").mkdir(exist_ok=True)
        environ = {"HUBLISH_WORK": str(self.folder / "work"), "HUBLISH_SECRETS": str(secrets)}
        results = {f"RESULT_{name}": str(self.folder / name) for name in RESULTS} if step == "push" else {}
        return {**environ, **results}

    def read_results(self) -> dict[str, str]:
        return {name: (self.folder / name).read_text() for name in RESULTS}


def read_request(town: Town) -> BuildRequest:
    """What the service stored of its one build."""
    with closing(sqlite3.connect(town.folder / "data" / "hublish.sqlite")) as connection:
        ((text,),) = connection.execute("select request from build_requests").fetchall()
    return parse_value(BuildRequest, text)


def read_messages(lines: str) -> list[Message]:
    return [message for line in lines.splitlines() if (message := parse_message(line)) is not None]
