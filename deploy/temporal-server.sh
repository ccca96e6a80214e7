#!/bin/sh
# Starts the Temporal server with the database's password from a secret. The server takes it from the environment only.
set -eu

read -r POSTGRES_PWD < /run/secrets/postgres-password || [ -n "$POSTGRES_PWD" ] || { echo "/run/secrets/postgres-password is empty" >&2; exit 1; }
export POSTGRES_PWD
exec /etc/temporal/entrypoint.sh
