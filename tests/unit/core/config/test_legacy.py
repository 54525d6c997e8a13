"""`.aicoe-ci.yaml`: every variant seen in use is read, and whatever has no effect is said."""

from pathlib import Path

import pytest

from hublish.core.config.file import (
    Config,
    DockerfileConfig,
    ImageConfig,
    ParsedConfig,
    PythonConfig,
    S2IConfig,
    Triggers,
    parse_config,
)
from hublish.core.plan import Strategy
from hublish.core.reference import Reference

EXAMPLES = Path(__file__).parents[4] / "config-schema" / "examples"


def parse(text: str, *, repository_name: str | None = "ts") -> ParsedConfig:
    """Parse a text as `.aicoe-ci.yaml`."""
    return parse_config(text.encode(), path=".aicoe-ci.yaml", repository_name=repository_name)


def lines(text: str, *, repository_name: str | None = "ts") -> list[str]:
    """Each finding of a text as one line."""
    findings = parse(text, repository_name=repository_name).findings
    return [
        f"{found.line}:{found.column} {found.severity.value} {found.code} {found.key}: {found.message} | {found.hint}"
        for found in findings
    ]


def make_config(*, tags: tuple[str, ...] = ("{release}",), repository: str = "team/ts", **fields: object) -> Config:
    """A config as the old format gives it, pushed to the default registry."""
    image = ImageConfig(reference=Reference(registry="quay.io", repository=repository), tags=tags)
    return Config(path=".aicoe-ci.yaml", legacy=True, images=(image,), triggers=Triggers(tag=True), **fields)  # type: ignore[arg-type]


def test_notebook_config_of_the_old_service_is_read_whole() -> None:
    """The source strategy with script URL, builder image, extra tag and push target becomes a config with one note."""
    text = """\
---
check:
   - thoth-build
build:
   build-stratergy: Source   # the documented spelling
   build-source-script: "image:///opt/app-root/builder"
   base-image: quay.io/thoth-station/s2i-elyra-custom-notebook:v0.4.4
   custom-tag: latest
   registry: quay.io
   registry-org: team
   registry-project: notebooks
   registry-secret: team-pusher-secret"""
    expected = make_config(
        tags=("{release}", "latest"),
        repository="team/notebooks",
        strategy=Strategy.SOURCE,
        base=Reference(registry="quay.io", repository="thoth-station/s2i-elyra-custom-notebook", tag="v0.4.4"),
        s2i=S2IConfig(scripts_url="image:///opt/app-root/builder", user="root"),
    )

    assert parse(text).config == expected
    assert lines(text) == [
        "12:4 note KeyUnused build.registry-secret: `registry-secret` is not read: the operator decides which credential is used for a registry | ",
    ]


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("build-stratergy: Source", {"strategy": Strategy.SOURCE}),
        ("build-strategy: SOURCE", {"strategy": Strategy.SOURCE}),
        ("build-strategy: s2i", {"strategy": Strategy.SOURCE}),
        ("build-strategy: ''", {}),
        ("build-strategy:", {}),
        (
            "build-strategy: dockerfile",
            {"strategy": Strategy.DOCKERFILE, "dockerfile": DockerfileConfig(path="Dockerfile")},
        ),
        (
            "build-stratergy: Containerfile",
            {"strategy": Strategy.DOCKERFILE, "dockerfile": DockerfileConfig(path="Containerfile")},
        ),
        (
            "build-strategy: Dockerfile\n  dockerfile-path: build/Dockerfile.multistage",
            {"strategy": Strategy.DOCKERFILE, "dockerfile": DockerfileConfig(path="build/Dockerfile.multistage")},
        ),
        ("dockerfile-path: ./Dockerfile", {"dockerfile": DockerfileConfig(path="Dockerfile")}),
        ("build-source-script: image:///s2i/bin/", {"s2i": S2IConfig(scripts_url="image:///s2i/bin/", user="root")}),
        (
            "base-image: seldonio/seldon-core-s2i-python3:0.18",
            {"base": Reference(registry="docker.io", repository="seldonio/seldon-core-s2i-python3", tag="0.18")},
        ),
        ("base-image: quay.io/a/b", {"base": Reference(registry="quay.io", repository="a/b")}),
    ],
)
def test_variant_is_read_without_a_finding(rest: str, expected: dict[str, object]) -> None:
    """Spellings, cases, empty values and images without a registry are taken as the old service took them."""
    parsed = parse(f"build:\n  registry-org: team\n  {rest}\n")

    assert parsed == ParsedConfig(config=make_config(**expected), findings=())


@pytest.mark.parametrize(
    "check", ["check:", "check: []", "check:\n  - []", "check: text", "release: []", "deploy: {}", "# nothing"]
)
def test_empty_lists_and_blocks_ask_for_nothing(check: str) -> None:
    """Missing, null and empty lists are no finding."""
    parsed = parse(f"{check}\nbuild:\n  registry-org: team\n")

    assert parsed == ParsedConfig(config=make_config(), findings=())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "build:\n  registry_org: team\n  build_source_script: image:///x\n",
            [
                "2:3 note KeySpelling build.registry_org: `registry_org` is read as `registry-org` | ",
                "3:3 note KeySpelling build.build_source_script: `build_source_script` is read as `build-source-script` | ",
            ],
        ),
        (
            "build:\n  registry-org: team\n  build-stratergy: Source\n  build-strategy: Dockerfile\n",
            [
                "4:3 warning DuplicateKey build.build-strategy: `build-strategy` means the same as `build-stratergy`, which comes first and counts | keep one of the two",
            ],
        ),
        (
            "build:\n  registry-org: team\n  custom-tag: 3.10\n",
            [
                '3:15 warning WrongType build.custom-tag: YAML readers take this for a number or a truth value; hublish reads it as written | put it in quotes: "3.10"',
            ],
        ),
        (
            "build:\n  registry-org: team\n  custom-tag: [a]\n",
            ["3:3 warning WrongType build.custom-tag: expected text; it is not read | "],
        ),
        (
            "build:\n  registry-org: team\n  registry-projet: x\n",
            [
                "3:3 warning UnknownKey build.registry-projet: unknown key `registry-projet`; it is not read | did you mean `registry-project`?",
            ],
        ),
        (
            "build:\n  registry-org: team\n  build-strategy: Sauce\n",
            [
                '3:19 warning ValueInvalid build.build-strategy: unknown strategy "Sauce"; it is read as Source, as before | write Source, Dockerfile or Containerfile',
            ],
        ),
        (
            "build:\n  registry-org: team\n  arch: s390x\ndeploy:\n  project-org: x\n",
            [
                "3:3 note KeyUnused build.arch: `arch` is not read: images are made for linux/amd64 | ",
                "4:1 note KeyUnused deploy: `deploy` is not read: it needs `project-org` and `project-name`, the repository of the list | ",
            ],
        ),
        (
            "build:\n  registry-org: team\noverlays: text\n",
            ["3:1 warning WrongType overlays: expected a list of overlays; it is not read | "],
        ),
    ],
)
def test_what_is_read_otherwise_or_not_at_all_is_said(text: str, expected: list[str]) -> None:
    """Notes and warnings name the key, what happens and the likely key; the config stands."""

    assert lines(text) == expected
    assert parse(text).config is not None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "check: []\n",
            [
                "1:1 error ImageMissing None: no `build` block says where an image is pushed | add `build:` with `registry-org` and `registry-project`, or write a `.hublish.yaml`",
            ],
        ),
        (
            "",
            [
                "1:1 error ImageMissing None: no `build` block says where an image is pushed | add `build:` with `registry-org` and `registry-project`, or write a `.hublish.yaml`",
            ],
        ),
        (
            "build: yes\n",
            [
                "1:1 error ImageMissing build: no `build` block says where an image is pushed | add `build:` with `registry-org` and `registry-project`, or write a `.hublish.yaml`",
                "1:1 warning WrongType build: expected a mapping of keys to values; it is not read | ",
            ],
        ),
        (
            "build:\n  base-image: quay.io/a/b:1\n",
            [
                "1:1 error KeyMissing build: `registry-org` is missing, so there is no place to push to | add `registry-org:` to this block",
            ],
        ),
        (
            "build:\n  registry-org: team\n  custom-tag: a/b\n",
            ['3:15 error ValueInvalid build.custom-tag: expected an image tag, got "a/b" | e.g. latest'],
        ),
        (
            "build:\n  registry-org: team\n  dockerfile-path: ../Dockerfile\n",
            [
                '3:20 error ValueInvalid build.dockerfile-path: the path "../Dockerfile" leaves the repository | write it from the top folder, without ..',
            ],
        ),
        (
            "build:\n  registry-org: team\n  build-source-script: https://example.com/run\n",
            [
                '3:24 error ValueInvalid build.build-source-script: expected image:// and a path in the builder image, got "https://example.com/run" | scripts from elsewhere are not run; put them into the builder image, or into .s2i/bin in the repository',
            ],
        ),
    ],
)
def test_config_that_cannot_work_is_an_error(text: str, expected: list[str]) -> None:
    """No build block, no place to push to, an escaping path, scripts from the network: each is refused in words."""

    assert lines(text) == expected
    assert parse(text).config is None


def test_checks_that_are_not_run_are_told_and_misspelt_ones_corrected() -> None:
    """What asks for an image is done; pull request checks are noted, unknown ones are warnings with the likely name."""
    text = "check: [thoth-build, overlays-build, thoth-pytest, thoth-biuld, [x], ~]\nbuild: {registry-org: team}\n"

    assert parse(text).config == make_config()
    assert lines(text) == [
        "1:22 note CheckUnused check[1]: `overlays-build` asks for nothing: there are no `overlays` | ",
        "1:38 note CheckUnused check[2]: `thoth-pytest` is not run: checks of pull requests belong to your CI | ",
        "1:52 warning ValueInvalid check[3]: unknown check `thoth-biuld`; it is not run | did you mean `thoth-build`?",
        "1:65 warning ValueInvalid check[4]: unknown check `['x']`; it is not run | ",
    ]


def test_image_in_upper_case_is_refused_at_the_organisation() -> None:
    """A registry takes lower case only, and the hint says which keys make the image's name."""
    parsed = parse("build:\n  registry-org: AICoE\n")

    assert [(found.code, found.key, found.hint) for found in parsed.findings] == [
        (
            "ReferenceInvalid",
            "build.registry-org",
            "registries want lower case; the image is `registry/registry-org/registry-project`",
        )
    ]


def test_project_is_required_where_the_repository_has_no_name() -> None:
    """On a folder without a known name `registry-project` has no default."""

    assert lines("build:\n  registry-org: team\n", repository_name=None) == [
        "1:1 error KeyMissing build: `registry-project` is missing, so there is no place to push to | add `registry-project:` to this block",
    ]


def test_single_overlay_adds_to_the_build_block_and_brings_its_lock() -> None:
    """The overlay's keys win over the common ones, and its Pipfile.lock is the one that counts."""
    text = """\
overlays_dir: overlays
build:
  registry-org: team
  custom-tag: latest
overlays:
  - name: gpu
    build: {registry-project: ts-gpu, build-strategy: Source}
    deploy: {project-org: x}
  - name: no-build
  - {}
"""
    expected = make_config(
        tags=("{release}", "latest"),
        repository="team/ts-gpu",
        strategy=Strategy.SOURCE,
        python=PythonConfig(lock="overlays/gpu/Pipfile.lock"),
    )

    assert parse(text).config == expected
    assert lines(text) == [
        "1:1 warning OverlayFiles overlays_dir: of the overlay's folder only `overlays/gpu/Pipfile.lock` and its Pipfile are read; other files are not copied over | ",
        "8:5 note KeyUnused overlays[0].deploy: `deploy` is not read: it needs `project-org` and `project-name`, the repository of the list | ",
        "9:5 warning OverlaysUnused overlays[1]: an overlay needs `name` and `build`; this one is not read | ",
        "10:5 warning OverlaysUnused overlays[2]: an overlay needs `name` and `build`; this one is not read | ",
    ]


@pytest.mark.parametrize("folder", ["", "overlays_dir: .\n"])
def test_overlay_without_a_folder_uses_the_common_lock(folder: str) -> None:
    """Without `overlays_dir`, or with the top folder, nothing is copied and nothing is said."""
    text = f"{folder}overlays:\n  - name: x\n    build: {{registry-org: team}}\n"

    assert parse(text) == ParsedConfig(config=make_config(), findings=())


def test_overlay_folder_that_escapes_is_refused() -> None:
    """A lock outside the repository is never read."""
    text = "overlays_dir: ../x\noverlays:\n  - name: a\n    build: {registry-org: team}\n"

    assert lines(text) == [
        '1:15 error ValueInvalid overlays_dir: the path "../x/a/Pipfile.lock" leaves the repository | write it from the top folder, without ..',
    ]


def test_each_overlay_is_an_image_of_its_own() -> None:
    """The common build block counts for each where it says nothing itself; what is noted of it is noted once."""
    text = """\
build: {registry-org: team, registry-secret: s, build-strategy: Source, base-image: "quay.io/a/b:1"}
overlays_dir: .
overlays:
  - name: a
    build: {registry-project: a}
  - name: b
    build: {registry-project: b, build-strategy: Dockerfile, dockerfile-path: b/Dockerfile, custom-tag: latest}
"""
    base = Reference(registry="quay.io", repository="a/b", tag="1")
    first = ImageConfig(
        reference=Reference(registry="quay.io", repository="team/a"),
        tags=("{release}",),
        strategy=Strategy.SOURCE,
        base=base,
        python=PythonConfig(),
    )
    second = ImageConfig(
        reference=Reference(registry="quay.io", repository="team/b"),
        tags=("{release}", "latest"),
        strategy=Strategy.DOCKERFILE,
        base=base,
        python=PythonConfig(),
        dockerfile=DockerfileConfig(path="b/Dockerfile"),
    )
    expected = Config(path=".aicoe-ci.yaml", legacy=True, images=(first, second), triggers=Triggers(tag=True))

    assert parse(text).config == expected
    assert lines(text) == [
        "1:29 note KeyUnused build.registry-secret: `registry-secret` is not read: the operator decides which credential is used for a registry | ",
    ]


def test_overlays_that_make_one_image_are_refused() -> None:
    """The second would take the first one's place."""
    text = "build: {registry-org: team}\noverlays:\n  - {name: a, build: {}}\n  - {name: b, build: {}}\n"

    assert lines(text) == [
        "2:1 error DuplicateImage overlays: two overlays make an image called `ts`; a hub lists an image by this name | give each its own `registry-project`",
    ]


def test_overlay_without_any_target_is_refused() -> None:
    """Neither it nor a common block says where an image goes."""
    text = "overlays:\n  - {name: a, build: {}}\n"

    assert lines(text) == [
        "1:1 error ImageMissing overlays: no `build` block says where an image is pushed | add `build:` with `registry-org` and `registry-project`, or write a `.hublish.yaml`",
    ]


def test_more_overlays_than_a_run_makes_are_told() -> None:
    """The first ones are made."""
    items = "".join(f"  - {{name: o{n}, build: {{registry-org: team, registry-project: p{n}}}}}\n" for n in range(22))
    parsed = parse(f"overlays:\n{items}")

    assert parsed.config is not None
    assert len(parsed.config.images) == 20
    assert [found.message for found in parsed.findings] == [
        "expected at most 20 overlays, got 22; the rest is not read"
    ]


def test_secret_named_by_the_repository_is_never_part_of_the_config() -> None:
    """`registry-secret` leads to a note, and its value stands nowhere in the config."""
    parsed = parse("build:\n  registry-org: team\n  registry-secret: other-tenants-secret\n")

    assert parsed.config == make_config()
    assert "other-tenants-secret" not in repr(parsed)


def test_annotated_example_of_the_old_format_is_valid() -> None:
    """The example in config-schema is read, and only its two keys without effect are noted."""
    path = EXAMPLES / "legacy.aicoe-ci.yaml"
    parsed = parse_config(path.read_bytes(), path=path.name)

    assert parsed.config is not None
    assert [found.key for found in parsed.findings] == ["check[1]", "build.registry-secret"]
