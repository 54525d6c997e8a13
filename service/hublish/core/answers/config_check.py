"""The check run "hublish config": every fault of a commit's config and lock on its line, and what the config comes to.

It depends on the commit and the default branch alone, so that a push and a pull request of one commit say the same.
Values in, one check run out; nothing is built and nobody is notified.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from hublish.core.answers.findings import make_annotations, render_findings
from hublish.core.answers.markdown import cell, code_span, escape_inline
from hublish.core.answers.report import SHORT_SHA, SUMMARY_LIMIT_CHARACTERS
from hublish.core.config.document import Setting, list_settings
from hublish.core.config.file import CONFIG_PATHS, NEAR_NAMES
from hublish.core.finding import Finding, Severity
from hublish.core.github.ports import CheckRun
from hublish.core.inspection import Inspection

CHECK_NAME = "hublish config"
ANNOTATIONS_MOST = 500
"""Ten calls; nobody reads more, and the summary says how many there are."""
VALUE_LIMIT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a commit is.

    Attributes:
        sha: the commit.
        default_branch: the branch whose images, hubs and triggers count.
        url: page of the repository.
    """

    sha: str
    default_branch: str
    url: str


def make_config_check(inspection: Inspection, *, published: Inspection, place: Place) -> CheckRun:
    """Make the check run of a commit.

    Args:
        inspection: of the commit.
        published: of the default branch's config; the commit's own where it is the default branch's.
        place: where the commit is.
    """
    errors = sum(finding.severity is Severity.ERROR for finding in inspection.findings)
    annotations = make_annotations(_put_on_lines(inspection))
    summary = "\n".join(_make_summary(inspection, published, place))
    return CheckRun(
        name=CHECK_NAME,
        external_id=f"config/{place.sha}",
        sha=place.sha,
        status="completed",
        conclusion=_conclude(inspection, errors=errors),
        title=_make_title(inspection),
        summary=summary[:SUMMARY_LIMIT_CHARACTERS],
        details_url=_make_url(inspection, place),
        annotations=annotations[:ANNOTATIONS_MOST],
    )


def make_skipped_check(reason: str, *, place: Place) -> CheckRun:
    """Make the check run of a commit whose files cannot be read here; `reason` is a sentence."""
    return CheckRun(
        name=CHECK_NAME,
        external_id=f"config/{place.sha}",
        sha=place.sha,
        status="completed",
        conclusion="neutral",
        title="Not checked",
        summary=f"{escape_inline(reason)} `hublish validate` checks a checkout.",
        details_url=f"{place.url}/commit/{place.sha}",
    )


def _conclude(inspection: Inspection, *, errors: int) -> str:
    if errors:
        return "failure"
    return "success" if inspection.config is not None else "neutral"


def _make_title(inspection: Inspection) -> str:
    if inspection.config_path is None:
        return "There is no config file"
    counts = []
    for severity in Severity:
        count = sum(finding.severity is severity for finding in inspection.findings)
        counts += [f"{count} {severity.value}{'' if count == 1 else 's'}"] if count else []
    return ", ".join(counts) or "No faults"


def _make_url(inspection: Inspection, place: Place) -> str:
    if inspection.config_path is None:
        return f"{place.url}/commit/{place.sha}"
    return f"{place.url}/blob/{place.sha}/{inspection.config_path}"


def _put_on_lines(inspection: Inspection) -> tuple[Finding, ...]:
    """The findings, those about a whole file that is there at its top."""
    there = (*inspection.files, *NEAR_NAMES)  # one of the latter is spoken of only when it is there
    return tuple(
        replace(finding, line=1) if finding.line is None and finding.path in there else finding
        for finding in inspection.findings
    )


def _make_summary(inspection: Inspection, published: Inspection, place: Place) -> list[str]:
    files = ", ".join(code_span(path) for path in inspection.files) or "No config and no lock"
    lines = [f"{files} at {place.sha[:SHORT_SHA]}. Nothing was built.", "", *render_findings(inspection.findings)]
    if inspection.config_path is None:
        return [*lines, *_explain_missing(published, place)]
    if inspection.config is None or inspection.config_body is None:
        return [*lines, "", "What the config comes to is shown once it has no errors."]
    own = list_settings(inspection.config, inspection.config_body)
    shown = _Shown(path=cell(inspection.config_path), place=place)
    if published.config is None or published.config_body is None:
        branch = code_span(place.default_branch)
        note = f"{branch} has no config that can be used: nothing is published until this one is there."
        return [*lines, "", note, *shown.render(own, ())]
    theirs = list_settings(published.config, published.config_body)
    return [*lines, *shown.render(_choose(own, published=False), _choose(theirs, published=True))]


def _choose(settings: Iterable[Setting], *, published: bool) -> tuple[Setting, ...]:
    return tuple(setting for setting in settings if setting.published is published)


def _explain_missing(published: Inspection, place: Place) -> list[str]:
    if published.config is None:
        return ["", f"Add {code_span(CONFIG_PATHS[0])} to build an image from this repository."]
    return ["", f"A build of this commit follows the config of {code_span(place.default_branch)}."]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """Settings as a table: `path` is the config's, as Markdown."""

    path: str
    place: Place

    def render(self, own: tuple[Setting, ...], theirs: tuple[Setting, ...]) -> list[str]:
        """What is set, with its place, and below it the defaults; `own` of the commit, `theirs` of the default branch."""
        head = ["| key | value | from |", "| --- | --- | --- |"]
        rows = [
            *(self._render(setting, self._find_branch(setting)) for setting in theirs if setting.given),
            *(self._render(setting, self._find_line(setting)) for setting in own if setting.given),
        ]
        defaults = [self._render(setting, "default") for setting in (*theirs, *own) if not setting.given]
        fold = ["<details><summary>Defaults</summary>", "", *head, *defaults, "", "</details>"]
        return ["", "**What counts**", "", *head, *rows, "", *(fold if defaults else [])]

    def _render(self, setting: Setting, origin: str) -> str:
        return f"| {cell(setting.key)} | {cell(setting.value, limit=VALUE_LIMIT)} | {origin} |"

    def _find_line(self, setting: Setting) -> str:
        line = "" if setting.line is None else f", line {setting.line}"
        return f"{self.path} at {self.place.sha[:SHORT_SHA]}{line}"

    def _find_branch(self, setting: Setting) -> str:
        line = "" if setting.line is None else f", line {setting.line}"
        return f"the config on {escape_inline(self.place.default_branch)}{line}"
