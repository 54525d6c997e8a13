"""GitHub under a token that somebody else minted: what a pod needs to fetch the source, and nothing more.

The App's key stays with the service; this token reads the contents of one repository, and ends by itself.
"""

from __future__ import annotations

from hublish.adapters.github.app import GitHubApp, _TokenKey
from hublish.network import Network


class GitHubClone(GitHubApp):
    """Sessions of one repository under one token; whatever the App itself could do is refused by GitHub.

    Args:
        api_url: root of the API.
        token: of the installation, narrowed to the repository.
        network: the way out.
    """

    def __init__(self, *, api_url: str, token: str, network: Network) -> None:
        super().__init__(api_url=api_url, app_id=0, private_key_pem=b"", network=network)
        self._token = token

    def _fetch_token(self, key: _TokenKey) -> str:  # noqa: ARG002 -- there is one token for everything
        return self._token

    def _forget_token(self, key: _TokenKey, token: str) -> None:
        """Nothing: no other can be minted here."""
