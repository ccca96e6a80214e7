#!/bin/sh
# Creates the namespace unless it exists, and returns only when it can be used. A namespace that exists keeps its
# retention: `temporal operator namespace update --retention …` changes it. TEMPORAL_ADDRESS says where the server is.
set -eu

# try WHAT COMMAND…: a server that has just started refuses for a while.
try() {
    what=$1
    shift
    for attempt in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        if output=$("$@" 2>&1); then
            return 0
        fi
        echo "waiting for $what ($attempt of 20): $output" >&2
        sleep 3
    done
    return 1
}

ensure_namespace() {
    temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1 ||
        temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "$RETENTION" \
            --description "callvault: fetches call recordings into the archive"
}

try "the server" temporal operator cluster health
try "the namespace to exist" ensure_namespace
# A new namespace is not known everywhere at once: a worker that came now might be refused.
try "the namespace to respond" temporal workflow count --namespace "$TEMPORAL_NAMESPACE"
# A server that was started again takes up to a minute until its own services have found each other.
try "the task queues to respond" temporal task-queue describe --namespace "$TEMPORAL_NAMESPACE" --task-queue callvault
echo "namespace $TEMPORAL_NAMESPACE is ready"
