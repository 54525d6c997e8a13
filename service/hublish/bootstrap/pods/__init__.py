"""Pods made from the operator's settings: the engine that runs builds in a cluster, and what each Step of a pod is given."""
