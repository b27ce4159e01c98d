#!/bin/sh
# Creates Temporal's two databases and brings their schemas up to date. Safe to run again.
#
# Environment: POSTGRES_SEEDS host, DB_PORT, POSTGRES_USER, POSTGRES_PWD of the database server;
# SCHEMA_DIR where the image keeps the schema files.
set -eu

: "${POSTGRES_SEEDS:?host of the database server}"
: "${POSTGRES_USER:?user of the database server}"
: "${POSTGRES_PWD:?password of that user}"
port=${DB_PORT:-5432}
schemas=${SCHEMA_DIR:-/etc/temporal/schema/postgresql/v12}
# The tool reads the password from SQL_PASSWORD, so that it is no process argument.
export SQL_PASSWORD="$POSTGRES_PWD"

sql_tool() {
  database=$1
  shift
  temporal-sql-tool --plugin postgres12 --endpoint "$POSTGRES_SEEDS" --port "$port" \
    --user "$POSTGRES_USER" --database "$database" "$@"
}

prepare() {
  database=$1
  versions=$2
  echo "schema of $database"
  # Both fail when it was done before; what counts is that the update after them succeeds.
  sql_tool "$database" create || echo "$database: exists already"
  sql_tool "$database" setup-schema -v 0.0 || echo "$database: has its version table already"
  sql_tool "$database" update-schema -d "$versions"
}

prepare temporal "$schemas/temporal/versioned"
prepare temporal_visibility "$schemas/visibility/versioned"
echo "schemas are up to date"
