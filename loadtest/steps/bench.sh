#!/bin/bash
# bench.sh: CPU time per request of the proxy, as a multiple of nginx's, on this machine.
#
# HTTP/1.1 keep-alive, 1 KiB, 64 connections, saturated. Both proxies have one worker on CPU 0;
# load generator and backend share one thread on CPU 1. Both do the same work: access log off,
# upstream connections kept, X-Forwarded-* set. ROUNDS, SECONDS_EACH and CONNECTIONS can be set.
. "$(dirname "$0")/common.sh"

rounds=${ROUNDS:-6}
seconds=${SECONDS_EACH:-3}
connections=${CONNECTIONS:-64}
backend=127.0.0.1:20080 nginx=127.0.0.1:20081 proxy=127.0.0.1:20082 admin=127.0.0.1:20083
host=bench.example.com
PATH=$PATH:/usr/sbin

for address in $backend $nginx $proxy $admin; do
    ! (: <>"/dev/tcp/${address%:*}/${address##*:}") 2>/dev/null ||
        fail "Something listens on $address already; two measurements at a time are worth nothing."
done
[ "$(nproc)" -ge 2 ] || fail "This needs two cores: one for the proxy, one for everything else."

say "building with the release profile (some minutes the first time)"
cargo build --locked --release --workspace --bins
bin=$(built release)

work=$(mktemp -d)
pids=()
stop() {
    local pid
    for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    rm -rf "$work"
}
trap stop EXIT
trap 'exit 130' INT TERM

cat >"$work/nginx.conf" <<EOF
daemon off;
worker_processes 1;
pid $work/nginx.pid;
error_log $work/error.log;
events { worker_connections 4096; }
http {
    access_log off;
    client_body_temp_path $work;
    proxy_temp_path $work;
    fastcgi_temp_path $work;
    uwsgi_temp_path $work;
    scgi_temp_path $work;
    keepalive_requests 1000000000;
    upstream backend {
        server $backend;
        keepalive 256;
        keepalive_requests 1000000000;
    }
    server {
        listen $nginx;
        server_name $host;
        location / {
            proxy_pass http://backend;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host \$host;
            proxy_set_header X-Real-IP \$remote_addr;
            proxy_set_header X-Request-ID \$request_id;
            proxy_set_header X-Forwarded-For \$proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Host \$http_host;
            proxy_set_header X-Forwarded-Port \$server_port;
            proxy_set_header X-Forwarded-Proto \$scheme;
        }
    }
}
EOF

mkdir "$work/manifests"
cat >"$work/manifests/bench.yaml" <<EOF
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: bench}
spec:
  ingressClassName: portreeve
  rules:
    - host: $host
      http:
        paths:
          - {path: /, pathType: Prefix, backend: {service: {name: bench, port: {number: 80}}}}
---
apiVersion: v1
kind: Service
metadata: {name: bench}
spec: {ports: [{port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: bench, labels: {kubernetes.io/service-name: bench}}
addressType: IPv4
ports: [{port: ${backend##*:}}]
endpoints: [{addresses: ["${backend%:*}"]}]
EOF

taskset -c 0 nginx -c "$work/nginx.conf" -e "$work/error.log" &
pids+=($!)
taskset -c 0 "$bin/portreeve-proxy" --manifests "$work/manifests" --workers 1 --access-log off \
    --http $proxy --https none --admin $admin --drain-delay 0 --drain-timeout 1 2>"$work/proxy.log" &
pids+=($!)

answers() { curl -s -o /dev/null "http://$1/$2"; }
tries=0
until answers $nginx "" && curl -fs -o /dev/null http://$admin/readyz; do
    [ $((tries += 1)) -le 100 ] || fail "A proxy does not answer." "$(cat "$work"/*.log)"
    sleep 0.1
done
worker=$(cat "/proc/${pids[0]}/task/${pids[0]}/children")
[ -n "$worker" ] || fail "nginx has no worker process."

say "$(nginx -v 2>&1 | sed 's/^nginx version: //') against portreeve, $rounds rounds of $seconds s each, CPU: $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1)"
taskset -c 1 "$bin/portreeve-loadtest" compare --backend $backend --host $host \
    --connections "$connections" --rounds "$rounds" --seconds "$seconds" \
    --target "nginx=$nginx,${pids[0]},${worker%% *}" --target "portreeve=$proxy,${pids[1]}"
