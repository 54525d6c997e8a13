"""Where the API of a registry of Amazon ECR is, by the registry's host."""

from __future__ import annotations

import boto3
import pytest
from botocore.config import Config

from hublish.adapters.repositories import ECRRepositories, LoginFile
from hublish.errors import SettingsInvalid
from hublish.network import Network

ACCOUNT = "123456789012"


def make_endpoint(host: str) -> str:
    return ECRRepositories(LoginFile(path=None), host=host, network=Network())._endpoint


@pytest.mark.parametrize(
    ("host", "region", "dual"),
    [
        (f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com", "eu-west-1", False),
        (f"{ACCOUNT}.dkr.ecr.us-gov-west-1.amazonaws.com", "us-gov-west-1", False),
        (f"{ACCOUNT}.dkr.ecr.cn-north-1.amazonaws.com.cn", "cn-north-1", False),
        (f"{ACCOUNT}.dkr-ecr.eu-west-1.on.aws", "eu-west-1", True),
        (f"{ACCOUNT}.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn", "cn-north-1", True),
    ],
)
def test_endpoint_is_amazons_of_the_registry(host: str, region: str, dual: bool) -> None:
    """The suffix of China's regions, and of hosts that IPv6 leads to, is the registry's; botocore has the same rules."""
    client = boto3.client(
        "ecr", region_name=region, aws_access_key_id="a", aws_secret_access_key="b",
        config=Config(use_dualstack_endpoint=dual, ignore_configured_endpoint_urls=True),
    )  # fmt: skip

    assert make_endpoint(host) == client.meta.endpoint_url


def test_endpoint_of_a_host_for_fips_is_the_regions() -> None:
    """It makes the same repositories."""

    assert make_endpoint(f"{ACCOUNT}.dkr.ecr-fips.us-east-1.amazonaws.com") == "https://api.ecr.us-east-1.amazonaws.com"


@pytest.mark.parametrize(
    "host",
    [
        f"{ACCOUNT}.dkr.ecr.eu-west-1.on.aws",
        f"{ACCOUNT}.dkr-ecr.eu-west-1.amazonaws.com",
        f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com.example.org",
        f"{ACCOUNT}.dkr-ecr.eu-west-1.on.aws.cn",
    ],
)
def test_host_that_mixes_both_forms_is_refused(host: str) -> None:
    """Amazon has none of these."""
    with pytest.raises(SettingsInvalid, match="this host is none of ECR") as caught:
        make_endpoint(host)

    assert caught.value.hint == "ECR's are ACCOUNT.dkr.ecr.REGION.amazonaws.com and ACCOUNT.dkr-ecr.REGION.on.aws"
