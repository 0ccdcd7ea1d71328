#!/bin/bash
# measure.sh TEST: one of the measurements of controller/tests/measure with programs that are built
# for release, in a cluster of its own.
. "$(dirname "$0")/common.sh"

test=${1:?usage: measure.sh TEST}

say "building with the release profile (some minutes the first time)"
cargo build --locked --release --workspace --bins
say "building what measures"
cargo build --quiet --locked --workspace --all-targets
PORTREEVE_PROGRAMS=$(realpath "$(built release)")
PORTREEVE_CONTROL_PLANE=$(control_plane_dir)
export PORTREEVE_PROGRAMS PORTREEVE_CONTROL_PLANE

say "measuring on $(nproc) cores, CPU: $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1)"
"$(built dev)/portreeve-cluster" run -- \
    cargo test --quiet --locked --workspace --test measure -- --ignored --nocapture "$test"
