"""The engine `docker`: Dockerfile and source-to-image builds by a Docker Engine, or by Podman's interface of that shape."""

from hublish.engines.docker.backend import NO_NETWORK, DockerBackend, DockerChoices

__all__ = ["NO_NETWORK", "DockerBackend", "DockerChoices"]
