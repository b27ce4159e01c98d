#!/bin/sh
# Registers wdrip's namespace and search attributes with a Temporal server. Safe to run again.
#
# Environment: TEMPORAL_ADDRESS host:port; TEMPORAL_NAMESPACE; RETENTION of closed workflows (e.g. 720h);
# SEARCH_ATTRIBUTES, names of Keyword attributes; ATTEMPTS and PAUSE (seconds) to wait for the server.
set -eu

: "${TEMPORAL_ADDRESS:?host:port of the Temporal server}"
: "${SEARCH_ATTRIBUTES:?names of the search attributes}"
export TEMPORAL_ADDRESS
namespace=${TEMPORAL_NAMESPACE:-default}
retention=${RETENTION:-720h}
attempts=${ATTEMPTS:-60}
pause=${PAUSE:-2}

# Runs a command until it succeeds, at most $attempts times.
patiently() {
  what=$1
  shift
  attempt=1
  until "$@"; do
    if [ "$attempt" -ge "$attempts" ]; then
      echo "$what: gave up after $attempt tries" >&2
      exit 1
    fi
    attempt=$((attempt + 1))
    sleep "$pause"
  done
}

server_answers() {
  temporal operator cluster health >/dev/null 2>&1
}

namespace_exists() {
  temporal operator namespace describe --namespace "$namespace" >/dev/null 2>&1
}

ensure_namespace() {
  namespace_exists || temporal operator namespace create --namespace "$namespace" --retention "$retention" ||
    namespace_exists
}

attribute_exists() {
  temporal operator search-attribute list --namespace "$namespace" | grep -Eq "^[[:space:]]*$1[[:space:]]"
}

ensure_attribute() {
  attribute_exists "$1" ||
    temporal operator search-attribute create --namespace "$namespace" --name "$1" --type Keyword ||
    attribute_exists "$1"
}

patiently "Temporal at $TEMPORAL_ADDRESS" server_answers
patiently "namespace $namespace" ensure_namespace
for attribute in $SEARCH_ATTRIBUTES; do
  patiently "search attribute $attribute" ensure_attribute "$attribute"
done
echo "namespace $namespace is ready"
