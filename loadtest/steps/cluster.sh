#!/bin/bash
# cluster.sh ARGUMENT...: portreeve-cluster with its control plane and what it runs for images; what
# is missing is installed and built first. `cluster.sh run -- CMD...` runs a command within a cluster
# of its own, `cluster.sh up` keeps one until Ctrl-C.
. "$(dirname "$0")/common.sh"

loadtest/steps/setup.sh build cluster >&2
[ "${1:-}" != up ] || say "building what runs in the cluster (some minutes the first time)"
# The whole workspace: another selection has other features, and is built again for it.
cargo build --quiet --locked --workspace --bins
PORTREEVE_CONTROL_PLANE=$(control_plane_dir)
export PORTREEVE_CONTROL_PLANE
exec "$(built dev)/portreeve-cluster" "$@"
