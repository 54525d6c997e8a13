"""The parts of source-to-image: builder images, `.s2i/environment`, `.s2iignore`, the context, the lock's rules."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hublish.builders.s2i.builderfacts import BuilderFacts, check_scripts, read_builder
from hublish.builders.s2i.context import make_s2i_context
from hublish.builders.s2i.environment import parse_environment
from hublish.builders.s2i.ignore import find_ignored, is_hidden
from hublish.builders.s2i.variables import LockInputs, VariableInputs, check_lock, make_variables
from hublish.core.container import ContextFile
from hublish.core.source import FileMode
from hublish.oci.image import ImageSpec
from tests.fakes import FakeSource
from tests.sandbox.wheels import make_lock

SPEC = ImageSpec(
    architecture="amd64",
    os="linux",
    variant=None,
    created=None,
    diff_ids=(),
    history=(),
    environment=(("PATH", "/usr/bin"),),
    entrypoint=(),
    command=(),
    user="1001",
    working_directory="",
    labels=(),
)
FACTS = BuilderFacts(own_user="1001", environment=(("PATH", "/usr/bin"),))
LABEL = "io.openshift.s2i."


def say(findings) -> list[str]:
    """Severity, code, place and message of each."""
    return [f"{found.severity.value} {found.code} {found.place}: {found.message}" for found in findings]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {}),
        ({"labels": (("io.s2i.scripts-url", "image:///old/"),)}, {"scripts": "/old"}),
        (
            {"labels": ((LABEL + "scripts-url", "image:///new"), ("io.s2i.scripts-url", "image:///old"))},
            {"scripts": "/new"},
        ),
        ({"environment": (("STI_SCRIPTS_URL", "image:///sti"),)}, {"scripts": "/sti"}),
        ({"labels": ((LABEL + "destination", "/opt//s2i/"),)}, {"destination": "/opt/s2i"}),
        ({"environment": (("STI_LOCATION", "/old"),)}, {"destination": "/old"}),
        ({"labels": ((LABEL + "assemble-user", "7:0"),)}, {"user": "7"}),
        ({"user": "jovyan:users"}, {"user": "jovyan", "own_user": "jovyan"}),
        ({"user": "0:0"}, {"user": "1001", "own_user": None}),
        ({"user": ""}, {"user": "1001", "own_user": None}),
        ({"labels": ((LABEL + "scripts-url", "https://x/y"),)}, {"foreign_scripts": "https://x/y"}),
    ],
)
def test_builder_is_read_with_older_names(changes, expected) -> None:
    """Labels first, then older labels, then the oldest variables; root is never taken over as the user."""
    spec = replace(SPEC, **changes)

    assert read_builder(spec, path=".hublish.yaml") == (
        replace(FACTS, environment=spec.environment, **expected),
        (),
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"labels": ((LABEL + "scripts-url", "image:///a b; rm"),)},
            f'{LABEL}scripts-url: expected a plain absolute path, got "/a b; rm"',
        ),
        (
            {"labels": ((LABEL + "destination", "/a/../b"),)},
            f'{LABEL}destination: expected a plain absolute path, got "/a/../b"',
        ),
        (
            {"labels": ((LABEL + "assemble-user", "x y"),)},
            f'{LABEL}assemble-user: expected the name or number of a user, got "x y"',
        ),
    ],
)
def test_label_that_would_break_the_dockerfile_is_refused(changes, expected) -> None:
    """A label is anybody's text; nothing of it is put between instructions unread."""
    _, findings = read_builder(replace(SPEC, **changes), path=".hublish.yaml")

    assert say(findings) == [f"error BuilderUnsupported .hublish.yaml: the builder image's {expected}"]


def test_user_and_onbuild_of_a_builder_are_judged() -> None:
    """A user that is no name, and instructions that would run in another context."""
    _, findings = read_builder(replace(SPEC, user="a b", on_build=("RUN x",)), path="c.yaml")

    assert say(findings) == [
        'error BuilderUnsupported c.yaml: the builder image\'s user is "a b"',
        "error BuilderUnsupported c.yaml: the builder image has ONBUILD instructions (RUN x), which s2i does not run",
    ]


def test_scripts_from_elsewhere_are_refused_unless_the_repository_has_them() -> None:
    """No script is fetched; with both required ones in the repository nothing would be."""
    facts = replace(FACTS, foreign_scripts="http://x.example.org/s")
    required = {"assemble": "", "run": ""}
    expected = (
        'error ScriptsRefused c.yaml: the builder image takes `assemble` from "http://x.example.org/s"; '
        "scripts are run from the builder image or from .s2i/bin only"
    )

    assert say(check_scripts(facts, provided=frozenset({"run"}), required=required, path="c.yaml")) == [expected]
    assert check_scripts(facts, provided=frozenset(required), required=required, path="c.yaml") == ()
    assert check_scripts(FACTS, provided=frozenset(), required=required, path="c.yaml") == ()


def test_environment_is_read_line_by_line() -> None:
    """Trimmed names and values, quotes kept, comments and empty lines passed over, odd lines told with their number."""
    body = b'# c\nA = 1 \r\nB="x"\n\nodd\n=x\nexport C=1\n # D=1\nE=\x01\nF=\xff\nG=a=b\n' + b"H=" + b"x" * 65536
    variables, findings = parse_environment(body)

    assert [pair for pair in variables if pair[0] in "ABG"] == [("A", "1"), ("B", '"x"'), ("G", "a=b")]
    assert say(findings) == [
        'warning EnvironmentLineUnread .s2i/environment:5: expected NAME=value, got "odd"; it is not read',
        'warning EnvironmentLineUnread .s2i/environment:6: expected NAME=value, got "=x"; it is not read',
        'error EnvironmentLineInvalid .s2i/environment:7: expected the name of a variable before =, got "export C"',
        'error EnvironmentLineInvalid .s2i/environment:8: expected the name of a variable before =, got "# D"',
        "error EnvironmentLineInvalid .s2i/environment:9: the value of E holds a control character",
        "error EnvironmentLineInvalid .s2i/environment:10: expected text in UTF-8",
        "error EnvironmentLineInvalid .s2i/environment:12: a line of 65538 bytes; s2i reads less than 65536",
    ]


def test_ignore_file_takes_no_path_outside_and_no_endless_line() -> None:
    """A pattern that leaves the source hides nothing; all else is compared with s2i in the end-to-end tests."""
    body = b"../x\n/../y\na[\n!b[\n.\n" + b"z" * 65536
    ignored, findings = find_ignored(body, ["a", "b/c"])

    assert ignored == {""}
    assert is_hidden("b/c", ignored)
    assert say(findings) == [
        'warning IgnoreLineUnread .s2iignore:1: the pattern "../x" leaves the source; it hides nothing',
        'warning IgnoreLineUnread .s2iignore:2: the pattern "/../y" leaves the source; it hides nothing',
        "error IgnoreLineUnread .s2iignore:6: a line of 65536 bytes",
    ]
    assert find_ignored(b"*\n!.\n", ["a"])[0] == {"a"}


def test_context_has_scripts_apart_and_keeps_empty_folders() -> None:
    """What `.s2i/bin` held is moved; the folder it leaves is named."""
    source = FakeSource({"a.py": b"1", "link": "-> a.py", ".s2i/bin/run": b"x", "gone": "-> /etc/x"})
    context, findings = make_s2i_context(source, folder=".", own_scripts=True)
    link = ContextFile(path="upload/src/link", source=None, mode=FileMode.SYMLINK, link="a.py")

    assert findings == ()
    assert context.scripts == {"run"}
    assert context.folders == ("upload/src/.s2i/bin",)
    assert context.files == (
        ContextFile(path="upload/scripts/run", source=".s2i/bin/run", mode=FileMode.EXECUTABLE),
        ContextFile(path="upload/src/a.py", source="a.py", mode=FileMode.REGULAR),
        replace(link, path="upload/src/gone", link="/etc/x"),
        link,
    )


@pytest.mark.parametrize(
    ("link", "found"),
    [("-> ../../b.sh", True), ("-> /etc/passwd", False), ("-> ../../../x", False), ("-> assemble", False)],
)
def test_script_that_is_a_link_must_lead_to_a_file_of_the_repository(link, found) -> None:
    """Absolute, escaping and circular links are no script; nothing of this machine is read."""
    source = FakeSource({"b.sh": b"1", ".s2i/bin/assemble": link})
    context, _ = make_s2i_context(source, folder=".", own_scripts=True)

    assert ("assemble" in context.scripts) is found


def test_script_behind_a_linked_folder_is_found() -> None:
    """`.s2i/bin` itself may be a link."""
    source = FakeSource({"tools/run": b"1", ".s2i/bin": "-> ../tools"})
    context, _ = make_s2i_context(source, folder=".", own_scripts=True)

    assert context.files[0] == ContextFile(path="upload/scripts/run", source="tools/run", mode=FileMode.EXECUTABLE)


def test_context_folder_without_files_is_told() -> None:
    """There is nothing to assemble."""
    _, findings = make_s2i_context(FakeSource({"a": b""}), folder="app", own_scripts=True)

    assert say(findings) == ["error SourceEmpty app: there is no file in the context folder app"]


VARIABLES = VariableInputs(
    builder=(),
    file=(),
    config=(),
    image_name="r.example/t",
    repository_name="ts",
    legacy=False,
    place=".s2i/environment",
)
NAMES = (("IMAGE_NAME", "r.example/t"), ("GIT_REPO_NAME", "ts"))


def test_variables_come_after_those_of_the_repository() -> None:
    """The last one of a name counts, so the config wins over the file, and hublish's names over both."""
    inputs = replace(VARIABLES, file=(("A", "1"),), config=(("A", "2"),))

    assert make_variables(inputs) == ((("A", "1"), ("A", "2"), *NAMES), ())


@pytest.mark.parametrize(
    "changes", [{"legacy": True}, {"builder": (("THOTH_S2I_VERSION", "1"),)}, {"file": (("THAMOS_DEBUG", "1"),)}]
)
def test_thoth_is_switched_off_where_it_is_known(changes) -> None:
    """The lock of the repository stays as it is."""
    variables, findings = make_variables(replace(VARIABLES, **changes))

    assert findings == ()
    assert dict(variables) | {"THOTH_ADVISE": "0", "THOTH_DRY_RUN": "1", "THOTH_ERROR_FALLBACK": "1"} == dict(variables)


def test_asking_thoth_for_advice_is_told_to_have_no_effect() -> None:
    """Silence would hide that the packages are other ones than the owner thinks."""
    variables, findings = make_variables(replace(VARIABLES, file=(("THOTH_ADVISE", "1"), ("THOTH_DRY_RUN", "1"))))

    assert dict(variables)["THOTH_ADVISE"] == "0"
    assert say(findings) == [
        "warning ThothOff .s2i/environment: THOTH_ADVISE=1 has no effect: the lock is installed as it is, so THOTH_ADVISE=0"
    ]


PIPFILE, LOCK = make_lock({}, hashes={})
FILES = {"Pipfile": PIPFILE.encode(), "Pipfile.lock": LOCK.encode(), "requirements.txt": b"six==1.0\n"}


def check(variables, files=None, **changes):
    """The findings about the lock."""
    files = FILES if files is None else files
    inputs = LockInputs(
        variables=variables,
        paths=frozenset(files),
        prefix="",
        read=files.get,
        own_assemble=False,
        place=".s2i/environment",
    )
    return [f"{found.severity.value} {found.code}" for found in check_lock(replace(inputs, **changes))]


@pytest.mark.parametrize(
    ("variables", "gone", "expected"),
    [
        ({"ENABLE_PIPENV": "0"}, (), []),
        ({"ENABLE_MICROPIPENV": "1"}, (), []),
        ({"ENABLE_PIPENV": "1", "ENABLE_MICROPIPENV": "1"}, (), ["error LockToolsClash"]),
        ({"ENABLE_PIPENV": "1", "PIPENV_SKIP_LOCK": "1"}, (), ["error LockEvaded"]),
        ({"ENABLE_PIPENV": "1", "PIPENV_PIPFILE": "x"}, (), ["error LockEvaded"]),
        ({"ENABLE_PIPENV": "1"}, ("Pipfile",), ["error LockMissing"]),
        ({"ENABLE_PIPENV": "1"}, ("Pipfile.lock",), ["error LockMissing"]),
        ({"ENABLE_MICROPIPENV": "1", "MICROPIPENV_METHOD": "latest"}, (), ["error LockEvaded"]),
        ({"ENABLE_MICROPIPENV": "1", "MICROPIPENV_METHOD": "poetry"}, (), []),
        ({"ENABLE_MICROPIPENV": "1", "MICROPIPENV_METHOD": "pip-tools"}, (), ["error NoHashes"]),
        ({"ENABLE_MICROPIPENV": "1"}, ("Pipfile.lock",), ["error NoHashes"]),
        ({"ENABLE_MICROPIPENV": "1"}, ("Pipfile.lock", "requirements.txt"), ["error LockMissing"]),
        ({"ENABLE_PIPENV": ""}, (), ["warning LockUnread"]),
        ({}, ("Pipfile.lock",), []),
    ],
)
def test_lock_is_installed_as_it_is_or_the_plan_says_why_not(variables, gone, expected) -> None:
    """Every way around the lock that the builders know is refused before anything is built."""
    files = {path: body for path, body in FILES.items() if path not in gone}

    assert check(variables, files) == expected


def test_stale_lock_is_refused_and_own_assemble_is_trusted() -> None:
    """pipenv would fail late; a script of the repository's own reads what it likes."""
    stale = FILES | {"Pipfile": FILES["Pipfile"] + b"more = '*'\n"}

    assert check({"ENABLE_PIPENV": "1"}, stale) == ["error LockStale"]
    assert check({}, own_assemble=True) == []
    assert check({"ENABLE_MICROPIPENV": "1"}, {"poetry.lock": b""}) == []
