#!/bin/bash
# cluster.sh ARGUMENT...: portreeve-cluster with its control plane; what is missing is installed and
# built first. `cluster.sh run -- CMD...` runs a command within a cluster of its own.
. "$(dirname "$0")/common.sh"

loadtest/steps/setup.sh build cluster >&2
cargo build --quiet --locked -p portreeve-cluster
PORTREEVE_CONTROL_PLANE=$(control_plane_dir)
export PORTREEVE_CONTROL_PLANE
exec "$(built dev)/portreeve-cluster" "$@"
