"""What the tests of answers share: a delivered run, a failed one, and their parts."""

from __future__ import annotations

from hublish.core.answers.report import Answer, Failure, HubReport, ImageReport
from hublish.core.finding import Finding, Severity
from hublish.core.status import RunState

SHA = "0123456789" * 4
DIGEST = "sha256:" + "b" * 64
URL = "https://hublish.example.com/runs/r1"
IMAGE = ImageReport(
    title="ts",
    reference="registry.example.org/team/ts:v1.2",
    digest=DIGEST,
    tags=("latest",),
    kept_tags=(("stable", "it points at v2.0, which is newer"),),
    size_bytes=365_000_000,
    layers=12,
    uploaded_bytes=34_000_000,
    seconds=185.0,
)
HUB = HubReport(hub="demo", url="https://github.com/org/apps/pull/3", number=3, detail="lists ts v1.2", ok=True)
DELIVERED = Answer(
    run_id="r1", run_url=URL, state=RunState.DELIVERED, wanted="v1.2", sha=SHA, images=(IMAGE,), hubs=(HUB,)
)
FAILURE = Failure(
    code="WheelMissing",
    message="no file of six 1.17.0 has a hash of the lock",
    hint="run `pipenv lock` and commit Pipfile.lock",
    last_lines=("10:00:00 fetch six", "10:00:01 ```no``` such file"),
)
FAILED = Answer(run_id="r1", run_url=URL, state=RunState.FAILED, wanted="v1.2", sha=SHA, failure=FAILURE)
FINDING = Finding(
    severity=Severity.ERROR,
    code="UnknownKey",
    message='unknown key "strategi"',
    path=".hublish.yaml",
    hint="did you mean `strategy`?",
    line=3,
    column=1,
)
HOSTILE = "</pre><script>alert(1)</script> @octocat #1 | `x` [a](http://evil.example) **b**\n\x1b[31m\u202e![i](j)"
