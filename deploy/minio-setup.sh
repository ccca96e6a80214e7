#!/bin/sh
# Creates the bucket and the user that callvault works with. Safe to run again; a changed secret key becomes the user's.
# The image has a shell and mc, and little else.
set -eu

read -r root_password < /run/secrets/minio-root-password || [ -n "$root_password" ] || { echo "/run/secrets/minio-root-password is empty" >&2; exit 1; }
export MC_HOST_archive="http://$MINIO_ROOT_USER:$root_password@minio:9000"

# The worker's keys, in the format of ~/.aws/credentials.
while IFS=' =' read -r name value || [ -n "$name" ]; do
    case $name in
    '[default]') ;;
    '['*) break ;; # the worker uses the default profile
    aws_access_key_id) access_key=$value ;;
    aws_secret_access_key) secret_key=$value ;;
    esac
done < /run/secrets/aws-credentials

mc mb --ignore-existing "archive/$S3_BUCKET"

# Read and write in this bucket, nothing elsewhere, and no deletion: an archive only grows.
while IFS= read -r line; do
    case $line in
    *BUCKET*) printf '%s%s%s\n' "${line%%BUCKET*}" "$S3_BUCKET" "${line#*BUCKET}" ;;
    *) printf '%s\n' "$line" ;;
    esac
done < /deploy/archive-policy.json | mc admin policy create archive callvault /dev/stdin

# On standard input, where no list of processes shows them.
mc admin user add archive <<USER
$access_key
$secret_key
USER
mc admin policy attach archive callvault --user "$access_key"
