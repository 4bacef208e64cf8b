"""
The roles of the template have the permissions they need and no others; every wildcard has a reason.
"""

from collections.abc import Iterator
from fnmatch import fnmatchcase

import pytest

from harness.blueprint.template import load_template

BLUEPRINT = load_template()

ANY_RESOURCE = {
    "AccountAdministersTheKey": "in a key policy * is this key; without it the key could not be managed",
    "AlertsReachTheEncryptedTopic": "in a key policy * is this key",
    "LogGroupsAreEncrypted": "in a key policy * is this key; a Condition names the log groups",
    "WriteTraces": "X-Ray has no resources to name",
    "DeliverLogs": "log delivery has no resources to name",
    "PutMetrics": "PutMetricData has no resources to name; a Condition restricts the namespace",
}
"""Statements with Resource *, by Sid, and why AWS requires it."""

ANY_ACTION = {
    "AccountAdministersTheKey": "AWS's default statement, which lets IAM policies grant access to the key",
}
"""Statements that allow every action of a service, by Sid, and why."""


def listed(value) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def statements() -> Iterator[tuple[str, dict]]:
    """Yield every Allow statement of every policy, with the name of its policy."""
    template = BLUEPRINT
    documents = {
        "key": template.key.properties["KeyPolicy"],
        "bucket": template.bucket.policy,
        "queue": template.queue.policy,
        "dead letters": template.dead_letter_queue.policy,
        "topic": template.single("AWS::SNS::Topic").policy,
    }
    for role in template.roles.values():
        documents |= {
            f"{role.name}/{policy['PolicyName']}": policy["PolicyDocument"]
            for policy in role.properties["Policies"]
        }
    for place, document in documents.items():
        for statement in document["Statement"]:
            if statement["Effect"] == "Allow":
                yield place, statement


ALLOWED = list(statements())


@pytest.mark.parametrize(("place", "statement"), ALLOWED, ids=[f"{p}:{s.get('Sid')}" for p, s in ALLOWED])
class TestStatements:
    def test_names_its_resources(self, place, statement):
        """Resource * occurs only where AWS requires it."""
        if "*" in listed(statement["Resource"]):
            assert statement["Sid"] in ANY_RESOURCE

    def test_names_its_actions(self, place, statement):
        """A wildcard in an action occurs only where AWS requires it."""
        if any("*" in action for action in listed(statement["Action"])):
            assert statement["Sid"] in ANY_ACTION

    def test_allows_nothing_to_every_principal(self, place, statement):
        """An Allow never has the principal *."""
        assert statement.get("Principal") not in ("*", {"AWS": "*"})


def test_every_reason_has_a_statement():
    """The tables of reasons list existing statements only."""
    sids = {statement.get("Sid") for _, statement in ALLOWED}

    assert set(ANY_RESOURCE) | set(ANY_ACTION) <= sids


def may(role: str, action: str, resource: str) -> bool:
    """Return whether a role's policies allow an action on a resource; conditions are ignored."""
    found = BLUEPRINT.roles[f"toq-media-processing-{role}"]
    return any(
        statement["Effect"] == "Allow"
        and any(fnmatchcase(action, pattern) for pattern in listed(statement["Action"]))
        and any(fnmatchcase(resource, pattern) for pattern in listed(statement["Resource"]))
        for policy in found.properties["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
    )


RAW = "arn:aws:s3:::toq-listing-medias/9/raw/photo/vertical/b/a.jpg"
PROCESSED = "arn:aws:s3:::toq-listing-medias/9/processed/photo/vertical/b/7/large/a.jpg"
ZIP = "arn:aws:s3:::toq-listing-medias/9/zip/b/7/full.zip"
BUCKET = "arn:aws:s3:::toq-listing-medias"
QUEUE = "arn:aws:sqs:us-east-1:123456789012:listing-media-processing"
DEAD = f"{QUEUE}-dlq"
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:listing-media-processing-sm"
EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:listing-media-processing-sm:batch-b-job-7"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:listing-media-zip"


@pytest.mark.parametrize(
    ("role", "action", "resource"),
    [
        ("validate", "s3:GetObject", RAW),
        ("validate", "s3:ListBucket", BUCKET),
        ("thumbnails", "s3:GetObject", RAW),
        ("thumbnails", "s3:PutObject", PROCESSED),
        ("zip", "s3:GetObject", PROCESSED),
        ("zip", "s3:PutObject", ZIP),
        ("zip", "s3:AbortMultipartUpload", ZIP),
        ("mediaconvert", "s3:PutObject", PROCESSED),
        ("stepfunctions", "lambda:InvokeFunction", FUNCTION),
        ("callback-dispatch", "states:GetExecutionHistory", EXECUTION),
        ("backend", "s3:PutObject", RAW),
        ("backend", "s3:GetObject", ZIP),
        ("backend", "s3:ListBucket", BUCKET),
        ("backend", "s3:PutObjectTagging", RAW),
        ("backend", "s3:PutObjectTagging", PROCESSED),
        ("backend", "s3:PutObjectTagging", ZIP),
        ("backend", "sqs:SendMessage", QUEUE),
        ("backend", "sqs:ReceiveMessage", DEAD),
        ("backend", "states:StartExecution", MACHINE),
        ("backend", "states:GetExecutionHistory", EXECUTION),
        ("backend", "cloudwatch:PutMetricData", "*"),
    ],
)
def test_roles_may_do_their_work(role, action, resource):
    """A role may do what its component needs."""
    assert may(role, action, resource)


@pytest.mark.parametrize(
    ("role", "action", "resource"),
    [
        ("validate", "s3:PutObject", RAW),
        ("thumbnails", "s3:PutObject", RAW),
        ("thumbnails", "s3:PutObject", ZIP),
        ("zip", "s3:PutObject", PROCESSED),
        ("callback-dispatch", "s3:GetObject", RAW),
        ("callback-dispatch", "states:StopExecution", EXECUTION),
        ("callback-dispatch", "states:GetExecutionHistory", EXECUTION.replace("listing-media", "other")),
        ("mediaconvert", "s3:PutObject", RAW),
        ("backend", "s3:PutObject", PROCESSED),
        ("backend", "s3:DeleteObject", RAW),
        ("zip", "s3:PutObjectTagging", ZIP),
        ("mediaconvert", "s3:PutObjectTagging", PROCESSED),
        ("backend", "sqs:SendMessage", DEAD),
        ("backend", "lambda:InvokeFunction", FUNCTION),
        ("stepfunctions", "s3:GetObject", RAW),
        ("validate", "s3:GetObject", RAW.replace("toq-listing-medias", "other-bucket")),
    ],
)
def test_roles_may_not_do_more(role, action, resource):
    """A role may not do what only another component needs."""
    assert not may(role, action, resource)
