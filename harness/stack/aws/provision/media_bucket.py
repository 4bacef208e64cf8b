"""
Build the media bucket in a local S3, and spell its settings as S3's API does.
"""

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from harness.blueprint.resources import Bucket, LifecycleRule

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


def provision_bucket(s3: "S3Client", bucket: Bucket) -> None:
    """
    Create the bucket, or bring it up to date; all but its policy.

    Raises:
        ClientError: S3 refused a call.
    """
    with suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=bucket.name)
    s3.put_bucket_encryption(
        Bucket=bucket.name, ServerSideEncryptionConfiguration={"Rules": [encryption_rule(bucket)]}
    )
    if bucket.versioned:
        s3.put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration={"Status": "Enabled"})
    s3.put_public_access_block(
        Bucket=bucket.name,
        PublicAccessBlockConfiguration=bucket.public_access_block,  # type: ignore[arg-type]  # AWS's own shape
    )
    ownership: Any = {"ObjectOwnership": bucket.ownership}
    s3.put_bucket_ownership_controls(Bucket=bucket.name, OwnershipControls={"Rules": [ownership]})
    s3.put_bucket_cors(Bucket=bucket.name, CORSConfiguration={"CORSRules": cors_rules(bucket)})
    s3.put_bucket_lifecycle_configuration(
        Bucket=bucket.name,
        LifecycleConfiguration={"Rules": [lifecycle_rule(rule) for rule in bucket.lifecycle]},
    )


def encryption_rule(bucket: Bucket) -> Any:
    """Return the bucket's default encryption as S3's API spells it."""
    default = {"SSEAlgorithm": bucket.algorithm, "KMSMasterKeyID": bucket.key_arn}
    return {"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": bucket.bucket_key}


def cors_rules(bucket: Bucket) -> list[Any]:
    """Return the bucket's CORS rules as S3's API spells them."""
    return [
        {
            "ID": rule.id,
            "AllowedOrigins": list(rule.origins),
            "AllowedMethods": list(rule.methods),
            "AllowedHeaders": list(rule.headers),
            "ExposeHeaders": list(rule.exposed_headers),
            "MaxAgeSeconds": rule.max_age,
        }
        for rule in bucket.cors
    ]


def lifecycle_rule(rule: LifecycleRule) -> Any:
    """Return a lifecycle rule as S3's API spells it."""
    tags = [{"Key": key, "Value": value} for key, value in rule.tags.items()]
    spelt: dict[str, Any] = {
        "ID": rule.id,
        "Status": "Enabled" if rule.enabled else "Disabled",
        "Filter": {"Prefix": ""}
        if not tags
        else {"Tag": tags[0]}
        if len(tags) == 1
        else {"And": {"Tags": tags}},
    }
    if rule.transitions:
        spelt["Transitions"] = [{"Days": days, "StorageClass": to} for days, to in rule.transitions]
    if rule.expiration_days is not None:
        spelt["Expiration"] = {"Days": rule.expiration_days}
    if rule.noncurrent_days is not None:
        spelt["NoncurrentVersionExpiration"] = {"NoncurrentDays": rule.noncurrent_days}
    if rule.abort_multipart_days is not None:
        spelt["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": rule.abort_multipart_days}
    return spelt
