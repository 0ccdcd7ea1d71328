#!/bin/bash
# run.sh EXAMPLE: starts an example's backends and the proxy, and prints what to try. Ctrl-C ends both.
# PROFILE=release builds for measuring; the default builds faster and runs slower.
. "$(dirname "$0")/common.sh"

example=${1:?usage: run.sh EXAMPLE}
folder=examples/$example
profile=${PROFILE:-dev}
[ -d "$folder" ] || fail "There is no example $example. There are: $(cd examples && echo */ | tr -d /)."

say "building the proxy and the demo backends (profile $profile; some minutes the first time)"
cargo build --locked --profile "$profile" -p portreeve-proxy -p portreeve-loadtest
bin=$(built "$profile")

pids=()
# Each child in a process group of its own: Ctrl-C reaches this script, which then ends them.
set -m
stop() {
    trap - INT TERM EXIT
    local pid
    for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
}
trap stop EXIT
trap 'echo; say "stopping"; exit 0' INT TERM

# An example with ca.sh has a CA of its own, and its flags lead there.
flags=()
if [ -x "$folder/ca.sh" ]; then
    loadtest/steps/setup.sh tools
    state=${CARGO_TARGET_DIR:-target}/$example
    PORTREEVE_TOOLS=$(tools_dir) "$folder/ca.sh" "$state" &
    pids+=($!)
    until curl -fsk -o /dev/null https://127.0.0.1:14000/dir; do
        kill -0 "${pids[0]}" 2>/dev/null || fail "The CA ended before it answered; its last words are above."
        sleep 0.1
    done
    read -r -d '' -a flags < <(sed "s|STATE|$state|" "$folder/flags") || true
fi

"$bin/portreeve-loadtest" serve --backends "$folder/backends" &
pids+=($!)
"$bin/portreeve-proxy" --manifests "$folder" --http 127.0.0.1:8080 --https 127.0.0.1:8443 --admin 127.0.0.1:10254 \
    --drain-delay 0 --drain-timeout 5 "${flags[@]}" &
pids+=($!)

tries=0
until curl -fs -o /dev/null http://127.0.0.1:10254/readyz; do
    for pid in "${pids[@]}"; do
        kill -0 "$pid" 2>/dev/null || fail "A process ended before the proxy was ready; its last words are above."
    done
    [ $((tries += 1)) -le 300 ] || fail "The proxy was not ready within 30 seconds."
    sleep 0.1
done

say "ready; try these in another terminal ($folder/README.md says what they print)"
sed -n '/^\$ make /d; s/^\$ /    /p' "$folder/README.md"
say "Ctrl-C stops everything"
# Returns when one of them ends, which only an error or a signal makes them do.
wait -n || true
fail "A process ended; its last words are above."
