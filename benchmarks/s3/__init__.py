"""Copies to and from S3, beside the AWS CLI in the same run and on the same server."""
