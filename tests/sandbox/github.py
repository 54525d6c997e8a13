"""A GitHub on this machine for tests and the demo: starts the patched emulator, seeds it, plays its people, reads it.

It knows nothing of pytest. People act through the same REST calls real people's clients make, so that webhooks arise
as they do on GitHub; only what GitHub has no call for (accounts, faults, reset) goes through the emulator's control
door `/_sandbox/`.
"""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.sandbox.github_accounts import SandboxAccounts
from tests.sandbox.github_client import Answer, Call, SandboxFailed

__all__ = ["APP_EVENTS", "APP_PERMISSIONS", "Answer", "Call", "GitHubSandbox", "SandboxFailed"]

SANDBOX_FOLDER = Path(__file__).parent
START_SECONDS = 120

# What the App may do: the table the installation flow shows; tests narrow it per token.
APP_PERMISSIONS: Mapping[str, str] = {
    "checks": "write",
    "contents": "write",
    "issues": "write",
    "members": "read",
    "metadata": "read",
    "pull_requests": "write",
    "statuses": "write",
}
APP_EVENTS: tuple[str, ...] = (
    "check_run",
    "create",
    "delete",
    "issue_comment",
    "issues",
    "pull_request",
    "push",
    "release",
)


class GitHubSandbox(SandboxAccounts):
    """A running GitHub. Use as a context manager, or call `close`."""

    def __init__(self, process: subprocess.Popen[bytes], *, api_url: str, config: Mapping[str, Any]) -> None:
        super().__init__(api_url)
        self._process = process
        self._seed: Callable[[GitHubSandbox], None] | None = None
        self.app_id = int(config["app_id"])
        self.app_slug = str(config["slug"])
        self.bot_login = f"{self.app_slug}[bot]"
        self.private_key_path = Path(config["private_key_file"])
        self.webhook_secret = str(config["webhook_secret"])

    @classmethod
    def start(
        cls, folder: Path, *, seed: Callable[[GitHubSandbox], None] | None = None, address: str = "127.0.0.1"
    ) -> Self:
        """Start a GitHub whose files (key, bare repositories, log) lie in `folder`.

        Args:
            folder: made if missing; nothing outside it is written.
            seed: fills the new GitHub, now and after each reset.
            address: of this machine, which its URLs name; one that pods reach, say.
        """
        node = SANDBOX_FOLDER / "node_modules" / ".bin" / "node"
        if not node.exists():
            raise SandboxFailed(f"the GitHub sandbox is not installed: run {SANDBOX_FOLDER / 'install.sh'}")
        folder.mkdir(parents=True, exist_ok=True)
        config = _write_config(folder, address=address)
        with (folder / "emulator.log").open("wb") as log:
            process = subprocess.Popen(
                [str(node), str(SANDBOX_FOLDER / "emulator" / "main.mjs"), str(folder / "config.json")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=folder,
            )
        line = _read_first_line(process)
        if line is None:
            process.kill()
            process.wait()
            _close_pipes(process)
            tail = (folder / "emulator.log").read_text(errors="replace")[-2000:]
            raise SandboxFailed(f"the GitHub sandbox did not start within {START_SECONDS} s: {tail}")
        sandbox = cls(process, api_url=json.loads(line)["url"], config=config)
        sandbox._seed = seed
        if seed is not None:
            seed(sandbox)
        return sandbox

    def close(self) -> None:
        """Stop the emulator; its input ends, and so does it."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        _close_pipes(self._process)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    # -- the sandbox itself ------------------------------------------------------------------------------------------

    def reset(self) -> None:
        """Forget everything, faults and the webhook's URL included, and seed anew."""
        self._control("reset")
        self._tokens.clear()
        self._admins.clear()
        if self._seed is not None:
            self._seed(self)

    def make_jwt(self, *, lifetime_seconds: int = 300) -> str:
        """A JSON Web Token as the App signs it."""
        now = int(time.time())
        claims = {"iat": now - 10, "exp": now + lifetime_seconds, "iss": str(self.app_id)}
        return jwt.encode(claims, self.private_key_path.read_bytes(), algorithm="RS256")

    def make_installation_token(self, full_name: str, body: Mapping[str, object] | None = None) -> str:
        """A token of the installation that covers a repository, narrowed by the body of GitHub's call."""
        token = self.make_jwt()
        installation = self.api("GET", f"/repos/{full_name}/installation", token=token).body["id"]
        path = f"/app/installations/{installation}/access_tokens"
        return str(self.api("POST", path, dict(body or {}), token=token).body["token"])

    def set_webhook_url(self, url: str | None) -> None:
        """Where the App's deliveries go; None keeps them undelivered (they are still listed)."""
        self._control("hook", {"url": url})

    def set_options(
        self,
        *,
        reorder_webhooks: bool | None = None,
        token_lifetime_seconds: float | None = None,
        rate_limit: int | None = None,
    ) -> None:
        """Change how this GitHub behaves until the next reset; None leaves an option as it is."""
        options = {
            "reorder_webhooks": reorder_webhooks,
            "token_lifetime_seconds": token_lifetime_seconds,
            "rate_limit": rate_limit,
        }
        self._control("options", {name: value for name, value in options.items() if value is not None})

    def add_fault(
        self,
        *,
        method: str | None = None,
        path_regex: str = ".*",
        status: int | None = None,
        body: object = None,
        delay_seconds: float = 0,
        drop: bool = False,
        after: bool = False,
        times: int = 1,
        retry_after: int | None = None,
    ) -> None:
        """Make the next matching calls go wrong.

        Args:
            method: e.g. "POST"; None matches all.
            path_regex: searched in the path, without the query.
            status: answered instead of the truth.
            body: answered with `status`; a text is sent as it is, anything else as JSON; None makes GitHub's shape.
            delay_seconds: waited first.
            drop: close the connection without an answer.
            after: let the call take effect first, then answer with the fault.
            times: how many calls it meets.
            retry_after: the header's value in seconds.
        """
        self._control(
            "faults",
            {
                "method": method,
                "path_regex": path_regex,
                "status": status,
                "body": body,
                "delay_seconds": delay_seconds,
                "drop": drop,
                "after": after,
                "times": times,
                "retry_after": retry_after,
            },
        )

    def add_secondary_limit(self, *, path_regex: str = ".*", retry_after: int = 1, times: int = 1) -> None:
        """Answer the next matching calls with GitHub's secondary rate limit."""
        message = (
            "You have exceeded a secondary rate limit. Please wait a few minutes before you try again. "
            "For more on scraping GitHub and how it may affect your rights, please review our Terms of Service."
        )
        url = "https://docs.github.com/free-pro-team@latest/rest/overview/rate-limits-for-the-rest-api"
        body = {"message": message, "documentation_url": f"{url}#about-secondary-rate-limits"}
        self.add_fault(path_regex=path_regex, status=403, body=body, retry_after=retry_after, times=times)

    def clear_faults(self) -> None:
        """Remove the faults not used up yet, of webhooks too."""
        self._control("clear-faults")

    def drop_webhooks(self, count: int) -> None:
        """Do not deliver the next `count` webhooks; they are listed as failed and can be redelivered."""
        self._control("webhook-faults", {"drop": count})

    def duplicate_webhooks(self, count: int) -> None:
        """Deliver the next `count` webhooks twice, with one GUID."""
        self._control("webhook-faults", {"duplicate": count})

    def await_deliveries(self) -> None:
        """Wait until every webhook that arose so far was answered."""
        self._control("idle")

    def calls(self, *, caller: str | None = None) -> tuple[Call, ...]:
        """The requests seen since the start or `clear_calls`, oldest first; `caller` as in `Call`."""
        rows = tuple(Call(**row) for row in self._control("calls"))
        return rows if caller is None else tuple(row for row in rows if row.caller == caller)

    def clear_calls(self) -> None:
        """Forget the requests seen so far."""
        self._control("clear-calls")

    def redeliver(self, delivery_id: int) -> int:
        """Deliver again, with the same GUID; returns the id of the new attempt."""
        return int(self._control("redeliver", {"id": delivery_id})["id"])


def _write_config(folder: Path, *, address: str) -> dict[str, Any]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    key_path = folder / "app.pem"
    key_path.write_bytes(pem)
    key_path.chmod(0o600)
    git_folder = folder / "git"
    git_folder.mkdir(exist_ok=True)
    config: dict[str, Any] = {
        "app_id": 424242,
        "slug": "hublish-sandbox",
        "name": "hublish sandbox",
        "private_key_file": str(key_path.resolve()),
        "webhook_secret": "a-secret-of-the-sandbox-only",
        "permissions": dict(APP_PERMISSIONS),
        "events": list(APP_EVENTS),
        "git_folder": str(git_folder.resolve()),
        "address": address,
    }
    (folder / "config.json").write_text(json.dumps(config))
    return config


def _read_first_line(process: subprocess.Popen[bytes]) -> bytes | None:
    """The first line the emulator prints; None when it ends or is silent for too long."""
    lines: list[bytes] = []

    def read() -> None:
        if process.stdout is not None:
            lines.append(process.stdout.readline())

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    reader.join(START_SECONDS)
    return lines[0] if lines and lines[0] else None


def _close_pipes(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
