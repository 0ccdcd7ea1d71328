#!/bin/bash
# Everything that must hold, step by step, each with its name and time. The first failure ends it.
#
# Tests that need more than cargo (the proxy as a process, tools, minutes) are marked #[ignore],
# so that `cargo test` alone needs nothing; here they run, and what they need must be there.
. "$(dirname "$0")/common.sh"

export PORTREEVE_TOOLS PORTREEVE_CONTROL_PLANE PORTREEVE_PEERS CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-never}
PORTREEVE_TOOLS=$(tools_dir)
PORTREEVE_CONTROL_PLANE=$(control_plane_dir)
PORTREEVE_PEERS=$(peers_dir)
times=()

step() { # NAME COMMAND...
    local name=$1 start=$SECONDS
    shift
    say "$name"
    "$@" || {
        printf '   %s\n' "${times[@]}"
        fail "$name failed after $((SECONDS - start)) s: $*"
    }
    times+=("$(printf '%4d s  %s' $((SECONDS - start)) "$name")")
}

# One step may go on beside others: one that mostly waits. What it says is kept until `together`.
beside_pid=
beside() { # NAME COMMAND...
    beside_name=$1 beside_start=$SECONDS beside_log=$(mktemp)
    shift
    say "$beside_name, beside what follows"
    set -m # a process group of its own, so that all of it can be ended
    "$@" >"$beside_log" 2>&1 </dev/null &
    beside_pid=$!
    set +m
}

together() { # waits for the step that goes on beside, and says what it said
    local pid=$beside_pid ended=0
    wait "$pid" || ended=$?
    beside_pid=
    say "$beside_name, which went on beside"
    cat "$beside_log"
    rm -f "$beside_log"
    times+=("$(printf '%4d s  %s' $((SECONDS - beside_start)) "$beside_name, beside others")")
    [ "$ended" = 0 ] || {
        printf '   %s\n' "${times[@]}"
        fail "$beside_name failed after $((SECONDS - beside_start)) s."
    }
}

end_beside() { # a step failed, or somebody interrupts: nothing is left behind
    [ -z "$beside_pid" ] && return
    say "ending $beside_name, which had not ended; it said so far:"
    kill -TERM -- "-$beside_pid" 2>/dev/null || true
    wait "$beside_pid" 2>/dev/null || true
    cat "$beside_log"
    rm -f "$beside_log"
}
trap end_beside EXIT

# Always the whole workspace: another selection has other features, and is built again for them.
ignored() { # TEST: the tests of one file that cargo test leaves out
    cargo test --quiet --locked --workspace --test "$1" -- --ignored
}

in_cluster() { # ignored TEST: the same within a Kubernetes cluster of its own
    "$(built dev)/portreeve-cluster" run --image "acmesolver=$PORTREEVE_PEERS/acmesolver {ARGS}" -- \
        cargo test --quiet --locked --workspace --test "$2" -- --ignored
}

step "formatting" cargo fmt --all --check
step "lints" cargo clippy --quiet --locked --workspace --all-targets -- -D warnings
step "documentation" env RUSTDOCFLAGS='-D warnings' cargo doc --quiet --locked --workspace --no-deps
step "dependencies" "$deny_dir/bin/cargo-deny" --log-level error check bans licenses sources
step "build" cargo build --quiet --locked --workspace --all-targets
step "tests" cargo test --quiet --locked --workspace
step "routing cost" ignored cost
step "privileged ports, and certificates without a cluster" ignored suite
step "examples" ignored examples
step "500 changes under load" ignored churn
step "10,000 Ingresses" ignored scale
beside "faults" in_cluster ignored faults
step "HTTP/2 conformance" ignored h2spec
step "gRPC interoperability" ignored interop
step "a CA" ignored pebble
step "certificates by ACME" ignored issuer
step "certificates from a CA in trouble" ignored storm
step "test cluster" in_cluster ignored cluster
step "deployment" in_cluster ignored deployed
step "policies" in_cluster ignored policies
step "statuses and Events" in_cluster ignored writes
step "authorities of the admission webhook" in_cluster ignored authorities
step "what an Ingress means in a cluster" in_cluster ignored semantics
step "certificates of cert-manager" in_cluster ignored certmanager
step "certificates by ACME in a cluster" in_cluster ignored acme
step "reviews" in_cluster ignored webhook
together
step "measurements, small" in_cluster ignored measure

say "all of it held"
printf '   %s\n' "${times[@]}"
