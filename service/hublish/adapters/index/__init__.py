"""The package index client: pages and files of a simple API, by the operator's map and nobody else's word.

`rules` decides which host may be asked and with what credentials, `transport` sends, follows and retries, `pages`
reads what came, `cache` keeps it on disk, `client` is the port. Nothing here chooses a wheel: that is the builder's.

Source: the simple repository API (PEP 503, 592, 658, 691, 700).
"""

from hublish.adapters.index.client import HTTPPackageIndex
from hublish.adapters.index.pip_configuration import PipConfiguration, read_pip_configuration
from hublish.adapters.index.rules import IndexRule, IndexRules
from hublish.adapters.index.transport import IndexTiming

__all__ = ["HTTPPackageIndex", "IndexRule", "IndexRules", "IndexTiming", "PipConfiguration", "read_pip_configuration"]
