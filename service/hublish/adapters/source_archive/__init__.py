"""The tree of a commit from GitHub's tarball: unpacked under guards, kept on disk once per commit.

`unpack` reads the tarball, `store` keeps what came out of it, `fetcher` is the port. How a tarball is had is not known
here: the GitHub side hands in two functions.
"""

from hublish.adapters.source_archive.fetcher import ArchiveSourceFetcher, FetchTarball, ListTree
from hublish.adapters.source_archive.store import StoredSource
from hublish.core.source_rules import SourceLimits

__all__ = ["ArchiveSourceFetcher", "FetchTarball", "ListTree", "SourceLimits", "StoredSource"]
