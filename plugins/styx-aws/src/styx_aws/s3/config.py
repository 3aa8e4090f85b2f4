"""The settings section ``storage.s3``."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class S3Settings(BaseModel):
    """Whose credentials to use, and where new buckets are made: if empty, what boto3 finds by itself.

    Another server than AWS' is named as for the AWS CLI: ``AWS_ENDPOINT_URL_S3``, or ``endpoint_url`` in a profile.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    profile: str = ""
    region: str = ""
