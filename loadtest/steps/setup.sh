#!/bin/bash
# setup.sh WHAT...: makes sure that what is needed to `build`, `test` or `bench`, for a test `cluster`,
# or as the `tools` that some examples run with, is there. It installs Debian packages, builds once the
# test tools, the control plane and what tests have beside us in a cluster, and names everything it
# cannot get.
. "$(dirname "$0")/common.sh"

rust_needed=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
go_needed=1.21 # from here on go fetches the newer toolchain that go.mod asks for

# The command, and the Debian package that has it.
build_packages=(cc:gcc make:make curl:curl)
test_packages=(go:golang-go openssl:openssl git:git valgrind:valgrind)
cluster_packages=(ip:iproute2 unshare:util-linux setpriv:util-linux kill:procps strace:strace)
bench_packages=(nginx:nginx-light taskset:util-linux)

at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -1)" = "$1" ]; }

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif has sudo; then
        sudo "$@"
    else
        fail "Installing packages needs root, and sudo is not there." "As root: $*"
    fi
}

packages() { # COMMAND:PACKAGE...
    local pair missing=()
    export PATH=$PATH:/usr/sbin # where Debian has nginx
    for pair in "$@"; do
        has "${pair%%:*}" || missing+=("${pair#*:}")
    done
    [ ${#missing[@]} = 0 ] && return
    has apt-get || fail "Missing: ${missing[*]} (Debian's names). Install them with your system's package manager."
    say "installing Debian packages: ${missing[*]}"
    as_root apt-get update -q >&2 || say "apt-get update failed; trying with the lists that are there"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >&2 ||
        fail "Could not install: ${missing[*]}."
    for pair in "$@"; do
        has "${pair%%:*}" || fail "${pair#*:} was installed, but ${pair%%:*} is still not found."
    done
}

rust() {
    local how="Install Rust $rust_needed or newer: https://rustup.rs, or 'rustup update stable'."
    has cargo || fail "cargo is not found." "$how"
    local version
    version=$(rustc --version | cut -d' ' -f2)
    at_least "$rust_needed" "$version" || fail "Rust $version is too old." "$how"
}

components() {
    cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 && return
    say "adding rustfmt and clippy to the Rust toolchain"
    rustup component add rustfmt clippy >&2 ||
        fail "rustfmt or clippy is missing, and rustup could not add them."
}

deny() {
    "$deny_dir/bin/cargo-deny" --version >/dev/null 2>&1 && return
    say "building cargo-deny $deny_version into $deny_dir (about two minutes, once)"
    # A target folder of its own: these crates are not ours and must not evict ours.
    cargo install --quiet --locked --version "$deny_version" --root "$deny_dir" \
        --target-dir "$cache/build" --profile dev cargo-deny >&2 ||
        fail "Could not build cargo-deny $deny_version."
    rm -rf "$cache/build"
    "$deny_dir/bin/cargo-deny" --version >/dev/null || fail "cargo-deny was built but does not run."
}

go_for() { # WHAT
    local version
    version=$(go env GOVERSION | sed 's/^go//')
    at_least "$go_needed" "$version" ||
        fail "Go $version is too old to build $1." "Install Go $go_needed or newer: https://go.dev/dl"
}

tools() {
    go_for "h2spec, grpcurl, gRPC's interop programs and pebble"
    loadtest/tools/build.sh "$(tools_dir)" || fail "Could not build the test tools of loadtest/tools."
}

peers() {
    go_for "cert-manager"
    loadtest/peers/build.sh "$(peers_dir)" || fail "Could not build cert-manager of loadtest/peers."
}

# KUBEBUILDER_ASSETS, the ecosystem's name for a folder with etcd, kube-apiserver and kubectl, goes
# before what is built here.
control_plane() {
    local dir name missing=()
    dir=$(control_plane_dir)
    for name in etcd kube-apiserver kube-controller-manager kubectl; do
        [ -x "${KUBEBUILDER_ASSETS:-}/$name" ] || [ -x "$dir/$name" ] || missing+=("$name")
    done
    [ ${#missing[@]} = 0 ] && return
    packages go:golang-go
    go_for "${missing[*]}"
    say "building ${missing[*]} into $dir (about five minutes for all, once)"
    loadtest/control-plane/build.sh "$dir" "${missing[@]}" ||
        fail "Could not build the control plane of loadtest/control-plane."
}

# What is downloaded and linked leaves cores idle, so what is to be built is built side by side.
builds=()
for what in "$@"; do
    case $what in
    build) packages "${build_packages[@]}" && rust ;;
    test) packages "${test_packages[@]}" && components && builds+=(deny tools peers) ;;
    tools) packages go:golang-go openssl:openssl setpriv:util-linux && builds+=(tools) ;;
    cluster) packages "${cluster_packages[@]}" && builds+=(control_plane) ;;
    bench) packages "${bench_packages[@]}" ;;
    *) fail "setup.sh knows build, test, tools, cluster and bench, not $what." ;;
    esac
done

running=()
for build in "${builds[@]}"; do
    "$build" &
    running+=($!)
done
for one in "${running[@]}"; do
    # The build has said itself what it could not do.
    wait "$one" || failed=yes
done
[ -z "${failed:-}" ]
