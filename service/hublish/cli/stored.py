"""The doors to what the service stored: its runs, the webhooks that it was sent, the tokens of its API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from hublish.core.access.tokens import Token
    from hublish.core.queue import Place
    from hublish.core.records import DeliveryEntry, Run
    from hublish.workflows.rehearsal import Rehearsal


class Records(Protocol):
    """The runs the service has stored."""

    def list_runs(self, limit: int) -> Sequence[Run]:
        """The latest runs, newest first."""

    def read_run(self, run_id: str) -> Run | None:
        """One run; None when there is none of that id."""

    def find_waits(self, runs: Sequence[Run]) -> Mapping[str, tuple[tuple[str, Place], ...]]:
        """Run id to the images whose builds wait, each with its place; without the runs that wait for nothing."""

    def read_log(self, run_id: str) -> str:
        """Its log as text; "" when it has none yet."""


class Deliveries(Protocol):
    """The webhooks the service has stored."""

    def list_entries(self, limit: int) -> Sequence[DeliveryEntry]:
        """What became of the latest ones, newest first."""

    def find_entry(self, name: str) -> DeliveryEntry | None:
        """One by its GUID or number; None when there is none."""

    def read_body(self, entry: DeliveryEntry) -> bytes:
        """Its payload."""

    def repeat(self, entry: DeliveryEntry) -> None:
        """Let the service look at it again."""

    def bring(self, event: str, body: bytes) -> str:
        """Store a payload as if GitHub had delivered it; returns its GUID."""

    def rehearse(self, event: str, body: bytes, *, again: bool) -> Rehearsal:
        """What it would come to; nothing is stored or sent."""


class Tokens(Protocol):
    """The tokens of the HTTP API."""

    def create(self, *, name: str, scopes: Sequence[str], days: int) -> tuple[Token, str]:
        """Make a token; returns it with its secret, which is shown nowhere again. Raises ValueInvalid."""

    def list_tokens(self) -> Sequence[Token]:
        """All tokens, the newest first."""

    def revoke(self, token_id: str) -> bool:
        """End a token at once; False when there is none of that id."""
