# shellcheck shell=bash
# What credits cost on the way of a request: the same requests with a key that has none, one whose credits are on
# lease, and one whose every spending is on the disk before the request goes on. Sourced by run.sh.

# start_paying NAME DURABILITY KEY-OPTIONS…: a gateway with a store and a key of its own.
start_paying() {
    local name="$1" durability="$2" file="$WORK/$1.conf"
    shift 2
    cat >"$file" <<CONF
listen 127.0.0.1:0
admin 127.0.0.1:0
store $WORK/$name
workers 1
access-log off
credit-durability $durability
upstream api { server http://$BACKEND }
headers {
    X-Tenant-Id identity.externalId
    X-Key-Id    key.id
}
route GET /v1/** { require v1.read }
CONF
    "$KEYGATE_BIN" api create bench -c "$file" >/dev/null
    KEYS[$name]="$("$KEYGATE_BIN" key create --api bench --identity acme --permission v1.read "$@" --json -c "$file" \
        | member key)"
    [[ -n "${KEYS[$name]}" ]] || fail "no key"
    start_gateway "$name" "$file"
}

# metric NAME METRIC: a number of a gateway's metrics page.
metric() {
    exec 3<>"/dev/tcp/${ADMIN[$1]%:*}/${ADMIN[$1]##*:}"
    printf 'GET /metrics HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n' >&3
    awk -v name="$2" '$1 == name { print $2 + 0 }' <&3
    exec 3>&-
}

compare_credits() {
    local name off commits changes
    start_paying off lease
    start_paying lease lease --credits 1000000000000
    start_paying exact exact --credits 1000000000000
    commits="$(metric exact keygate_store_commits_total)"
    changes="$(metric exact keygate_store_changes_total)"
    measure off lease exact
    commits=$(($(metric exact keygate_store_commits_total) - commits))
    changes=$(($(metric exact keygate_store_changes_total) - changes))

    off="$(median_of off 1)"
    echo
    printf '%-12s %12s %10s %10s %14s %12s\n' credits requests/s 'p50 us' 'p99 us' 'CPU us/request' 'x off'
    for name in off lease exact; do
        for column in 1 2 3 4; do median_of "$name" "$column"; done | paste -sd' ' \
            | awk -v name="$name" -v off="$off" '
                { printf "%-12s %12.0f %10.0f %10.0f %14.1f %12.2f\n", name, $1, $2, $3, $4, $1 / off }'
    done
    awk -v changes="$changes" -v commits="$commits" -v disk="$(stat -f -c %T "$WORK")" 'BEGIN {
        printf "exact: %.1f spends per fdatasync, on %s; lease is to reach 0.95 of off\n", changes / commits, disk }'
}
