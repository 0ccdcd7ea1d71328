#!/bin/bash
# build.sh OUT: builds what works beside us in a cluster, as go.mod beside this script names it, into
# OUT: cert-manager's controller, the program of its HTTP-01 solver Pods, and its CRDs. go.sum pins
# their content. What is there already is kept.
#
# They have a module of their own, because they need other versions of Kubernetes' modules than the
# tools do.
set -euo pipefail
mkdir -p "${1:?usage: build.sh OUT}"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")"
module=github.com/cert-manager/cert-manager

build() { # NAME PACKAGE
    [ -x "$out/$1" ] && return
    local start=$SECONDS
    CGO_ENABLED=0 go build -mod=readonly -trimpath -ldflags='-s -w' -o "$out/$1.new" "$2"
    mv "$out/$1.new" "$out/$1"
    echo "== built $1 in $((SECONDS - start)) s"
}

# The module has its CRDs as parts of its Helm chart: the lines with templates are labels.
crds() { # NAME
    [ -s "$out/$1" ] && return
    local folder file
    folder=$(go list -mod=readonly -m -f '{{.Dir}}' $module)/deploy/crds
    for file in "$folder"/crd-*.yaml; do
        echo ---
        grep -v '{{' "$file"
    done >"$out/$1.new"
    mv "$out/$1.new" "$out/$1"
}

build cert-manager-controller $module/cmd/controller
build acmesolver $module/cmd/acmesolver
crds cert-manager-crds.yaml
