"""The workbench: folders planned on this machine, with a base from a layout on disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from hublish.bootstrap.options import WorkbenchOptions
from hublish.bootstrap.workbench import Workbench, find_network, open_workbench
from hublish.builders.planning.planner import Planned
from hublish.core.config.file import Config
from hublish.core.output import Output, OutputKind
from hublish.core.plan import Strategy, Trust
from hublish.core.proxy import Proxies, Proxy
from hublish.core.reference import Reference
from hublish.errors import BuildFailed, ReferenceInvalid, SettingsInvalid, StrategyUnavailable
from hublish.network import Network
from hublish.settings import parse_settings
from tests.base_layout import write_base_layout
from tests.sandbox.wheels import make_lock

NAME = Reference(registry="registry.example.org", repository="team/ts", tag="v1")
CONFIG = "version: 1\nimage: {name: registry.example.org/team/ts}\n"
SETTINGS = """\
github: {app_id: 1, private_key_file: key.pem, webhook_secret_files: [secret]}
public_url: https://hublish.example.com
data: data
database: sqlite:///hublish.sqlite
"""


def open_bench(tmp_path: Path, *, bases: Mapping[str, str] | None = None, engine: str | None = None) -> Workbench:
    """A workbench that knows no settings and no pip, so that nothing is ever asked."""
    return open_workbench(
        WorkbenchOptions(
            environ={"PATH": ""},
            cache=tmp_path / "cache",
            plain_http=frozenset({"127.0.0.1:5000"}),
            index_map={},
            bases=bases or {},
            settings=None,
            workers=1,
            engine=engine,
        )
    )


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    """A layout that holds the tiny base and nothing else."""
    return write_base_layout(tmp_path / "base")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A folder with config, Pipfile and lock."""
    folder = tmp_path / "ts"
    folder.mkdir()
    pipfile, lock = make_lock({"six": "1.17.0"}, hashes={"six": ["sha256:" + "a" * 64]})
    for name, text in ((".hublish.yaml", CONFIG), ("Pipfile", pipfile), ("Pipfile.lock", lock)):
        (folder / name).write_text(text)
    return folder


def read(bench: Workbench, repository: Path) -> Config:
    parsed = bench.read_config(bench.open_folder(repository), repository_name="ts")
    assert parsed.config is not None
    return parsed.config


def plan(bench: Workbench, repository: Path, base: str | None) -> Planned:
    config = read(bench, repository)
    return bench.plan(bench.open_folder(repository), config, config.images[0], base=base)


def test_folder_is_planned_on_a_base_from_a_layout(tmp_path: Path, repository: Path, layout: Path) -> None:
    """No registry is asked; the plan is the owner's own, under no repository of GitHub."""
    made = plan(open_bench(tmp_path), repository, f"oci:{layout}").plan

    assert made is not None
    assert made.strategy is Strategy.LAYERED
    assert made.python_full_version == "3.11.2"
    assert [package.name for package in made.packages if package.name != "pip"] == ["six"]
    assert (made.trust, made.source_repo_id, made.target_repository) == (
        Trust.OWNER,
        0,
        "registry.example.org/team/ts",
    )


def test_folder_without_a_config_has_none(tmp_path: Path, repository: Path) -> None:
    """That is no fault: the command line says what it assumes."""
    (repository / ".hublish.yaml").unlink()
    bench = open_bench(tmp_path)
    parsed = bench.read_config(bench.open_folder(repository), repository_name="ts")

    assert (parsed.config, parsed.findings) == (None, ())


def test_layout_without_an_image_is_no_base(tmp_path: Path, repository: Path) -> None:
    """Named with what is expected."""
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (empty / "index.json").write_text('{"schemaVersion": 2, "manifests": []}')
    with pytest.raises(BuildFailed, match="does not hold exactly one image"):
        plan(open_bench(tmp_path), repository, f"oci:{empty}")


def test_base_that_is_no_reference_is_refused(tmp_path: Path, repository: Path) -> None:
    """From the command line, and from the map of bases, which names its key."""
    with pytest.raises(ReferenceInvalid):
        plan(open_bench(tmp_path), repository, "Not A Reference")
    with pytest.raises(SettingsInvalid, match=r"bases\.3\.11"):
        plan(open_bench(tmp_path, bases={"3.11": "Not A Reference"}), repository, None)


def test_dockerfile_without_an_engine_is_not_built(
    tmp_path: Path, repository: Path, layout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan stands; what is missing is named with the command that looks for it."""
    (repository / "Dockerfile").write_text("FROM scratch\n")
    monkeypatch.setenv("PATH", "")
    bench = open_bench(tmp_path, engine="buildah")
    made = plan(bench, repository, f"oci:{layout}").plan
    assert made is not None
    with pytest.raises(StrategyUnavailable, match="buildah is not installed") as caught:
        bench.build(
            made, bench.open_folder(repository), log=print,
            output=Output(kind=OutputKind.LAYOUT, reference=NAME, path=tmp_path / "out"),
            progress=lambda _progress: None, cancelled=lambda: False,
        )  # fmt: skip

    assert "`hublish doctor`" in caught.value.hint
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("named", [True, False])
def test_way_out_is_the_settings_and_for_the_rest_the_environments(tmp_path: Path, *, named: bool) -> None:
    """A user's variables count where the settings file says nothing."""
    lines = "ca_file: /etc/ca.pem\nproxy: {https: 'http://named.example.org'}\n" if named else ""
    environ = {"HTTPS_PROXY": "http://own.example.org", "HTTP_PROXY": "", "REQUESTS_CA_BUNDLE": "/home/ca.pem"}
    options = WorkbenchOptions(
        environ=environ, cache=tmp_path, plain_http=frozenset(), index_map={}, bases={}, workers=1,
        settings=parse_settings(f"{SETTINGS}{lines}".encode(), path=tmp_path / "settings.yaml"),
    )  # fmt: skip
    expected = Network(
        ca_file=Path("/etc/ca.pem" if named else "/home/ca.pem"),
        proxies=Proxies(https=Proxy(url=f"http://{'named' if named else 'own'}.example.org")),
    )

    assert find_network(options) == expected
    assert find_network(replace(options, settings=None)).ca_file == Path("/home/ca.pem")
