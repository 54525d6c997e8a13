"""Where a Step finds what it works with: the shared folder, its own Secret, the files of its results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from hublish.adapters.index import IndexRule
from hublish.adapters.registry import RegistryClient, RegistryRule
from hublish.adapters.source_archive import ArchiveSourceFetcher, SourceLimits
from hublish.adapters.source_archive.fetcher import FetchTarball, ListTree
from hublish.builders.layerindex.ownercache import OwnerCache, OwnerCaches, RemoteIndexes
from hublish.core.building import BuildRequest
from hublish.core.codec import parse_value
from hublish.core.plan import Trust
from hublish.core.podaccess import (
    ACCESS_FILE,
    AUTHORITIES_FILE,
    BUILD_SECRETS_FILE,
    REQUEST_FILE,
    PodAccess,
    parse_build_secrets,
)
from hublish.core.reference import Reference
from hublish.engines.runs import find_owner
from hublish.errors import RegistryFailed
from hublish.network import Network

RESULTS = ("IMAGE_URL", "IMAGE_DIGEST", "CHAINS-GIT_URL", "CHAINS-GIT_COMMIT")
_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


@dataclass(frozen=True, slots=True, kw_only=True)
class StepPlaces:
    """Folders and files of one Step.

    Attributes:
        work: shared by the Steps of the pod.
        secrets: of this Step alone; None for the one that builds, which asks nobody.
        results: name of a result -> file.
        build_secrets: what the Dockerfile's RUNs are given, in the Step that builds; the file is there when there is any.
    """

    work: Path
    secrets: Path | None
    results: Mapping[str, Path]
    build_secrets: Path | None = None

    @classmethod
    def find(cls, name: str, environ: Mapping[str, str]) -> StepPlaces:
        """As the Task lays them out."""
        own = Path(environ.get("HUBLISH_SECRETS", f"/secrets/{name}"))
        builds = name == "build"
        found = {result: environ.get(f"RESULT_{result.replace('-', '_')}") for result in RESULTS}
        return cls(
            work=Path(environ.get("HUBLISH_WORK", "/work")),
            secrets=None if builds else own,
            results={result: Path(path) for result, path in found.items() if path},
            build_secrets=own / BUILD_SECRETS_FILE if builds else None,
        )

    @property
    def request(self) -> Path:
        """The request: from the Step's own Secret, else as the first Step handed it on."""
        return (self.work if self.secrets is None else self.secrets) / REQUEST_FILE

    @property
    def workspace(self) -> Path:
        """Of layered builds."""
        return self.work / "layers"

    @property
    def index(self) -> Path:
        """Files of package indexes."""
        return self.work / "index"

    @property
    def bases(self) -> Path:
        """Images that a container build starts from."""
        return self.work / "bases"

    @property
    def files(self) -> Path:
        """What a script finds."""
        return self.work / "files"

    @property
    def image(self) -> Path:
        """What the build hands to the push."""
        return self.work / "image"

    def open_cache(
        self, request: BuildRequest, *, remote: RemoteIndexes | None = None, repositories: Sequence[Reference] = ()
    ) -> OwnerCache:
        """What the Steps know of layers: the pod's own folder, which every build may write to as it goes with the pod.

        Args:
            request: says whose build it is.
            remote: indexes of registries behind it.
            repositories: whose.
        """
        caches = OwnerCaches(self.workspace, remote=remote)
        return caches.open(owner=find_owner(request), trust=Trust.OWNER, repositories=repositories)


def load_request(places: StepPlaces) -> BuildRequest:
    """Load what is to be built.

    Raises:
        StoredValueInvalid: it is of another version of hublish.
        OSError: there is none.
    """
    return parse_value(BuildRequest, places.request.read_text(encoding="utf-8"))


def load_build_secrets(places: StepPlaces) -> dict[str, bytes]:
    """Load what the Dockerfile's RUNs are given, id -> bytes; empty when nothing is.

    Raises:
        StoredValueInvalid: it is of another version of hublish.
    """
    file = places.build_secrets
    return parse_build_secrets(file.read_bytes()) if file is not None and file.exists() else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """The clients a Step with a Secret may use."""

    access: PodAccess
    folder: Path

    @property
    def network(self) -> Network:
        """The way out."""
        authorities = self.folder / AUTHORITIES_FILE if self.access.has_authorities else None
        return Network(ca_file=authorities, proxies=self.access.proxies)

    def make_registry(self) -> RegistryClient:
        """A client of the registries that are listed, and of no other."""
        rules = {
            item.host: RegistryRule(
                plain_http=item.plain_http,
                token_hosts=frozenset(item.token_hosts),
                auth_file=None if item.auth_file is None else self.folder / item.auth_file,
            )
            for item in self.access.registries
        }
        return RegistryClient(rules=rules, allowed_hosts=frozenset(rules), network=self.network)

    def make_index_rules(self) -> dict[str, IndexRule]:
        """The package indexes that are listed."""
        return {
            item.host: IndexRule(
                mirror=item.mirror,
                plain_http=item.plain_http,
                auth_file=None if item.auth_file is None else self.folder / item.auth_file,
            )
            for item in self.access.indexes
        }


def open_door(folder: Path) -> Door:
    """Read a Step's Secret.

    Raises:
        StoredValueInvalid: it is of another version of hublish.
    """
    text = (folder / ACCESS_FILE).read_text(encoding="utf-8")
    return Door(access=parse_value(PodAccess, text), folder=folder)


@contextmanager
def explain_reading(place: Reference | None) -> Iterator[None]:
    """Name the setting where a registry refuses what was put beside an image for this Step to read.

    No login that can push is in the Step fetch, and whether a registry shows its images to everybody only it knows.

    Args:
        place: what is read inside the block; None where nothing is.

    Raises:
        RegistryFailed: it was refused; all else passes as it is.
    """
    try:
        yield
    except RegistryFailed as error:
        if place is None or error.status not in _REFUSED:
            raise
        raise RegistryFailed(
            f"{error.message} The Step fetch is given no login that can push, and none that only reads covers this.",
            hint=f"The operator names a login that only reads under `registries.{place.registry}.pull_auth_file`: pods take "
            "wheels that are built for them, and the files that these are made from, out of the image's repository.",
            transient=error.transient,
            status=error.status,
        ) from error


def make_sources(
    places: StepPlaces, *, fetch_tarball: FetchTarball, list_tree: ListTree | None, limits: SourceLimits
) -> ArchiveSourceFetcher:
    """The source trees of the shared folder."""
    return ArchiveSourceFetcher(
        fetch_tarball=fetch_tarball, list_tree=list_tree, cache=places.work / "sources", limits=limits
    )
