#!/bin/bash
# ca.sh STATE: runs a CA for trying things out, until it is told to stop, and keeps what it needs in
# STATE. It is pebble, by the makers of Let's Encrypt; its DNS says 127.0.0.1 to every name.
# `make run EXAMPLE=acme` starts it; with another CA there is no need of it.
set -euo pipefail

state=${1:?usage: ca.sh STATE}
tools=${PORTREEVE_TOOLS:?the folder with pebble, which make builds}
# Where the CA listens, and where it looks for answers to its challenges.
listen=${CA_LISTEN:-127.0.0.1:14000} management=${CA_MANAGEMENT:-127.0.0.1:14001}
dns=${CA_DNS:-127.0.0.1:14002} dns_management=${CA_DNS_MANAGEMENT:-127.0.0.1:14003}
http_port=${CA_HTTP_PORT:-8080} tls_port=${CA_TLS_PORT:-8443}

# It forgets everything when it stops, so what is left of the last time is of no use.
rm -rf "$state"
mkdir -p "$state/ca"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=pebble' \
    -addext 'subjectAltName=IP:127.0.0.1' -addext 'basicConstraints=critical,CA:FALSE' \
    -keyout "$state/ca/key.pem" -out "$state/ca/cert.pem" 2>/dev/null
cat >"$state/ca/pebble.json" <<JSON
{"pebble": {
  "listenAddress": "$listen", "managementListenAddress": "$management",
  "certificate": "$state/ca/cert.pem", "privateKey": "$state/ca/key.pem",
  "httpPort": $http_port, "tlsPort": $tls_port,
  "retryAfter": {"authz": 0, "order": 0}, "keyAlgorithm": "ecdsa",
  "profiles": {"default": {"description": "90 days", "validityPeriod": 7776000}}
}}
JSON

# Each ends with this script, however it does.
setpriv --pdeathsig TERM "$tools/pebble-challtestsrv" -dnsserver "$dns" -management "$dns_management" \
    -defaultIPv4 127.0.0.1 -defaultIPv6 '' -http01 '' -https01 '' -tlsalpn01 '' -doh '' >"$state/ca/dns.log" 2>&1 &
PEBBLE_VA_NOSLEEP=1 setpriv --pdeathsig TERM "$tools/pebble" -config "$state/ca/pebble.json" -dnsserver "$dns" \
    >"$state/ca/pebble.log" 2>&1 &
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
trap 'exit 0' INT TERM

tries=0
until curl -fs -o /dev/null --cacert "$state/ca/cert.pem" "https://$listen/dir"; do
    [ $((tries += 1)) -le 300 ] || { tail "$state"/ca/*.log >&2 && exit 1; }
    sleep 0.1
done
echo "ca: listening ca $listen"
wait -n || true
echo "ca: it ended; $state/ca has its logs" >&2
exit 1
