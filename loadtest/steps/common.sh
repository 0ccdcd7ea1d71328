# Shared by the steps: where things are kept, and how they speak. Sourced, never run.
# shellcheck shell=bash

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"

# Tools live outside the work tree, so that a fresh clone finds them again.
cache=${XDG_CACHE_HOME:-$HOME/.cache}/portreeve

# The tools' folder changes its name with their sources: what is in it is never stale.
tools_dir() {
    local sources=(loadtest/tools/go.mod loadtest/tools/go.sum loadtest/tools/*/*.go loadtest/tools/build.sh)
    echo "$cache/tools-$(cat "${sources[@]}" | sha256sum | cut -c1-12)"
}

# The same for the control plane of the test cluster.
control_plane_dir() {
    local sources=(loadtest/control-plane/go.mod loadtest/control-plane/go.sum loadtest/control-plane/build.sh)
    echo "$cache/control-plane-$(cat "${sources[@]}" | sha256sum | cut -c1-12)"
}

# The same for what works beside us in a cluster.
peers_dir() {
    local sources=(loadtest/peers/go.mod loadtest/peers/go.sum loadtest/peers/build.sh)
    echo "$cache/peers-$(cat "${sources[@]}" | sha256sum | cut -c1-12)"
}

deny_version=0.20.2
deny_dir=$cache/cargo-deny-$deny_version

say() { printf '== %s\n' "$*"; }

fail() {
    printf '!! %s\n' "$@" >&2
    exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

# Where cargo puts what it builds, for a profile.
built() {
    local folder=$1
    [ "$folder" = dev ] && folder=debug
    echo "${CARGO_TARGET_DIR:-target}/$folder"
}
