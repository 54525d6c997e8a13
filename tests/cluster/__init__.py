"""A real Kubernetes with Tekton on one machine, and the tests that run on it. See README.md beside this file."""
