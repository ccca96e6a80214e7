#!/bin/sh
# Creates the secrets of docker-compose.yml in ./secrets, with random passwords. What exists stays as it is.
#
#   sh deploy/make-secrets.sh
#   cat > secrets/smartassist-client-secret     (paste the JWT app's client secret, Ctrl-D)
set -eu
cd "$(dirname "$0")/.."

# Each container reads its secrets as a user of its own, so the files are readable and the folder is not.
mkdir -p secrets
chmod 700 secrets
umask 333

random() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; echo; }

# create FILE: writes standard input to it, unless it exists.
create() {
    if [ -e "secrets/$1" ]; then
        echo "secrets/$1 exists"
    else
        cat > "secrets/$1"
        echo "secrets/$1 created"
    fi
}

random | create postgres-password
random | create minio-root-password
printf '[default]\naws_access_key_id = callvault\naws_secret_access_key = %s\n' "$(random)" | create aws-credentials
if [ ! -s secrets/smartassist-client-secret ]; then
    echo "missing or empty: secrets/smartassist-client-secret: put the JWT app's client secret into it and run this again" >&2
    exit 1
fi
chmod 444 secrets/smartassist-client-secret
