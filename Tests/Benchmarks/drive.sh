# shellcheck shell=bash
# What benchmarks of the gateway share: a backend, and runs of wrk. Sourced behind prepare.sh; the script that sources
# it has CONNECTIONS and KEY.

# ---- the backend -----------------------------------------------------------------------------------

# A port nobody listens on now. The daemons beside us cannot take port 0, so this must do.
free_port() {
    local port
    while true; do
        port=$((20000 + RANDOM % 12000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
    done
}

wait_for_port() {
    local turn
    for ((turn = 0; turn < 200; turn++)); do
        if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return; fi
        sleep 0.05
    done
    fail "$2 does not listen: $(tail -n 5 "$WORK/$2.log")"
}

BODY="$(printf 'x%.0s' {1..150})"
start_backend() {
    if command -v nginx >/dev/null; then
        BACKEND="127.0.0.1:$(free_port)"
        cat >"$WORK/backend.conf" <<CONF
daemon off; worker_processes 1; pid $WORK/backend.pid; error_log stderr error;
events { worker_connections 4096; }
http {
    access_log off; keepalive_requests 100000000; keepalive_timeout 300s;
    client_body_temp_path $WORK/b1; proxy_temp_path $WORK/b2; fastcgi_temp_path $WORK/b3;
    uwsgi_temp_path $WORK/b4; scgi_temp_path $WORK/b5;
    server {
        listen $BACKEND;
        location / { default_type text/plain; return 200 "$BODY"; }
        # In small parts, for others wait meanwhile.
        location = /v1/large { alias $WORK/large; sendfile on; sendfile_max_chunk 64k; }
    }
}
CONF
        start backend nginx -e stderr -c "$WORK/backend.conf"
        wait_for_port "${BACKEND##*:}" backend
        BACKEND_NAME="nginx, return 200 with 150 bytes"
    else
        start_echo backend
        BACKEND="127.0.0.1:${PORT[backend]}"
        BACKEND_NAME="keygate echo"
    fi
}

# ---- driving ---------------------------------------------------------------------------------------

# A key of its own for a name; the others take KEY.
declare -A KEYS

# drive NAME SECONDS: one run of wrk; writes "requests/s p50us p99us cpu-us" to stdout.
drive() {
    local before after out requests
    before="$(cpu_ticks "${PID[$1]}")"
    out="$(wrk -t 1 -c "$CONNECTIONS" -d "$2s" --latency -H "Authorization: Bearer ${KEYS[$1]:-$KEY}" \
        "http://127.0.0.1:${PORT[$1]}/v1/things/42?page=1")"
    after="$(cpu_ticks "${PID[$1]}")"
    if grep -qE 'Non-2xx|Socket errors' <<<"$out"; then fail "$1: $(grep -E 'Non-2xx|Socket errors' <<<"$out")"; fi
    requests="$(sed -nE 's/^ *([0-9]+) requests in .*/\1/p' <<<"$out")"
    awk -v ticks=$((after - before)) -v hz="$(getconf CLK_TCK)" -v requests="$requests" "$WRK_FIGURES"'
        END { printf "%.0f %.0f %.0f %.2f\n", rate, p50, p99, ticks / hz * 1000000 / requests }' <<<"$out"
}

# measure NAME…: rounds in turn, so that what else the machine does is everybody's; results in NAME.results.
measure() {
    local name round
    for name in "$@"; do drive "$name" 1 >/dev/null; done
    for ((round = 1; round <= ROUNDS; round++)); do
        for name in "$@"; do drive "$name" "$SECONDS_EACH" >>"$WORK/$name.results"; done
    done
}

# median_of NAME COLUMN: of the results of all rounds.
median_of() { awk -v c="$2" '{ print $c }' "$WORK/$1.results" | median; }
