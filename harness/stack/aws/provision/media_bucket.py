"""The media bucket in a local S3: CloudFormation's properties as S3's API spells them."""

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from harness.blueprint.resources import DeployedResource

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

Properties = Mapping[str, Any]


def provision_bucket(s3: "S3Client", bucket: DeployedResource) -> None:
    """Create the bucket, or update it; its policy is not applied."""
    properties: Any = bucket.properties
    encryption: Any = [
        _renamed(rule, {"ServerSideEncryptionByDefault": "ApplyServerSideEncryptionByDefault"})
        for rule in properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    ]
    cors_names = {"Id": "ID", "ExposedHeaders": "ExposeHeaders", "MaxAge": "MaxAgeSeconds"}
    cors: Any = [_renamed(rule, cors_names) for rule in properties["CorsConfiguration"]["CorsRules"]]
    lifecycle = [_lifecycle_rule(rule) for rule in properties["LifecycleConfiguration"]["Rules"]]
    with suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=bucket.name)
    s3.put_bucket_encryption(Bucket=bucket.name, ServerSideEncryptionConfiguration={"Rules": encryption})
    s3.put_bucket_versioning(
        Bucket=bucket.name, VersioningConfiguration=properties["VersioningConfiguration"]
    )
    s3.put_public_access_block(
        Bucket=bucket.name, PublicAccessBlockConfiguration=properties["PublicAccessBlockConfiguration"]
    )
    s3.put_bucket_ownership_controls(Bucket=bucket.name, OwnershipControls=properties["OwnershipControls"])
    s3.put_bucket_cors(Bucket=bucket.name, CORSConfiguration={"CORSRules": cors})
    s3.put_bucket_lifecycle_configuration(Bucket=bucket.name, LifecycleConfiguration={"Rules": lifecycle})


def _lifecycle_rule(rule: Properties) -> Any:
    tags = rule.get("TagFilters", [])
    spelt = _renamed(
        {name: value for name, value in rule.items() if name not in ("TagFilters", "ExpirationInDays")},
        {"Id": "ID"},
    )
    if len(tags) == 1:
        spelt["Filter"] = {"Tag": tags[0]}
    else:
        spelt["Filter"] = {"And": {"Tags": tags}} if tags else {"Prefix": ""}
    if "ExpirationInDays" in rule:
        spelt["Expiration"] = {"Days": rule["ExpirationInDays"]}
    if "Transitions" in rule:
        spelt["Transitions"] = [_renamed(step, {"TransitionInDays": "Days"}) for step in rule["Transitions"]]
    return spelt


def _renamed(properties: Properties, names: Mapping[str, str]) -> dict[str, Any]:
    """Return properties with some of their names replaced."""
    return {names.get(name, name): value for name, value in properties.items()}
