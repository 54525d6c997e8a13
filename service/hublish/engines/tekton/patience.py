"""How long a cluster that does not answer is asked again: an API server may restart under a build.

It knows nothing of what is asked; what an answer means stands in `faults`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar

from kubernetes.client.exceptions import ApiException

from hublish.engines.tekton.faults import explain, is_refused_by_roles, status_of
from hublish.errors import EngineFailed

Value = TypeVar("Value")
PATIENCE_SECONDS = 120.0
# An API server that has just begun refuses everything until it has read its roles.
_ROLES_SECONDS = 15.0
_PAUSE_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Asks again what may pass.

    Attributes:
        seconds: how long.
    """

    seconds: float

    def call(self, what: str, call: Callable[[], Value]) -> Value:
        """Call until it is answered, or for too long.

        Args:
            what: the call, after "the cluster did not".
            call: may raise what the clients raise.

        Raises:
            EngineFailed: it was refused, or never answered.
        """
        began_at = time.monotonic()
        while True:
            try:
                with explain(what):
                    return call()
            except EngineFailed as failed:
                if time.monotonic() - began_at > self._find_patience(failed):
                    raise
            time.sleep(_PAUSE_SECONDS)

    def find(self, what: str, call: Callable[[], Value]) -> Value | None:
        """As `call`; None when there is no such object."""

        def find() -> Value | None:
            try:
                return call()
            except (ApiException, RuntimeError) as exc:
                if status_of(exc) == HTTPStatus.NOT_FOUND:
                    return None
                raise

        return self.call(what, find)

    def _find_patience(self, failed: EngineFailed) -> float:
        if failed.transient:
            return self.seconds
        return min(self.seconds, _ROLES_SECONDS) if is_refused_by_roles(failed) else 0.0
