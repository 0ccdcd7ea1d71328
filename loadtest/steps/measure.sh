#!/bin/bash
# measure.sh converge|soak|reviews: how fast changes are in traffic and how much room everything takes,
# what becomes of that in ten minutes with a fault in each, or what a review costs. All with programs that are built for
# release, in a cluster of their own; CHANGES says how many changes of each kind `converge` makes.
. "$(dirname "$0")/common.sh"

what=${1:?usage: measure.sh converge|soak|reviews}

say "building with the release profile (some minutes the first time)"
cargo build --locked --release --workspace --bins
say "building what measures"
cargo build --quiet --locked --workspace --all-targets
PORTREEVE_PROGRAMS=$(realpath "$(built release)")
PORTREEVE_CONTROL_PLANE=$(control_plane_dir)
export PORTREEVE_PROGRAMS PORTREEVE_CONTROL_PLANE
[ -z "${CHANGES:-}" ] || export PORTREEVE_CHANGES=$CHANGES

in_cluster() { # TEST NAME: the tests of a file that have NAME in theirs
    "$(built dev)/portreeve-cluster" run -- \
        cargo test --quiet --locked --workspace --test "$1" -- --ignored --nocapture "$2"
}

say "measuring on $(nproc) cores, CPU: $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1)"
case $what in
converge) in_cluster measure converge:: ;;
soak)
    in_cluster faults rolling::
    in_cluster measure soak::
    ;;
reviews) in_cluster webhook crowded:: ;;
*) fail "measure.sh knows converge, soak and reviews, not $what." ;;
esac
