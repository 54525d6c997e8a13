"""The engine `docker`: Dockerfile and source-to-image builds by a Docker Engine, or by Podman's interface of that shape."""

from hublish.engines.docker.backend import NO_NETWORK, DockerBackend, DockerChoices
from hublish.engines.docker.network import BridgeReach

__all__ = ["NO_NETWORK", "BridgeReach", "DockerBackend", "DockerChoices"]
