#!/bin/sh
# Creates the bucket and the user that callvault works with. Safe to run again; a changed SECRET_KEY becomes the user's.
# The address and the root user stand in MC_HOST_archive. The image has a shell and mc, and little else.
set -eu

mc mb --ignore-existing "archive/$S3_BUCKET"

# Read and write in this bucket, nothing elsewhere, and no deletion: an archive only grows.
mc admin policy create archive callvault /dev/stdin <<POLICY
{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"],
      "Resource": ["arn:aws:s3:::$S3_BUCKET"]
    },
    {
      "Effect": "Allow",
      "Action": ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
      "Resource": ["arn:aws:s3:::$S3_BUCKET/*"]
    }
  ]
}
POLICY

# On standard input, where no list of processes shows them.
mc admin user add archive <<USER
$ACCESS_KEY
$SECRET_KEY
USER
mc admin policy attach archive callvault --user "$ACCESS_KEY"
