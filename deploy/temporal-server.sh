#!/bin/sh
# Starts the Temporal server with the database's password from a secret. The server takes it from the environment only.
set -eu

read -r POSTGRES_PWD < /run/secrets/postgres-password || [ -n "$POSTGRES_PWD" ] # without a line feed, too
export POSTGRES_PWD
exec /etc/temporal/entrypoint.sh
