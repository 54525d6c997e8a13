"""Image repositories made before the first push, where a registry does not make them itself: ECR, Quay, Harbor.

One class per registry's own API, all behind the port `RepositoryMaker`. Each looks first, makes what is missing, private
where the API knows visibility, and takes "it is there already" for success. The login stays in the request.
"""

from hublish.adapters.repositories.api import JSONAPI
from hublish.adapters.repositories.ecr import ECRRepositories, verify_boto3
from hublish.adapters.repositories.harbor import HarborProjects
from hublish.adapters.repositories.login import LoginFile
from hublish.adapters.repositories.quay import QuayRepositories

__all__ = ["JSONAPI", "ECRRepositories", "HarborProjects", "LoginFile", "QuayRepositories", "verify_boto3"]
