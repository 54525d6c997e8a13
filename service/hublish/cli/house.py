"""What the command line asks of the rest of the house, as narrow doors, and the real doors behind them.

Behind the doors are the web framework, the workflow engine and every client; a pre-commit hook that only validates a
file must not wait for them. So the real house opens each door when a command first needs it, and imports what is behind
that one only.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from hublish.cli.stored import Deliveries, Records, Tokens

if TYPE_CHECKING:
    from hublish.builders.planning.planner import Planned
    from hublish.builders.verification.verdict import OpenedImage, Verification
    from hublish.core.building import BuildSucceeded
    from hublish.core.config.file import Config, ImageConfig, ParsedConfig
    from hublish.core.github.manifest import CreatedApp
    from hublish.core.output import Output
    from hublish.core.plan import Plan
    from hublish.core.ports import ProgressSink, Source
    from hublish.core.reference import Reference
    from hublish.settings import Settings
    from hublish.workflows.rehearsal import Rehearsal


class Check(Protocol):
    """One line of `hublish doctor`: what was looked at, whether it is well, what was seen, what to do."""

    @property
    def name(self) -> str:
        """What was checked, e.g. "package index"."""

    @property
    def ok(self) -> bool:
        """Whether it is as it should be."""

    @property
    def detail(self) -> str:
        """What was seen, in one line."""

    @property
    def hint(self) -> str:
        """What to do; empty when all is well."""


class Workbench(Protocol):
    """A folder on this machine, planned and built."""

    def open_folder(self, path: Path) -> Source:
        """Open a folder as a source tree."""

    def read_config(self, source: Source, *, repository_name: str | None) -> ParsedConfig:
        """Read the config of an opened source."""

    def plan(
        self, source: Source, config: Config, image: ImageConfig, *, base: str | None, log: Callable[[str], None]
    ) -> Planned:
        """Plan one image; `base` overrides what the config says."""

    def build(
        self,
        plan: Plan,
        source: Source,
        *,
        output: Output,
        log: Callable[[str], None],
        progress: ProgressSink,
        cancelled: Callable[[], bool],
    ) -> BuildSucceeded:
        """Build a plan and put the image where `output` says."""

    def lock(
        self,
        config: Config,
        pipfile: bytes,
        *,
        python_version: str | None,
        base: str | None,
        log: Callable[[str], None],
        cancelled: Callable[[], bool],
    ) -> bytes:
        """The lock that pipenv makes of a Pipfile in a container of the base."""

    def open_image(self, text: str) -> OpenedImage:
        """Open an image that is to be verified."""

    def verify(
        self,
        opened: OpenedImage,
        plan: Plan,
        source: Source,
        *,
        log: Callable[[str], None],
        progress: ProgressSink,
        cancelled: Callable[[], bool],
    ) -> Verification:
        """Rebuild it with nothing kept from earlier builds, and compare."""

    def check_environment(self, *, cluster: bool, say: Callable[[str], None]) -> Sequence[Check]:
        """What this machine offers, and what is missing; with `cluster` what pods of builds meet there, too.

        `say` is told what is waited for.
        """


class Locker(Protocol):
    """Makes a Pipfile.lock."""

    def lock_here(
        self, folder: Path, pipfile: bytes, *, log: Callable[[str], None], cancelled: Callable[[], bool]
    ) -> bytes:
        """The lock that the pipenv of this machine makes of a Pipfile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkbenchChoice:
    """What the options of a command say about the workbench.

    Attributes:
        cache: folder of everything that may be kept between builds.
        plain_http: registry and index hosts that may be spoken to without TLS.
        index_map: package index URL of a lock -> URL to use instead.
        workers: processes and threads at work; None lets the machine decide.
        check_packages: planning looks whether the packages fit together, which may fetch them.
        cache_key: file of the key that signs layer indexes in registries; None leaves those out.
        cache_repositories: whose layer indexes are asked, in this order.
        engine: container engine of what is built in containers; None takes what works here.
        build_secrets: id -> file: what `RUN --mount=type=secret` is given.
    """

    cache: Path
    plain_http: frozenset[str] = frozenset()
    index_map: Mapping[str, str] | None = None
    workers: int | None = None
    check_packages: bool = False
    cache_key: Path | None = None
    cache_repositories: tuple[Reference, ...] = ()
    engine: str | None = None
    build_secrets: Mapping[str, Path] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AppRequest:
    """The App that is to be created; as `hublish.bootstrap.appcreation.AppWish`."""

    name: str
    public_url: str
    organization: str | None
    folder: Path
    port: int


class House(Protocol):
    """All doors the command line knows."""

    def open_workbench(self, choice: WorkbenchChoice) -> Workbench:
        """The workbench of this machine, with the operator's settings if HUBLISH_SETTINGS names them."""

    def open_locker(self, *, index_map: Mapping[str, str]) -> Locker:
        """What makes locks on this machine; `index_map` has the indexes that are asked instead of a Pipfile's."""

    def run_service(self, *, host: str, port: int) -> None:
        """Serve until told to stop."""

    def open_records(self) -> Records:
        """The runs stored where the operator's settings say."""

    def open_deliveries(self, *, make: bool = False) -> Deliveries:
        """The webhooks stored there; with `make` the database is made where there is none."""

    def rehearse(self, event: str, body: bytes) -> Rehearsal:
        """What a payload would come to; nothing is stored or sent, and no database is made."""

    def open_tokens(self, *, make: bool = False) -> Tokens:
        """The tokens of the API stored there; with `make` the database is made where there is none."""

    def preview_app(self, request: AppRequest) -> Mapping[str, object]:
        """The manifest that GitHub would get."""

    def create_app(self, request: AppRequest, *, say: Callable[[str], None]) -> CreatedApp:
        """Lead a person through GitHub's manifest flow; `say` is told the address to open."""


@contextmanager
def uncollected() -> Iterator[None]:
    """Import modules in the block without searching for garbage meanwhile, and never search what they hold.

    Modules live as long as the process: the searches that their many objects set off take a fifth of the imports' time.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


class RealHouse:
    """The doors of `hublish.bootstrap` and `hublish.settings`."""

    def open_workbench(self, choice: WorkbenchChoice) -> Workbench:
        """See House."""
        with uncollected():
            from hublish.bootstrap import options, workbench  # noqa: PLC0415  # start-up time, see the module's docstring

        return workbench.open_workbench(
            options.WorkbenchOptions(
                environ=os.environ,
                cache=choice.cache,
                plain_http=choice.plain_http,
                index_map=choice.index_map or {},
                bases={},
                settings=_load_settings() if os.environ.get("HUBLISH_SETTINGS") else None,
                workers=choice.workers,
                check_packages=choice.check_packages,
                cache_key=choice.cache_key,
                cache_repositories=choice.cache_repositories,
                engine=choice.engine,
                build_secrets=choice.build_secrets or {},
            )
        )

    def open_locker(self, *, index_map: Mapping[str, str]) -> Locker:
        """See House."""
        with uncollected():
            from hublish.bootstrap import locking  # noqa: PLC0415  # start-up time, see the module's docstring

        return locking.Locker(environ=os.environ, index_map=index_map)

    def run_service(self, *, host: str, port: int) -> None:
        """See House."""
        with uncollected():
            from hublish.bootstrap import service  # noqa: PLC0415  # start-up time, see the module's docstring

        service.run_service(_load_settings(), host=host, port=port)

    def open_records(self) -> Records:
        """See House."""
        with uncollected():
            from hublish.bootstrap import records  # noqa: PLC0415  # start-up time, see the module's docstring

        return records.open_records(_load_settings())

    def open_deliveries(self, *, make: bool = False) -> Deliveries:
        """See House."""
        with uncollected():
            from hublish.bootstrap import deliveries  # noqa: PLC0415  # start-up time, see the module's docstring

        return deliveries.open_deliveries(_load_settings(), make=make)

    def rehearse(self, event: str, body: bytes) -> Rehearsal:
        """See House."""
        with uncollected():
            from hublish.bootstrap import deliveries  # noqa: PLC0415  # start-up time, see the module's docstring

        return deliveries.rehearse_payload(_load_settings(), event, body)

    def open_tokens(self, *, make: bool = False) -> Tokens:
        """See House."""
        with uncollected():
            from hublish.bootstrap import tokens  # noqa: PLC0415  # start-up time, see the module's docstring

        return tokens.open_tokens(_load_settings(), make=make)

    def preview_app(self, request: AppRequest) -> Mapping[str, object]:
        """See House."""
        from hublish.bootstrap import appcreation  # noqa: PLC0415  # start-up time, see the module's docstring

        return appcreation.preview_manifest(appcreation.AppWish(**asdict(request)))

    def create_app(self, request: AppRequest, *, say: Callable[[str], None]) -> CreatedApp:
        """See House."""
        from hublish.bootstrap import appcreation  # noqa: PLC0415  # start-up time, see the module's docstring
        from hublish.firstsettings import load_first_settings  # noqa: PLC0415  # the same

        wish = appcreation.AppWish(**asdict(request))
        return appcreation.create_app(wish, load_first_settings(os.environ), say=say)


def _load_settings() -> Settings:
    from hublish.settings import load_settings  # noqa: PLC0415  # start-up time, see the module's docstring

    return load_settings(os.environ)
