"""The pull request that a new repository gets, word for word."""

from __future__ import annotations

from hublish.core.answers.onboarding import Welcome, render_welcome, render_welcome_message
from hublish.core.finding import Finding, Severity

IMAGE = "registry.example.org/team/ts"
PLAIN = Welcome(
    reasons=((IMAGE, "The repository holds Dockerfile."),), left_out=(), form=True, registry=((IMAGE, ""),), findings=(),
    hubs=(), other_hubs=(),
)  # fmt: skip


def test_plain_welcome_says_what_is_added_and_what_comes_next() -> None:
    """Nothing is said of what is well."""
    expected = """\
hublish was installed on this repository. Nothing happens here until this is merged and somebody asks for a build.

**Added:**
- `.hublish.yaml`, `registry.example.org/team/ts`: The repository holds Dockerfile.
- `.github/ISSUE_TEMPLATE/deliver.yml`, an issue form that asks for a build

**The registry:**
- `registry.example.org/team/ts` takes pushes.

**Once merged:** publish a release, or comment `/build` on an issue. `/plan` shows first what would be built.

**Not wanted?** Close this pull request; hublish opens no other one here.

<!-- hublish:onboarding -->"""

    assert render_welcome(PLAIN) == expected


def test_whole_welcome_says_what_stands_in_the_way_and_quotes_foreign_text() -> None:
    """Refusals, findings, hubs, and what was left out; names of folders notify nobody."""
    finding = Finding(
        severity=Severity.ERROR, code="LockMissing", message="`Pipfile.lock` is missing", path="Pipfile.lock"
    )
    welcome = Welcome(
        reasons=((IMAGE, "The folder overlays/@all is an overlay."),),
        left_out=tuple((f"overlays/{number}`|", "why #1") for number in range(21)),
        form=False,
        registry=((IMAGE, "denied: <b>@org</b>"),),
        findings=(finding,),
        hubs=("demo",),
        other_hubs=("east", "west"),
    )
    left_out = "\n".join(f"- ``overlays/{number}`|``: why #\u200b1".replace("#", "\\#") for number in range(20))
    expected = f"""\
hublish was installed on this repository. Nothing happens here until this is merged and somebody asks for a build.

**Added:**
- `.hublish.yaml`, `registry.example.org/team/ts`: The folder overlays/@\u200ball is an overlay.

**Left out:**
{left_out}
- and 1 more

**The registry:**
- `registry.example.org/team/ts` takes no push yet; ask the operator of this service: denied: \\<b\\>@\u200borg\\</b\\>

**Hubs:** a release is proposed to `demo`.

**Hubs:** `east`, `west` would take an image of this repository; name it under `hubs` once the image holds jupyterhub and \
jupyterlab.

**Before the first build:**
- error, `Pipfile.lock`: \\`Pipfile.lock\\` is missing

**Once merged:** publish a release, or comment `/build` on an issue. `/plan` shows first what would be built.

**Not wanted?** Close this pull request; hublish opens no other one here.

<!-- hublish:onboarding -->"""

    assert render_welcome(welcome) == expected


def test_commit_says_what_it_is() -> None:
    """The title, and a sentence."""
    expected = (
        "Build images with hublish\n\n"
        "Written from what the repository holds; nothing is built before somebody asks for it.\n"
    )

    assert render_welcome_message() == expected
