"""The database of hublish: SQLite in one file, or PostgreSQL, through SQLAlchemy Core. One class per port of `records`."""

from hublish.adapters.store.basewatches import BaseWatchStore
from hublish.adapters.store.builds import BuildStore
from hublish.adapters.store.cancels import CancelStore
from hublish.adapters.store.database import ensure_schema, find_file, open_database, open_existing_database
from hublish.adapters.store.deliveries import DeliveryStore
from hublish.adapters.store.images import ImageStore
from hublish.adapters.store.lock import hold
from hublish.adapters.store.newcomers import NewcomerStore
from hublish.adapters.store.queue import QueueStore
from hublish.adapters.store.replicas import ReplicaStore
from hublish.adapters.store.runs import RunStore
from hublish.adapters.store.steps import StepStore
from hublish.adapters.store.tokens import TokenStore

__all__ = [
    "BaseWatchStore",
    "BuildStore",
    "CancelStore",
    "DeliveryStore",
    "ImageStore",
    "NewcomerStore",
    "QueueStore",
    "ReplicaStore",
    "RunStore",
    "StepStore",
    "TokenStore",
    "ensure_schema",
    "find_file",
    "hold",
    "open_database",
    "open_existing_database",
]
