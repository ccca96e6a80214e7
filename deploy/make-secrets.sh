#!/bin/sh
# Creates the secrets of docker-compose.yml in ./secrets: random passwords, and the key that signs the log of sealed days.
# What exists stays as it is. It needs the image, so run docker-compose build first.
#
#   sh deploy/make-secrets.sh acme.example/recordings
#   cat > secrets/smartassist-client-secret     (paste the JWT app's client secret, Ctrl-D)
#
# The argument is the name of the log, which is yours and stays for good: a domain with a path, for example. Keep a copy of
# secrets/log-key and secrets/user-hash-key where you keep such keys: neither can be made again.
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
random | create grafana-admin-password
random | create user-hash-key

missing=0
miss() { echo "missing: $1" >&2; missing=1; }

# The key of the log is made by our own program, in the image of the worker.
keygen() {
    docker run --rm --network none --user "$(id -u):$(id -g)" --volume "$PWD/secrets:/secrets" \
        --entrypoint /callvault-starter callvault:local log keygen --name "$1" --file /secrets/log-key
}

if [ -e secrets/log-key ]; then
    echo "secrets/log-key exists"
elif [ -z "${1:-}" ]; then
    miss "secrets/log-key: run this again with a name for the log of sealed days: sh deploy/make-secrets.sh acme.example/recordings"
elif keygen "$1" > /dev/null; then
    chmod 444 secrets/log-key secrets/log-key.pub
    echo "secrets/log-key created, and secrets/log-key.pub, which is for whoever is to verify the archive"
else
    miss "secrets/log-key: build the image, docker-compose build, and run this again"
fi

if [ -s secrets/smartassist-client-secret ]; then
    chmod 444 secrets/smartassist-client-secret
else
    miss "secrets/smartassist-client-secret: put the JWT app's client secret into it and run this again"
fi
exit $missing
