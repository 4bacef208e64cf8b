"""
Addresses and credentials of the AWS that a stack uses.
"""

import pytest

from harness.stack.aws_access import AwsAccess


@pytest.fixture(autouse=True)
def no_aws_variables(monkeypatch):
    """The environment has credentials of an AWS account, and no endpoints."""
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "account")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setattr("secrets.token_hex", lambda _: "random")


def access() -> AwsAccess:
    return AwsAccess.from_environment(aws_port=5000, s3_port=5001)


class TestAwsAccess:
    def test_without_endpoints_the_stack_starts_both_servers(self):
        """
        The credentials of an account are never used with local servers.
        """
        assert access() == AwsAccess(
            "http://127.0.0.1:5000", "http://127.0.0.1:5001", True, True, "test", "random"
        )

    def test_one_endpoint_is_used_for_both(self, monkeypatch):
        """
        The user's server also serves S3, with the credentials of the environment.
        """
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://aws.example:4566")

        assert access() == AwsAccess(
            "http://aws.example:4566", "http://aws.example:4566", False, False, "account", "secret"
        )

    def test_an_endpoint_of_s3_replaces_only_s3(self, monkeypatch):
        """
        The other services are those of the stack.
        """
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://s3.example:9000")

        assert access() == AwsAccess(
            "http://127.0.0.1:5000", "http://s3.example:9000", True, False, "account", "secret"
        )

    def test_processes_see_no_other_aws(self):
        """
        A profile would lead their AWS clients to another account.
        """
        environment = access().environment

        assert "AWS_PROFILE" not in environment
        assert environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:5000"
        assert environment["AWS_ACCESS_KEY_ID"] == "test"
