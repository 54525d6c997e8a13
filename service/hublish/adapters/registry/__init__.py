"""Image registries: the two image ports over the OCI distribution API.

Two kept libraries were read before this was written. oras 0.2.43 asks without time-outs, sends Basic credentials to
whatever host a challenge names as realm, neither mounts nor resumes and repeats only a 500; python-dxf 12.1.1 uploads
a blob in one attempt, without repeats, resumption or a check of `Retry-After`. Their own parts are thin over
`requests`, so that keeping one would have meant to replace its transport, its authentication and its upload.
"""

from hublish.adapters.registry.client import RegistryClient
from hublish.adapters.registry.credential import load_logins
from hublish.adapters.registry.rule import Patience, RegistryRule, TransferSizes

__all__ = ["Patience", "RegistryClient", "RegistryRule", "TransferSizes", "load_logins"]
