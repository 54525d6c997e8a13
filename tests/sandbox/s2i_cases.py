"""The cases in which hublish's source-to-image is held against s2i itself, and where and why the two differ.

The list of differences is the claim: everything not in it is equal, instruction by instruction and file by file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.sandbox.wheels import make_lock

SCRIPTS = "io.openshift.s2i.scripts-url"
SCRIPT = b"#!/bin/sh\n"
USUAL: Mapping[str, str] = {SCRIPTS: "image:///usr/libexec/s2i"}
APP: Mapping[str, bytes | str] = {"app.py": b"print(1)\n", "data/a.csv": b"1\n"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How the two differ: lines and files that only one of them has, or a refusal; and why."""

    reason: str
    hublish: tuple[str, ...] = ()
    s2i: tuple[str, ...] = ()
    refused: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One repository, one builder image, one config.

    Attributes:
        name: what it shows.
        files: path -> bytes, or "-> target" for a symbolic link; "+x " needs no mark, scripts keep their mode.
        labels: of the builder image.
        environment: variables of the builder image.
        user: of the builder image.
        on_build: ONBUILD instructions of the builder image.
        options: `s2i` block of the config.
        difference: None when nothing differs.
    """

    name: str
    files: Mapping[str, bytes | str] = field(default_factory=lambda: APP)
    labels: Mapping[str, str] = field(default_factory=lambda: USUAL)
    environment: tuple[str, ...] = ()
    user: str = "1001"
    on_build: tuple[str, ...] = ()
    options: Mapping[str, object] = field(default_factory=dict)
    difference: Difference | None = None


ENVIRONMENT = rb"""# a comment
A=1
B = spaces around
QUOTED="quotes stay"
DOLLAR=$HOME and ${PATH}
BACKSLASH=C:\temp\
EQUALS=a=b=c
EMPTY=

#C=2
DOS=line
TWICE=1
TWICE=2
UNICODE=h\xc3\xa9
LIST=a,b=c
"""
IGNORE = b"""# not this
*.log
/data/*
!data/keep.csv
docs
nested/*/b?.txt
[ab].bin
  spaced.txt
!missing
!*.log.keep
x[
.hidden
sub/../up.txt
"""
_IGNORED_PATHS = (
    *("app.py", "one.log", "deep/two.log", "data/keep.csv", "data/drop.csv", "data/more/a", "docs/index.md"),
    *("nested/x/b1.txt", "nested/x/b10.txt", "nested/y/bz.txt", "a.bin", "c.bin", "spaced.txt", ".hidden"),
    *(".hidden.log", "x[", "up.txt", "sub/keep"),
)
IGNORED = {
    ".s2iignore": IGNORE,
    **dict.fromkeys(_IGNORED_PATHS, b"x"),
}
_PIPFILE, _LOCK = make_lock({}, hashes={})
LOCKED = {**APP, "Pipfile": _PIPFILE.encode(), "Pipfile.lock": _LOCK.encode()}
OWN = {".s2i/bin/assemble": SCRIPT, ".s2i/bin/run": SCRIPT, ".s2i/bin/save-artifacts": SCRIPT}

_LIKE_BUILD = "`--as-dockerfile` asks no image for it; `s2i build` without that option does, and so does hublish"
_HOST = "s2i would touch what lies outside of the source; hublish never does"

CASES = (
    Case(name="no scripts of its own"),
    Case(name="scripts label of another folder", labels={SCRIPTS: "image:///opt/app-root/builder/"}),
    Case(name="older scripts label", labels={"io.s2i.scripts-url": "image:///old"}),
    Case(name="both scripts labels", labels={SCRIPTS: "image:///new", "io.s2i.scripts-url": "image:///old"}),
    Case(name="builder without labels", labels={}),
    Case(name="all scripts in .s2i/bin", files={**APP, **OWN}),
    Case(name="only assemble in .s2i/bin", files={**APP, ".s2i/bin/assemble": SCRIPT}),
    Case(name="only run in .s2i/bin", files={**APP, ".s2i/bin/run": SCRIPT}),
    Case(name="other files in .s2i/bin", files={**APP, ".s2i/bin/usage": SCRIPT, ".s2i/bin/lib.sh": SCRIPT}),
    Case(name="scripts in .sti/bin", files={**APP, ".sti/bin/assemble": SCRIPT}),
    Case(
        name="scripts URL by config over .s2i/bin",
        files={**APP, **OWN},
        options={"scripts_url": "image:///opt/app-root/builder"},
    ),
    Case(
        name="environment file: comments, quotes, dollars, odd lines",
        files={**APP, ".s2i/environment": ENVIRONMENT + b"no equals sign\n=no name\r\nLAST=1"},
    ),
    Case(
        name="environment by config after the file",
        files={**APP, ".s2i/environment": b"A=1\nB=1\n"},
        options={"environment": {"B": 'two "words" $HOME', "C": ""}},
    ),
    Case(
        name="environment line no engine reads",
        files={**APP, ".s2i/environment": b"A=1\nexport B=2\n"},
        difference=Difference(
            reason="s2i writes an ENV that ends the build later; hublish names the line before it starts",
            refused="EnvironmentLineInvalid",
        ),
    ),
    Case(name=".s2iignore: negation, classes, folders, comments", files=IGNORED),
    Case(
        name=".s2iignore hides .s2i",
        files={**APP, **OWN, ".s2i/environment": b"A=1\n", ".s2iignore": b".s2i\n"},
    ),
    Case(
        name=".s2iignore leads out of the source",
        files={**APP, **OWN, ".s2iignore": b"../scripts/run\n"},
        difference=Difference(
            reason=_HOST,
            hublish=("CMD /tmp/scripts/run", "upload/scripts/run 755"),
            s2i=("CMD /usr/libexec/s2i/run",),
        ),
    ),
    Case(
        name=".s2iignore hides everything",
        files={**APP, ".s2iignore": b"*\n"},
        difference=Difference(reason="an image of nothing is never meant", refused="SourceEmpty"),
    ),
    Case(
        name="context folder",
        files={"app/app.py": b"1", "app/.s2i/bin/run": SCRIPT, "app/.s2i/environment": b"A=1", "other": b"2"},
        options={"context": "app"},
    ),
    Case(
        name="context folder with links",
        files={"app/app.py": b"1", "app/link": "-> app.py", "app/gone": "-> nowhere"},
        options={"context": "app"},
        difference=Difference(
            reason="with a context folder s2i copies what links lead to, even outside of the repository; hublish keeps links",
            hublish=("upload/src/link -> app.py",),
            s2i=("upload/src/link 644",),
        ),
    ),
    Case(name="symbolic links", files={**APP, "link": "-> app.py", "folder": "-> data", "gone": "-> /nowhere"}),
    Case(
        name="script that is a link",
        files={**APP, "tools/build.sh": SCRIPT, ".s2i/bin/assemble": "-> ../../tools/build.sh"},
        difference=Difference(
            reason="s2i moves the link, which then leads nowhere and ends the build; hublish takes the file",
            hublish=("upload/scripts/assemble 755",),
            s2i=("upload/scripts/assemble -> ../../tools/build.sh",),
        ),
    ),
    Case(name="file names with spaces and accents", files={**APP, "a b/c d.txt": b"x", "h\u00e9.txt": b"x"}),
    Case(name="builder that runs as root", user="root"),
    Case(name="builder without a user", user=""),
    Case(
        name="builder with a user of its own",
        user="jovyan:users",
        difference=Difference(
            reason=_LIKE_BUILD,
            hublish=("RUN chown -R jovyan:0 /tmp/src", "USER jovyan"),
            s2i=("RUN chown -R 1001:0 /tmp/src", "USER 1001"),
        ),
    ),
    Case(
        name="assemble-user label",
        labels={**USUAL, "io.openshift.s2i.assemble-user": "2000"},
        difference=Difference(
            reason=_LIKE_BUILD,
            hublish=("RUN chown -R 2000:0 /tmp/src", "USER 2000"),
            s2i=("RUN chown -R 1001:0 /tmp/src", "USER 1001"),
        ),
    ),
    Case(
        name="destination label",
        labels={**USUAL, "io.openshift.s2i.destination": "/opt/s2i"},
        files={**APP, ".s2i/bin/run": SCRIPT},
        difference=Difference(
            reason=_LIKE_BUILD,
            hublish=(
                "CMD /opt/s2i/scripts/run",
                "COPY upload/scripts /opt/s2i/scripts",
                "COPY upload/src /opt/s2i/src",
                "LABEL io.openshift.s2i.destination=/opt/s2i",
                "RUN chown -R 1001:0 /opt/s2i/scripts /opt/s2i/src",
            ),
            s2i=(
                "CMD /tmp/scripts/run",
                "COPY upload/scripts /tmp/scripts",
                "COPY upload/src /tmp/src",
                "RUN chown -R 1001:0 /tmp/scripts /tmp/src",
            ),
        ),
    ),
    Case(
        name="variable STI_SCRIPTS_URL of an old builder",
        labels={},
        environment=("STI_SCRIPTS_URL=image:///opt/sti",),
        difference=Difference(
            reason=_LIKE_BUILD,
            hublish=("CMD /opt/sti/run", "RUN /opt/sti/assemble"),
            s2i=("CMD /usr/libexec/s2i/run", "RUN /usr/libexec/s2i/assemble"),
        ),
    ),
    Case(
        name="assemble as root, as the old service with a scripts URL",
        options={"scripts_url": "image:///opt/app-root/builder", "user": "root"},
        difference=Difference(
            reason="a hub starts no server as root, so the image gets its builder's user back",
            hublish=("USER 1001",),
        ),
    ),
    Case(
        name="scripts label that leads out of the image",
        labels={SCRIPTS: "http://127.0.0.1:9/scripts"},
        difference=Difference(
            reason="s2i would fetch and run them; hublish runs scripts of the image or of .s2i/bin only",
            refused="ScriptsRefused",
        ),
    ),
    Case(
        name="such a label, but own scripts",
        labels={SCRIPTS: "http://127.0.0.1:9/scripts"},
        files={**APP, **OWN},
    ),
    Case(
        name="builder with ONBUILD",
        on_build=("COPY . /src",),
        difference=Difference(
            reason="s2i writes a Dockerfile in which they run on another context than they were made for",
            refused="BuilderUnsupported",
        ),
    ),
    Case(name="micropipenv and its lock", files={**LOCKED, ".s2i/environment": b"ENABLE_MICROPIPENV=1\n"}),
    Case(name="pipenv and its lock", files={**LOCKED, ".s2i/environment": b"ENABLE_PIPENV=true\n"}),
    Case(
        name="pipenv and a stale lock",
        files={**LOCKED, ".s2i/environment": b"ENABLE_PIPENV=1\n", "Pipfile": _PIPFILE.encode() + b"more = '*'\n"},
        difference=Difference(
            reason="pipenv would end the build; hublish says so before it starts", refused="LockStale"
        ),
    ),
    Case(name="variables of Thoth", files={**APP, ".s2i/environment": b"THOTH_ADVISE=1\n"}),
)
