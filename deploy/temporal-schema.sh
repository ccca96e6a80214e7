#!/bin/sh
# Creates Temporal's two databases and brings their tables to this image's version. Safe to run again: what exists
# stays, what is older is updated, so a new Temporal version needs nothing else. The connection is in SQL_*.
set -eu

read -r SQL_PASSWORD < /run/secrets/postgres-password || [ -n "$SQL_PASSWORD" ] || { echo "/run/secrets/postgres-password is empty" >&2; exit 1; }
export SQL_PASSWORD

for schema in temporal:temporal temporal_visibility:visibility; do
    database=${schema%%:*}
    temporal-sql-tool --database "$database" create-database
    temporal-sql-tool --database "$database" setup-schema --version 0.0
    temporal-sql-tool --database "$database" update-schema --schema-name "postgresql/v12/${schema##*:}"
done
