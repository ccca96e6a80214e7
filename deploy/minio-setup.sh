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

# Object Lock can be chosen only when the bucket is created. It retains nothing by itself: see docs/archive.md.
case $MINIO_OBJECT_LOCK in
on)
    mc mb --ignore-existing --with-lock "archive/$S3_BUCKET"
    mc retention info --default "archive/$S3_BUCKET" >/dev/null || {
        echo "the bucket $S3_BUCKET was created without Object Lock, which cannot be added: give S3_BUCKET another name, or MINIO_OBJECT_LOCK=off" >&2
        exit 1
    }
    ;;
off) mc mb --ignore-existing "archive/$S3_BUCKET" ;;
*)
    echo "MINIO_OBJECT_LOCK is \"$MINIO_OBJECT_LOCK\": want on or off" >&2
    exit 1
    ;;
esac

# With versions nothing that is written over or deleted by mistake is lost.
mc version enable "archive/$S3_BUCKET"

# The working files of days have users' ids, and nothing needs them after 90 days. Rules that are there stay. (Uploads that
# were left unfinished need no rule here: MinIO removes them after a day by itself.)
mc ilm rule list "archive/$S3_BUCKET" >/dev/null 2>&1 || mc ilm rule import "archive/$S3_BUCKET" <<RULES
{"Rules": [{
  "ID": "callvault-working-files",
  "Status": "Enabled",
  "Filter": {"Prefix": "${S3_PREFIX}.callvault/"},
  "Expiration": {"Days": 90},
  "NoncurrentVersionExpiration": {"NoncurrentDays": 1}
}]}
RULES

# policy NAME FILE: creates or replaces a policy for this bucket.
policy() {
    while IFS= read -r line; do
        case $line in
        *BUCKET*) printf '%s%s%s\n' "${line%%BUCKET*}" "$S3_BUCKET" "${line#*BUCKET}" ;;
        *) printf '%s\n' "$line" ;;
        esac
    done < "$2" | mc admin policy create archive "$1" /dev/stdin
}

# Read and write in this bucket and no deletion: an archive only grows. And see how the bucket is set, for the doctor.
policy "callvault-$S3_BUCKET" /deploy/archive-policy.json
policy "callvault-$S3_BUCKET-settings" /deploy/doctor-policy.json

# On standard input, where no list of processes shows them.
mc admin user add archive <<USER
$access_key
$secret_key
USER
mc admin policy attach archive "callvault-$S3_BUCKET" "callvault-$S3_BUCKET-settings" --user "$access_key"
