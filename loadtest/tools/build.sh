#!/bin/bash
# build.sh OUT: builds the programs that go.mod beside this script names, into OUT. go.sum pins
# their content. What is there already and runs is kept.
set -euo pipefail
mkdir -p "${1:?usage: build.sh OUT}"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")"

build() { # NAME PACKAGE
    [ -x "$out/$1" ] && return
    local start=$SECONDS
    go build -mod=readonly -trimpath -ldflags='-s -w' -o "$out/$1.new" "$2"
    mv "$out/$1.new" "$out/$1"
    echo "== built $1 in $((SECONDS - start)) s"
}

build h2spec github.com/summerwind/h2spec/cmd/h2spec
build grpcurl github.com/fullstorydev/grpcurl/cmd/grpcurl
build interop-client google.golang.org/grpc/interop/client
build interop-server ./interop-server
build pebble github.com/letsencrypt/pebble/v2/cmd/pebble
build pebble-challtestsrv github.com/letsencrypt/pebble/v2/cmd/pebble-challtestsrv
"$out/h2spec" --version >/dev/null
"$out/grpcurl" -version 2>/dev/null
"$out/pebble" -version >/dev/null
