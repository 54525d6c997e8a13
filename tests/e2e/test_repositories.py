"""A registry whose repositories are made by its own API: the service makes the one it needs before the build pushes."""

from __future__ import annotations

import pytest
import yaml

from tests.contract.repositories.described import DescribedServer
from tests.e2e.answers import publish
from tests.sandbox.town import Town

pytestmark = [pytest.mark.github, pytest.mark.registry]

SECRET = "an-oauth-token-of-this-test"


def test_release_makes_the_repository_before_it_pushes(quiet_town: Town) -> None:
    """What cannot be made is the answer and nothing is pushed; then it is made and pushed to. The login stands nowhere."""
    town = quiet_town
    login = town.folder / "quay-token"
    login.write_text(SECRET)
    words = f'{{"message": "no such scope for {SECRET}"}}'
    answers = {"get": [(404, "{}"), (404, "{}")], "post": [(403, words), (201, "{}")]}
    with DescribedServer("quay", answers) as server:
        create = {"by": "quay", "api": server.url, "auth_file": str(login)}
        town.settings["registries"][town.registry.host]["create"] = create
        (town.folder / "settings.yaml").write_text(yaml.safe_dump(town.settings))
        town.start_service()
        refused = publish(town, "v1.0")
        before = town.registry.tags("team/ts")
        delivered = publish(town, "v1.1")
        town.stop_service()
    named = f"creation of the repository {town.image}: expected 201, got 403"

    assert named in refused.replace("\\", "")
    assert "Check the login in" in refused
    assert (before, delivered.startswith("**Delivered:**")) == ((), True)
    assert ([method for method, _, _ in server.calls], server.faults) == (["GET", "POST", "GET", "POST"], [])
    assert {body["repository"] for method, _, body in server.calls if method == "POST"} == {"ts"}
    assert SECRET not in f"{town.read_service_log()} {refused} {delivered}"
