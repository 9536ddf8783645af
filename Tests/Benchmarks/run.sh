#!/usr/bin/env bash
# Keygate beside HAProxy, nginx and Caddy: the same backend, the same key check, permission and two
# headers, one worker each, driven in turn in one run. Prints requests per second, latency and, what
# says most on a shared machine, CPU time of the proxy process per request, as ratios to HAProxy.
# Then credits: requests per second with none, on lease and exact. Then the look-up of a route among few and many, and
# the store's look-up time, start-up and memory, memory per idle connection, size of the binary.
# Loopback only; proxies that are not installed are left out; ends only what it started.
# The management API has a benchmark of its own, management.sh.
#
#   Tests/Benchmarks/run.sh              everything, about three minutes
#   ROUNDS=5 SECONDS_EACH=5 CONNECTIONS=32 ONLY=keygate,haproxy Tests/Benchmarks/run.sh
#   KEYGATE_BIN=…                        this binary instead of a release build
#   TMPDIR=…                             where the store lies, and so whose disk exact credits wait for
#   --no-store                           without the part on a million keys
#   --credits                            the part on credits alone
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

ROUNDS="${ROUNDS:-5}" SECONDS_EACH="${SECONDS_EACH:-4}" CONNECTIONS="${CONNECTIONS:-32}"
ONLY="${ONLY:-keygate,haproxy,nginx-map,nginx-auth,caddy}"
STORE=1 PROXIES=1
case "${1:-}" in
    "") ;;
    --no-store) STORE=0 ;;
    --credits) STORE=0 PROXIES=0 ;;
    *) echo "usage: $0 [--no-store | --credits]" >&2; exit 2 ;;
esac

# shellcheck source-path=SCRIPTDIR source=prepare.sh
source Tests/Benchmarks/prepare.sh
# shellcheck source-path=SCRIPTDIR source=drive.sh
source Tests/Benchmarks/drive.sh
# shellcheck source-path=SCRIPTDIR source=credits.sh
source Tests/Benchmarks/credits.sh
# Debian keeps daemons outside a user's PATH.
PATH="$PATH:/usr/sbin:/usr/local/sbin"
# 2,000 idle connections need 2,000 descriptors on both sides.
ulimit -n 8192 2>/dev/null || true

# ---- the proxies ----------------------------------------------------------------------------------

start_keygate() {
    cat >"$WORK/gateway.conf" <<CONF
listen 127.0.0.1:0
admin 127.0.0.1:0
store $WORK/store
workers 1
access-log off
upstream api { server http://$BACKEND }
headers {
    X-Tenant-Id identity.externalId
    X-Key-Id    key.id
}
route GET /v1/** { require v1.read }
CONF
    "$KEYGATE_BIN" api create bench -c "$WORK/gateway.conf" >/dev/null
    KEY="$("$KEYGATE_BIN" key create --api bench --identity acme --permission v1.read --json -c "$WORK/gateway.conf" \
        | member key)"
    [[ -n "$KEY" ]] || fail "no key"
    start_gateway keygate "$WORK/gateway.conf"
}

start_haproxy() {
    local digest
    digest="$(printf %s "$KEY" | sha256sum | cut -d' ' -f1)"
    echo "$digest acme" >"$WORK/tenants.map"
    echo "$digest key_bench" >"$WORK/ids.map"
    echo "$digest ,v1.read," >"$WORK/permissions.map"
    PORT[haproxy]="$(free_port)"
    cat >"$WORK/haproxy.cfg" <<CONF
global
    maxconn 4000
    nbthread 1
defaults
    mode http
    timeout connect 2s
    timeout client 75s
    timeout server 60s
    timeout http-keep-alive 75s
    option http-keep-alive
    option forwardfor
    http-reuse always
frontend fe
    bind 127.0.0.1:${PORT[haproxy]}
    acl v1 path_beg /v1/
    http-request deny deny_status 404 if !v1
    http-request set-var(txn.digest) http_auth_bearer,sha2(256),hex,lower
    http-request set-var(txn.tenant) var(txn.digest),map_str($WORK/tenants.map)
    http-request set-var(txn.permissions) var(txn.digest),map_str($WORK/permissions.map)
    http-request deny deny_status 401 if !{ var(txn.tenant) -m found }
    http-request deny deny_status 403 if !{ var(txn.permissions) -m sub ,v1.read, }
    http-request del-header Authorization
    http-request set-header X-Tenant-Id %[var(txn.tenant)]
    http-request set-header X-Key-Id %[var(txn.digest),map_str($WORK/ids.map)]
    default_backend be
backend be
    server s1 $BACKEND pool-max-conn 64
CONF
    start haproxy haproxy -db -f "$WORK/haproxy.cfg"
    wait_for_port "${PORT[haproxy]}" haproxy
}

# nginx_conf NAME MAPS SERVERS: a configuration around what differs.
nginx_conf() {
    cat >"$WORK/$1.conf" <<CONF
daemon off; worker_processes 1; pid $WORK/$1.pid; error_log stderr error;
events { worker_connections 4096; }
http {
    access_log off; keepalive_requests 100000000; keepalive_timeout 75s;
    client_body_temp_path $WORK/$1.1; proxy_temp_path $WORK/$1.2; fastcgi_temp_path $WORK/$1.3;
    uwsgi_temp_path $WORK/$1.4; scgi_temp_path $WORK/$1.5;
    map \$http_authorization \$tenant { default ""; "Bearer $KEY" acme; }
    map \$tenant \$key_id { default ""; acme key_bench; }
    map \$tenant \$may_read { default 0; acme 1; }
    upstream backend { server $BACKEND; keepalive 64; keepalive_requests 100000000; }
    proxy_http_version 1.1;
    $2
}
CONF
}

start_nginx_map() {
    PORT[nginx-map]="$(free_port)"
    nginx_conf nginx-map "server {
        listen 127.0.0.1:${PORT[nginx-map]};
        location /v1/ {
            if (\$tenant = \"\") { return 401; }
            if (\$may_read = 0) { return 403; }
            proxy_set_header Connection \"\"; proxy_set_header Host \$host; proxy_set_header Authorization \"\";
            proxy_set_header X-Forwarded-For \$remote_addr;
            proxy_set_header X-Tenant-Id \$tenant; proxy_set_header X-Key-Id \$key_id;
            proxy_pass http://backend;
        }
    }"
    start nginx-map nginx -e stderr -c "$WORK/nginx-map.conf"
    wait_for_port "${PORT[nginx-map]}" nginx-map
}

# The service that auth_request asks is a second server of the same process, so its CPU is counted:
# a verifier in another process would cost at least as much.
start_nginx_auth() {
    local verifier
    verifier="$(free_port)"
    PORT[nginx-auth]="$(free_port)"
    nginx_conf nginx-auth "upstream verifier { server 127.0.0.1:$verifier; keepalive 64; keepalive_requests 100000000; }
    server {
        listen 127.0.0.1:$verifier;
        location / {
            if (\$tenant = \"\") { return 401; }
            if (\$may_read = 0) { return 403; }
            add_header X-Tenant-Id \$tenant; add_header X-Key-Id \$key_id; return 204;
        }
    }
    server {
        listen 127.0.0.1:${PORT[nginx-auth]};
        location = /_verify {
            internal; proxy_pass http://verifier; proxy_pass_request_body off;
            proxy_set_header Content-Length \"\"; proxy_set_header Connection \"\";
        }
        location /v1/ {
            auth_request /_verify;
            auth_request_set \$found \$upstream_http_x_tenant_id;
            auth_request_set \$found_id \$upstream_http_x_key_id;
            proxy_set_header Connection \"\"; proxy_set_header Host \$host; proxy_set_header Authorization \"\";
            proxy_set_header X-Forwarded-For \$remote_addr;
            proxy_set_header X-Tenant-Id \$found; proxy_set_header X-Key-Id \$found_id;
            proxy_pass http://backend;
        }
    }"
    start nginx-auth nginx -e stderr -c "$WORK/nginx-auth.conf"
    wait_for_port "${PORT[nginx-auth]}" nginx-auth
}

start_caddy() {
    PORT[caddy]="$(free_port)"
    cat >"$WORK/Caddyfile" <<CONF
{
    admin off
    auto_https off
    log {
        level ERROR
    }
    servers {
        protocols h1
    }
}
http://127.0.0.1:${PORT[caddy]} {
    map {header.Authorization} {tenant} {key_id} {may_read} {
        "Bearer $KEY" acme key_bench yes
        default "" "" no
    }
    @unknown \`{tenant} == ""\`
    @weak \`{may_read} != "yes"\`
    handle /v1/* {
        respond @unknown 401
        respond @weak 403
        reverse_proxy $BACKEND {
            header_up -Authorization
            header_up X-Tenant-Id {tenant}
            header_up X-Key-Id {key_id}
            transport http {
                versions 1.1
                keepalive_idle_conns_per_host 64
            }
        }
    }
    handle {
        respond 404
    }
}
CONF
    HOME="$WORK" GOMAXPROCS=1 start caddy caddy run --config "$WORK/Caddyfile" --adapter caddyfile
    wait_for_port "${PORT[caddy]}" caddy
}

version_of() {
    case "$1" in
        keygate) "$KEYGATE_BIN" version | head -n 1 ;;
        haproxy) haproxy -v | head -n 1 | sed -E 's/ [0-9]{4}.*//; s/HAProxy version/haproxy/' ;;
        nginx-map) nginx -v 2>&1 | sed 's/nginx version: //' ;;
        nginx-auth) nginx -v 2>&1 | sed 's/nginx version: //; s/$/ with auth_request/' ;;
        caddy) echo "caddy $(caddy version | cut -d' ' -f1)" ;;
    esac
}

wants() { [[ ",$ONLY," == *",$1,"* ]]; }

# ---- proxies side by side --------------------------------------------------------------------------

compare_proxies() {
    local name reference=""
    start_keygate
    NAMES=(keygate)
    if wants haproxy && command -v haproxy >/dev/null; then start_haproxy; NAMES+=(haproxy); fi
    if wants nginx-map && command -v nginx >/dev/null; then start_nginx_map; NAMES+=(nginx-map); fi
    if wants nginx-auth && command -v nginx >/dev/null && nginx -V 2>&1 | grep -q http_auth_request_module; then
        start_nginx_auth
        NAMES+=(nginx-auth)
    fi
    if wants caddy && command -v caddy >/dev/null; then start_caddy; NAMES+=(caddy); fi
    for name in "${NAMES[@]}"; do echo "          $(version_of "$name")"; done
    echo

    measure "${NAMES[@]}"
    [[ " ${NAMES[*]} " != *" haproxy "* ]] || reference="$(median_of haproxy 4)"
    printf '%-12s %12s %10s %10s %14s %12s\n' proxy requests/s 'p50 us' 'p99 us' 'CPU us/request' 'x haproxy'
    for name in "${NAMES[@]}"; do
        for column in 1 2 3 4; do median_of "$name" "$column"; done | paste -sd' ' \
            | awk -v name="$name" -v reference="$reference" '
                { printf "%-12s %12.0f %10.0f %10.0f %14.1f %12s\n", name, $1, $2, $3, $4,
                    (reference > 0) ? sprintf("%.2f", $4 / reference) : "-" }'
    done
    echo
}

# ---- memory, size ----------------------------------------------------------------------------------

# A fresh process, so that memory left over from the load above hides nothing. Each connection sends
# one request and stays open, its answer unread past the first line: what the gateway holds for it is
# what is measured.
idle_connections() {
    local count=2000 fd index line before after
    local fds=()
    kill "${PID[keygate]}"
    wait "${PID[keygate]}" || true
    start_gateway fresh "$WORK/gateway.conf"
    before="$(resident_kib "${PID[fresh]}")"
    for ((index = 0; index < count; index++)); do
        exec {fd}<>"/dev/tcp/127.0.0.1/${PORT[fresh]}" || fail "connection $index refused"
        fds+=("$fd")
        printf 'GET /v1/things/42 HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\n\r\n' "$KEY" >&"$fd"
        read -r -t 10 line <&"$fd" || fail "no answer on connection $index"
        [[ "$line" == "HTTP/1.1 200"* ]] || fail "connection $index: $line"
    done
    after="$(resident_kib "${PID[fresh]}")"
    for fd in "${fds[@]}"; do exec {fd}>&-; done
    awk -v kib=$((after - before)) -v count="$count" \
        'BEGIN { printf "memory per idle connection   %.2f KiB   (%d connections, one request each; at most 8 KiB)\n", kib / count, count }'
}

# ---- all of it -------------------------------------------------------------------------------------

start_backend
machine_line
echo "backend:  $BACKEND_NAME; wrk: $CONNECTIONS connections, $ROUNDS rounds of ${SECONDS_EACH}s each in turn, medians"
if ((PROXIES)); then
    compare_proxies
    idle_connections
    printf 'size of the binary           %.1f MB\n' "$(awk -v b="$(stat -c %s "$KEYGATE_BIN")" 'BEGIN { print b / 1e6 }')"
fi
compare_credits
if ((PROXIES)); then
    echo
    "$(release_build route-bench)"
fi
if ((STORE)); then
    echo
    "$(release_build store-bench)"
fi
