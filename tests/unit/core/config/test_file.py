"""`.hublish.yaml`: values, every fault with its place, tags, the JSON Schema and the examples."""

import re
import runpy
import sys
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hublish.core.config.file import (
    CONFIG_PATHS,
    Config,
    DockerfileConfig,
    ImageConfig,
    Limits,
    ParsedConfig,
    PythonConfig,
    Resources,
    S2IConfig,
    Smoke,
    Triggers,
    check_config_names,
    choose_config_path,
    make_json_schema,
    make_tags,
    parse_config,
)
from hublish.core.finding import Finding, Severity
from hublish.core.plan import Environment, Strategy
from hublish.core.reference import Reference
from hublish.core.trees.yamltree import parse_tree
from hublish.errors import ValueInvalid
from tests.unit.core.config.parts import parse

ROOT = Path(__file__).parents[4]
EXAMPLES = sorted((ROOT / "config-schema" / "examples").glob("*.hublish.yaml"))
TS = ImageConfig(reference=Reference(registry="registry.example.org", repository="team/ts"), tags=("{release}",))


def test_smallest_config_has_all_defaults() -> None:
    """Version and image name are enough; everything else is a default of the design."""
    expected = Config(
        path=".hublish.yaml",
        legacy=False,
        images=(TS,),
        strategy=None,
        base=None,
        python=PythonConfig(lock=None, dev=False, environment=Environment.VENV),
        system_apt=(),
        source_path="/srv/repo",
        dockerfile=None,
        s2i=None,
        resources=Resources(cpu=None, memory_bytes=None, gpu=0),
        smoke=Smoke(notebooks=None, timeout_seconds=300),
        triggers=Triggers(release=True, prerelease=False, tag=False, push=(), issue=True, comment=True),
        hubs=(),
        limits=Limits(time_seconds=1800, size_bytes=4 * 2**30),
    )

    parsed = parse("version: 1\nimage: {name: registry.example.org/team/ts}\n")

    assert parsed == ParsedConfig(config=expected, findings=())


def test_every_key_reaches_its_value() -> None:
    """A config that sets every key is read into values with units, normal paths and enums."""
    text = """\
version: 1
image: {name: registry.example.org/team/ts, tags: ["{release}", latest, latest]}
strategy: layered
base: registry.example.org/base/python:3.11
python: {lock: ./env/Pipfile.lock, dev: true, environment: base}
system: {apt: [graphviz]}
source: {path: /home/jovyan/repo/}
resources: {cpu: 1, memory: 8Gi, gpu: 2}
smoke: {notebooks: image-tests/, timeout: 10m}
triggers: {release: false, prerelease: true, tag: true, push: [main], issue: false, comment: false}
hubs: [demo, demo]
limits: {time: 1h, size: 2G}
"""
    expected = Config(
        path=".hublish.yaml",
        legacy=False,
        images=(ImageConfig(reference=TS.reference, tags=("{release}", "latest")),),
        strategy=Strategy.LAYERED,
        base=Reference(registry="registry.example.org", repository="base/python", tag="3.11"),
        python=PythonConfig(lock="env/Pipfile.lock", dev=True, environment=Environment.BASE),
        system_apt=("graphviz",),
        source_path="/home/jovyan/repo",
        resources=Resources(cpu=1.0, memory_bytes=8 * 2**30, gpu=2),
        smoke=Smoke(notebooks="image-tests", timeout_seconds=600),
        triggers=Triggers(release=False, prerelease=True, tag=True, push=("main",), issue=False, comment=False),
        hubs=("demo",),
        limits=Limits(time_seconds=3600, size_bytes=2 * 10**9),
    )

    assert parse(text) == ParsedConfig(config=expected, findings=())


@pytest.mark.parametrize(
    "lock", ["Pipfile.lock", "a/pylock.toml", "pylock.gpu.toml", "requirements.txt", "requirements/base.txt"]
)
def test_every_lock_that_is_read_can_be_named(lock: str) -> None:
    """Pipfile.lock, PEP 751's names and any text file of requirements."""
    parsed = parse(f"version: 1\nimage: {{name: registry.example.org/team/ts}}\npython: {{lock: {lock}}}\n")

    assert parsed.config is not None
    assert parsed.config.python == PythonConfig(lock=lock)


def test_dockerfile_and_source_blocks_reach_their_values() -> None:
    """Context, target, sorted arguments and the script URL are kept; a block without a path leaves the choice open."""
    image = "version: 1\nimage: {name: registry.example.org/team/ts}\n"
    dockerfile = parse(image + 'dockerfile: {path: d/Dockerfile, context: d/, target: x, args: {B: "2", A: "1"}}\n')
    context = parse(image + "dockerfile: {context: d}\n")
    source = parse(
        image + "strategy: source\nbase: r.example/b:1\n"
        "s2i: {scripts_url: 'image:///s2i/bin', context: app/, environment: {B: b c, A: ''}, user: '1001'}\n"
    )

    assert dockerfile.config is not None
    assert dockerfile.config.dockerfile == DockerfileConfig(
        path="d/Dockerfile", context="d", target="x", args=(("A", "1"), ("B", "2"))
    )
    assert context.config is not None
    assert context.config.dockerfile == DockerfileConfig(path=None, context="d", target=None, args=())
    assert source.config is not None
    assert source.config.s2i == S2IConfig(
        scripts_url="image:///s2i/bin", context="app", environment=(("A", ""), ("B", "b c")), user="1001"
    )


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ({".hublish.yaml", ".aicoe-ci.yaml", "a"}, ".hublish.yaml"),
        ({".aicoe-ci.yaml"}, ".aicoe-ci.yaml"),
        ({"a/.hublish.yaml"}, None),
    ],
)
def test_own_format_is_preferred_to_the_old_one(paths: set[str], expected: str | None) -> None:
    """The first of CONFIG_PATHS in the top folder is the config."""

    assert choose_config_path(frozenset(paths)) == expected
    assert CONFIG_PATHS == (".hublish.yaml", ".aicoe-ci.yaml")


def test_file_with_nearly_the_right_name_is_reported() -> None:
    """`.hublish.yml` is not read, and the finding gives the right name; beside the right file it does not matter."""
    expected = Finding(
        severity=Severity.WARNING,
        code="WrongFileName",
        message="`.hublish.yml` is not read; the config file is called `.hublish.yaml`",
        hint="rename it: `git mv .hublish.yml .hublish.yaml`",
        path=".hublish.yml",
    )

    assert check_config_names(frozenset({".hublish.yml", "x"})) == (expected,)
    assert check_config_names(frozenset({".hublish.yml", ".hublish.yaml"})) == ()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (".hublish.yaml", True),
        (".hublish.yml", True),
        (".aicoe-ci.yaml", True),
        ("env/Pipfile.lock", True),
        ("Pipfile", True),
        ("docs/pipfile.md", False),
        ("hublish.yaml.bak", False),
    ],
)
def test_pre_commit_hook_runs_for_config_and_lock(path: str, expected: bool) -> None:
    """The hook's pattern takes every file that `hublish validate` judges, near misses of the name included."""
    hook = parse_tree((ROOT / ".pre-commit-hooks.yaml").read_bytes(), path=".pre-commit-hooks.yaml").tree

    assert hook is not None
    assert (re.search(hook.value[0]["files"], path) is not None) is expected


def test_release_fills_the_placeholder() -> None:
    """Each tag pattern gives one tag, in the order of the config."""
    image = ImageConfig(reference=TS.reference, tags=("{release}", "{release}-gpu", "latest"))

    assert make_tags(image, release="v1.2") == ("v1.2", "v1.2-gpu", "latest")


@pytest.mark.parametrize("release", ["release/1", "v1+cu118", "-1", "v" * 129, ""])
def test_release_that_makes_no_tag_is_refused(release: str) -> None:
    """A git tag that no registry takes is refused in words, never changed in silence."""
    with pytest.raises(ValueInvalid) as caught:
        make_tags(TS, release=release)

    assert caught.value.message.endswith("which is no image tag")
    assert "{release}" in caught.value.hint


def test_generated_files_are_current(monkeypatch: pytest.MonkeyPatch) -> None:
    """The JSON Schema and the table of keys equal what the model makes of them."""
    monkeypatch.setattr(sys, "argv", ["generate.py", "--check"])

    with pytest.raises(SystemExit) as caught:
        runpy.run_path(str(ROOT / "config-schema" / "generate.py"), run_name="__main__")

    assert caught.value.code == 0


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_example_is_valid_for_model_and_schema(path: Path) -> None:
    """Each annotated example is read without any finding and agrees with the JSON Schema."""
    body = path.read_bytes()
    tree = parse_tree(body, path=path.name).tree
    jsonschema.Draft202012Validator.check_schema(make_json_schema())

    assert tree is not None
    jsonschema.validate(tree.value, make_json_schema(), cls=jsonschema.Draft202012Validator)
    assert parse_config(body, path=path.name).findings == ()


@pytest.mark.parametrize(
    "rest",
    [
        "colour: red", "base: 3", "base: x", "strategy: x", "python: {lock: ../Pipfile.lock}", "python: {lock: /Pipfile.lock}",
        "python: {lock: poetry.lock}", "source: {path: /etc/x}", "limits: {time: 30}", "limits: {size: 8 GB}",
        "images: [{name: a.example/b}]", "hubs: [Demo]", "smoke:", "resources: {cpu: 0}", "triggers: {push: main}",
        "dockerfile: {target: -x}", "dockerfile: {path: d/}", "s2i: {scripts_url: 'https://x'}", "system: {apt: [-x]}",
        "system: {apt: [gcc-]}", "system: {apt: ['a;b']}",
    ],
)  # fmt: skip
def test_schema_refuses_what_the_model_refuses(rest: str) -> None:
    """An editor that knows the schema marks the same faults."""
    text = f"version: 1\nimage: {{name: registry.example.org/team/ts}}\n{rest}\n"
    tree = parse_tree(text.encode(), path="f.yaml").tree
    validator = jsonschema.Draft202012Validator(make_json_schema())

    assert tree is not None
    assert not validator.is_valid(tree.value)
    assert parse(text).config is None


@given(st.binary(max_size=200))
def test_any_bytes_give_a_config_or_an_error(body: bytes) -> None:
    """No input raises; there is a config if and only if no finding is an error."""
    for path in CONFIG_PATHS:
        parsed = parse_config(body, path=path, repository_name="ts")

        assert (parsed.config is None) == any(found.severity is Severity.ERROR for found in parsed.findings)


VALUES = st.recursive(
    st.sampled_from(["~", "1", "3.10", "yes", "'x'", "latest", "a.example/b:1", "../x", "30m", "4Gi", "layered"]),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | st.dictionaries(
            st.sampled_from(
                ["name", "tags", "lock", "apt", "path", "args", "time", "cpu", "x y", "build", "registry-org"]
            ),
            inner,
            max_size=3,
        ).map(lambda items: "{" + ", ".join(f"{key}: {value}" for key, value in items.items()) + "}")
    ),
    max_leaves=6,
)


KEYS = st.sampled_from([
    "version", "image", "images", "strategy", "base", "python", "system", "source", "dockerfile", "s2i", "resources",
    "smoke", "triggers", "hubs", "limits", "build", "overlays", "overlays_dir", "check", "deploy", "verison",
])  # fmt: skip


@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_any_shape_of_known_keys_gives_a_config_or_an_error(items: dict[str, str]) -> None:
    """Known keys with values of every shape never raise, in either format, and every finding has a line."""
    body = "".join(f"{key}: {value}\n" for key, value in items.items()).encode()
    for path in CONFIG_PATHS:
        parsed = parse_config(body, path=path, repository_name="ts")

        assert (parsed.config is None) == any(found.severity is Severity.ERROR for found in parsed.findings)
        assert all(found.line is not None and found.column is not None for found in parsed.findings)
