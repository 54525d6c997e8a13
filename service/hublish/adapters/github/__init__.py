"""GitHub: the App's side of the REST API, behind the ports of `core.github_ports`.

One `GitHubApp` holds identity and tokens; small classes over it implement one port each. Nothing here decides what is
said or built.
"""

from hublish.adapters.github.app import AppIdentity, GitHubApp, Patience
from hublish.adapters.github.changes import GitHubChanges
from hublish.adapters.github.clone import GitHubClone
from hublish.adapters.github.conversation import GitHubConversation
from hublish.adapters.github.deliveries import GitHubDeliveries
from hublish.adapters.github.hub import GitHubHub
from hublish.adapters.github.permissions import APP_EVENTS, APP_PERMISSIONS
from hublish.adapters.github.reader import GitHubReader
from hublish.adapters.github.sources import GitHubSources
from hublish.adapters.github.standing import GitHubStanding

__all__ = [
    "APP_EVENTS",
    "APP_PERMISSIONS",
    "AppIdentity",
    "GitHubApp",
    "GitHubChanges",
    "GitHubClone",
    "GitHubConversation",
    "GitHubDeliveries",
    "GitHubHub",
    "GitHubReader",
    "GitHubSources",
    "GitHubStanding",
    "Patience",
]
