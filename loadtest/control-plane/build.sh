#!/bin/bash
# build.sh OUT [NAME...]: builds the control plane that go.mod beside this script names into OUT:
# etcd, kube-apiserver, kube-controller-manager and kubectl, or only those that are named. go.sum
# pins their content. What is there already and runs is kept.
#
# k8s.io/kubernetes names its own parts by paths, which only its repository has: go.mod replaces
# each by the module that is published under the same version.
set -euo pipefail
mkdir -p "${1:?usage: build.sh OUT [NAME...]}"
out=$(cd "$1" && pwd)
shift
cd "$(dirname "$0")"

# A server says its version from here; without it, it would be v0.0.0-master.
version=$(sed -n 's|^\tk8s.io/kubernetes \(v[^ ]*\).*|\1|p' go.mod)
number=${version#v}
named=k8s.io/component-base/version
stamp="-X $named.gitVersion=$version -X $named.gitCommit=module -X $named.gitTreeState=clean"
stamp+=" -X $named.gitMajor=${number%%.*} -X $named.gitMinor=$(cut -d. -f2 <<<"$number")"

build() { # NAME PACKAGE
    [ -x "$out/$1" ] && return
    local start=$SECONDS
    CGO_ENABLED=0 go build -mod=readonly -trimpath -ldflags="-s -w $stamp" -o "$out/$1.new" "$2"
    mv "$out/$1.new" "$out/$1"
    echo "== built $1 in $((SECONDS - start)) s"
}

[ $# -gt 0 ] || set -- etcd kube-apiserver kube-controller-manager kubectl
for name in "$@"; do
    case $name in
    etcd) build etcd go.etcd.io/etcd/server/v3 ;;
    *) build "$name" "k8s.io/kubernetes/cmd/$name" ;;
    esac
done
