#!/bin/bash
# scale.sh: what 10,000 Ingresses cost the proxy in time and memory, on this machine.
. "$(dirname "$0")/common.sh"

say "building the proxy with the release profile (some minutes the first time)"
cargo build --locked --release -p portreeve-proxy
PORTREEVE_PROXY=$(realpath "$(built release)/portreeve-proxy")
export PORTREEVE_PROXY

say "starting it on 10,000 Ingresses, 1,000 Services and 5,000 endpoints, and changing one of them"
cargo test --quiet --locked -p portreeve-loadtest --test scale -- --ignored --nocapture
