"""What the Steps of a pod do: `hublish step fetch`, `build`, `push`, each with no more than it needs.

`fetch` has the token for the source and the logins for base and packages, `build` has nothing but what the operator gives to a
Dockerfile's own RUNs, `push` has the login of the registry. They share the folder /work and no secret.
"""

from hublish.bootstrap.steps.run import run_step

__all__ = ["run_step"]
