"""The engine `buildah`: Dockerfile and source-to-image builds by the buildah program, without a daemon.

Its own storage, its own process, network and mount namespaces; nothing of the host's configuration of containers is read.
"""

from hublish.engines.buildah.backend import BuildahBackend, BuildahChoices, find_buildah
from hublish.engines.buildah.confinement import run_here
from hublish.engines.buildah.network import NetworkMode, find_network_mode

__all__ = ["BuildahBackend", "BuildahChoices", "NetworkMode", "find_buildah", "find_network_mode", "run_here"]
