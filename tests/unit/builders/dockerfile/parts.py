"""How tests read Dockerfiles."""

from __future__ import annotations

from hublish.builders.dockerfile.stages import Dockerfile, DockerfileInputs, read_dockerfile


def read(text: str, *, args: tuple[tuple[str, str], ...] = (), target: str | None = None) -> Dockerfile:
    """Read a Dockerfile."""
    return read_dockerfile(
        DockerfileInputs(
            text=text,
            path="Dockerfile",
            args=args,
            target=target,
            platform="linux/amd64",
            config_path=".hublish.yaml",
        )
    )
