"""The short texts of config files: what each grammar takes, and the exact words of a refusal."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hublish.core.config import valuetext
from hublish.core.reference import Reference
from hublish.errors import ValueInvalid


@pytest.mark.parametrize(
    ("parse", "text", "expected"),
    [
        (valuetext.parse_duration, "30m", 1800),
        (valuetext.parse_duration, "1h30m", 5400),
        (valuetext.parse_duration, "86400s", 86400),
        (valuetext.parse_size, "4Gi", 4 * 2**30),
        (valuetext.parse_size, "8G", 8 * 10**9),
        (valuetext.parse_size, "1024Ti", 2**50),
        (valuetext.parse_relative_path, "image-tests/", "image-tests"),
        (valuetext.parse_relative_path, "./a//b/.", "a/b"),
        (valuetext.parse_relative_path, ".", "."),
        (valuetext.parse_file_path, "./build/Dockerfile.multistage", "build/Dockerfile.multistage"),
        (valuetext.parse_lock_path, "overlays/gpu/Pipfile.lock", "overlays/gpu/Pipfile.lock"),
        (valuetext.parse_source_path, "/home/jovyan/work/", "/home/jovyan/work"),
        (valuetext.parse_tag_pattern, "{release}-gpu", "{release}-gpu"),
        (valuetext.parse_image_name, "localhost:5000/ts", Reference(registry="localhost:5000", repository="ts")),
        (valuetext.parse_base, "r.example/a:3.11", Reference(registry="r.example", repository="a", tag="3.11")),
        (valuetext.parse_scripts_url, "image:///s2i/bin/", "image:///s2i/bin/"),
        (valuetext.parse_hub, "demo-2", "demo-2"),
        (valuetext.parse_apt_package, "libgomp1=12.2.0-14+b1", "libgomp1=12.2.0-14+b1"),
        (valuetext.parse_apt_package, "g++", "g++"),
        (valuetext.parse_stage, "notebook", "notebook"),
        (valuetext.parse_build_argument, "GDAL_VERSION", "GDAL_VERSION"),
        (valuetext.parse_variable_value, 'two "words"\t$X', 'two "words"\t$X'),
        (valuetext.parse_variable_value, "", ""),
        (valuetext.parse_user, "1001", "1001"),
        (valuetext.parse_branch, "release/*", "release/*"),
        (valuetext.parse_label, "kind/build image", "kind/build image"),
    ],
)
def test_valid_text_is_read(parse: Callable[[str], object], text: str, expected: object) -> None:
    """Durations become seconds, sizes bytes, paths their normal form; names stay as they are."""

    assert parse(text) == expected


@pytest.mark.parametrize(
    ("parse", "text", "expected"),
    [
        (valuetext.parse_duration, "", 'expected a duration such as 30m, 90s or 1h30m, got ""'),
        (valuetext.parse_duration, "30", 'expected a duration such as 30m, 90s or 1h30m, got "30"'),
        (valuetext.parse_duration, "0s", 'expected a duration from 1s to 24h, got "0s"'),
        (valuetext.parse_duration, "25h", 'expected a duration from 1s to 24h, got "25h"'),
        (valuetext.parse_size, "8 GB", 'expected a whole number and a unit such as 4Gi or 512Mi, got "8 GB"'),
        (valuetext.parse_size, "0Gi", 'expected a size above 0 and up to 1024Ti, got "0Gi"'),
        (valuetext.parse_size, "2000Ti", 'expected a size above 0 and up to 1024Ti, got "2000Ti"'),
        (valuetext.parse_relative_path, "/etc", 'expected a path in the repository, got the absolute path "/etc"'),
        (valuetext.parse_relative_path, "a/../../b", 'the path "a/../../b" leaves the repository'),
        (valuetext.parse_relative_path, "a\\b", 'expected a path with forward slashes, got "a\\b"'),
        (valuetext.parse_relative_path, "", 'expected a path of 1 to 1024 printable characters, got ""'),
        (valuetext.parse_relative_path, "a\nb", 'expected a path of 1 to 1024 printable characters, got "a b"'),
        (valuetext.parse_file_path, "build/", 'expected the path of a file, got "build/"'),
        (valuetext.parse_file_path, ".", 'expected the path of a file, got "."'),
        (
            valuetext.parse_lock_path,
            "poetry.lock",
            'expected the path of a Pipfile.lock, pylock.toml or requirements.txt, got "poetry.lock"',
        ),
        (
            valuetext.parse_source_path,
            "/etc/repo",
            'expected an absolute path below /srv, /opt or /home without . and .., got "/etc/repo"',
        ),
        (
            valuetext.parse_source_path,
            "/srv/../etc",
            'expected an absolute path below /srv, /opt or /home without . and .., got "/srv/../etc"',
        ),
        (
            valuetext.parse_source_path,
            "/srv",
            'expected an absolute path below /srv, /opt or /home without . and .., got "/srv"',
        ),
        (
            valuetext.parse_source_path,
            "x/srv/repo",
            'expected an absolute path below /srv, /opt or /home without . and .., got "x/srv/repo"',
        ),
        (valuetext.parse_source_path, "/opt/hublish/venv", "/opt/hublish belongs to hublish"),
        (valuetext.parse_tag_pattern, "{date}", '{release} is the only placeholder of a tag, got "{date}"'),
        (valuetext.parse_tag_pattern, "a/b", 'expected an image tag, got "a/b"'),
        (valuetext.parse_base, "r.example/a", 'the base image "r.example/a" has no tag and no digest'),
        (
            valuetext.parse_scripts_url,
            "https://example.com/s2i",
            'expected image:// and a path in the builder image, got "https://example.com/s2i"',
        ),
        (
            valuetext.parse_scripts_url,
            "image:///a/../../b",
            'expected image:// and a path in the builder image, got "image:///a/../../b"',
        ),
        (valuetext.parse_hub, "Demo", 'expected the name of a hub (lower-case letters, digits and -), got "Demo"'),
        (
            valuetext.parse_apt_package,
            "-o=Dir::Bin=x",
            'expected the name of a Debian package, with =version or without, got "-o=Dir::Bin=x"',
        ),
        (
            valuetext.parse_apt_package,
            "libgomp1-",
            'expected the name of a Debian package, with =version or without, got "libgomp1-"',
        ),
        (
            valuetext.parse_apt_package,
            "a;reboot",
            'expected the name of a Debian package, with =version or without, got "a;reboot"',
        ),
        (
            valuetext.parse_stage,
            "--x",
            'expected the name of a stage (letters, digits, `_`, `.` and `-`), got "--x"',
        ),
        (
            valuetext.parse_variable_value,
            "a\nb",
            'expected one line of at most 32768 characters, got "a b"',
        ),
        (
            valuetext.parse_user,
            "1001:0",
            'expected the name or number of a user, without a group, got "1001:0"',
        ),
        (valuetext.parse_branch, "-x", 'expected the name of a branch, got "-x"'),
        (valuetext.parse_branch, "", 'expected the name of a branch, got ""'),
        (valuetext.parse_label, " ", 'expected the name of a label of at most 50 characters, got ""'),
        (valuetext.parse_label, "x" * 51, f'expected the name of a label of at most 50 characters, got "{"x" * 51}"'),
    ],
)
def test_invalid_text_is_refused_with_what_was_expected(
    parse: Callable[[str], object], text: str, expected: str
) -> None:
    """Paths that escape, options in disguise and texts of another grammar are refused in words that show the text."""
    with pytest.raises(ValueInvalid) as caught:
        parse(text)

    assert caught.value.message == expected


@pytest.mark.parametrize("parse", [valuetext.parse_image_name, valuetext.parse_base])
def test_reference_that_breaks_the_grammar_is_refused_with_a_hint(parse: Callable[[str], object]) -> None:
    """The reference parser's words are kept, and there is always something to do."""
    with pytest.raises(ValueInvalid) as caught:
        parse("Registry.example.org/Team/TS")

    assert "Registry.example.org/Team/TS" in caught.value.message
    assert caught.value.hint != ""


@given(st.text(max_size=40))
def test_path_that_is_taken_never_leaves_the_repository(text: str) -> None:
    """Whatever is taken has no empty part, no dot part, no slash at either end and is read as itself."""
    try:
        path = valuetext.parse_relative_path(text)
    except ValueInvalid:
        return

    assert path == "." or not {"", ".", ".."}.intersection(path.split("/"))
    assert valuetext.parse_relative_path(path) == path
