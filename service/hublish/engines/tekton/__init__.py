"""The engine `tekton`: each build is a PipelineRun, so one pod, in a cluster that the operator names.

TEKTON_VERSION=v1 must be in the environment before this is imported: Tekton's client reads it then. Only bootstrap imports it.
"""

from hublish.engines.tekton.choices import TektonChoices
from hublish.engines.tekton.cluster import TektonCluster, open_cluster
from hublish.engines.tekton.engine import TektonEngine
from hublish.engines.tekton.parts import PodSystemBuilder, PodTaskRunner

__all__ = ["PodSystemBuilder", "PodTaskRunner", "TektonChoices", "TektonCluster", "TektonEngine", "open_cluster"]
