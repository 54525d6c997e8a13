"""The package indexes of a user's own machine: what pip is configured for, opened when a build first needs one.

Most builds need none, and asking pip takes longer than such a build; nor is the client imported before.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hublish.bootstrap.clients import make_index_rules
from hublish.bootstrap.options import WorkbenchOptions
from hublish.core.locks.lock import IndexSource
from hublish.core.ports import IndexFile, PackageIndex
from hublish.network import Network

if TYPE_CHECKING:
    from hublish.adapters.index import HTTPPackageIndex, PipConfiguration

PLACEHOLDER_URL = "https://index.example.invalid/simple"


class UserIndex:
    """`hublish.core.ports.PackageIndex` by options, settings and pip; safe to share between threads.

    Args:
        options: of the workbench.
        network: the way out.
    """

    def __init__(self, options: WorkbenchOptions, network: Network) -> None:
        self._options = options
        self._network = network
        self._lock = threading.Lock()
        self._pip: PipConfiguration | None = None
        self._asked = False
        self._index: PackageIndex | None = None

    def list_files(
        self, source: IndexSource, name: str, *, hashes: AbstractSet[str] | None = None
    ) -> tuple[IndexFile, ...]:
        """See the port."""
        return self._open().list_files(source, name, hashes=hashes)

    def fetch_file(self, source: IndexSource, file: IndexFile, progress: Callable[[int], None] | None = None) -> Path:
        """See the port."""
        return self._open().fetch_file(source, file, progress)

    def find_file(self, file: IndexFile) -> Path | None:
        """See the port."""
        return self._open().find_file(file)

    def fetch_metadata(self, source: IndexSource, file: IndexFile) -> bytes | None:
        """See the port."""
        return self._open().fetch_metadata(source, file)

    def find_url(self) -> str | None:
        """The index that pip is configured for; None when there is no pip. It may hold a login: never show it."""
        with self._lock:
            return self._find_url()

    def find_default(self) -> str:
        """Find the index of locks that name none, as `find_default_index`; pip is asked only if it matters."""
        return find_default_index(self._options, find_pip_index=self.find_url)

    def _open(self) -> PackageIndex:
        with self._lock:
            if self._index is None:
                self._index = _make_index(
                    self._options,
                    self._network,
                    pip_index=self._find_url(),
                    pip_ca=None if self._pip is None else self._pip.ca_file,
                )
            return self._index

    def _find_url(self) -> str | None:
        from hublish.adapters.index import read_pip_configuration  # noqa: PLC0415  # see the module's docstring

        if not self._asked:
            self._pip = read_pip_configuration(self._options.environ)
            self._asked = True
        return None if self._pip is None else self._pip.index_url


def find_default_index(options: WorkbenchOptions, *, find_pip_index: Callable[[], str | None]) -> str:
    """Find the index of locks that name none: the settings', else that of pip under the name that is mapped to it.

    pip's own URL may hold a login, and a plan is shown and kept.

    Args:
        options: of the workbench.
        find_pip_index: tells what pip is configured for, or None.

    Returns:
        URL of the simple API; "" when there is none.
    """
    if options.settings is not None and options.settings.default_index is not None:
        return options.settings.default_index.rstrip("/")
    return PLACEHOLDER_URL if PLACEHOLDER_URL in options.index_map or find_pip_index() is not None else ""


def _make_index(
    options: WorkbenchOptions, network: Network, *, pip_index: str | None, pip_ca: Path | None
) -> HTTPPackageIndex:
    from hublish.adapters.index import HTTPPackageIndex, IndexRule  # noqa: PLC0415  # see the module's docstring

    rules = make_index_rules(options.settings) if options.settings else {}
    mirrors = dict(options.index_map)
    if pip_index is not None:
        # Locks of documentation and tests name a host that cannot exist; this user's own index stands in for it.
        mirrors.setdefault(PLACEHOLDER_URL, pip_index)
    for url, mirror in mirrors.items():
        host = urlsplit(mirror).netloc.rpartition("@")[2]
        rules[urlsplit(url).netloc] = IndexRule(mirror=mirror, plain_http=host in options.plain_http)
    for host in options.plain_http:
        rules.setdefault(host, IndexRule(plain_http=True))
    return HTTPPackageIndex(
        rules=rules,
        allow_unlisted=True,
        cache=options.cache / "index",
        environ=options.environ,
        network=network if network.ca_file is not None else replace(network, ca_file=pip_ca),
    )
