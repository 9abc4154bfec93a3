#!/bin/bash
#
# demo.sh
#     What "make demo" does: packages, build, a private PostgreSQL, three sample services, one query over them.
#     At a terminal it ends in psql; without one it shows everything and goes.  Nothing stays behind.
set -euo pipefail

. "$(dirname "${BASH_SOURCE[0]}")/../setup/lib.sh"

services=(customers orders stock)
declare -A pids ports

start_service() {
    local name=$1 tries=0
    rm -f "$dq_run/ports/$name"
    "${dq_as[@]}" "$python" "$dq_run/source/demo/services.py" "$name" --port-file "$dq_run/ports/$name" \
        --port "${ports[$name]:-0}" </dev/null &
    pids[$name]=$!
    while [ ! -e "$dq_run/ports/$name" ]; do
        tries=$((tries + 1))
        if [ $tries -gt 200 ] || ! kill -0 "${pids[$name]}" 2>/dev/null; then
            dq_say "service $name did not start"
            exit 1
        fi
        sleep 0.05
    done
    read -r ports[$name] <"$dq_run/ports/$name"
}

stop_service() {
    kill "${pids[$1]}" 2>/dev/null || true
    wait "${pids[$1]}" 2>/dev/null || true
}

start_server() {
    local log=$dq_run/server/log
    dq_quietly "${dq_as[@]}" "$dq_bindir/initdb" -D "$dq_run/server/data" -U demo -A trust -E UTF8 --locale=C \
        --no-sync
    cat >>"$dq_run/server/data/postgresql.conf" <<SETTINGS
listen_addresses = ''
unix_socket_directories = '$dq_run/server'
fsync = off
timezone = 'UTC'
SETTINGS
    dq_quietly "${dq_as[@]}" "$dq_bindir/pg_ctl" -D "$dq_run/server/data" -l "$log" -w start || {
        tail -n 20 "$log" >&2
        exit 1
    }
}

clean_up() {
    local name
    trap '' INT TERM
    cd /
    for name in "${!pids[@]}"; do
        stop_service "$name"
    done
    if [ -e "$dq_run/server/data/postmaster.pid" ]; then
        "${dq_as[@]}" "$dq_bindir/pg_ctl" -D "$dq_run/server/data" -m immediate -w stop >/dev/null 2>&1 || true
    fi
    rm -rf "$dq_run"
}

started=$SECONDS
PG_CONFIG=$("$dq_root/test/setup/install-packages.sh" build server run)
export PG_CONFIG
python=$([ -x /usr/bin/python3 ] && echo /usr/bin/python3 || command -v python3)
dq_choose_user
dq_make_run_folder demo
trap clean_up EXIT
trap 'exit 130' INT TERM

dq_say "building for $("$PG_CONFIG" --version)"
dq_private_tree "$dq_run/tree"
dq_build demo "$dq_run/tree"

# A copy that the server's user can read wherever the clone lies.
mkdir "$dq_run/source" "$dq_run/server" "$dq_run/ports"
cp -r "$dq_root/test/demo" "$dq_root/test/fixtures" "$dq_run/source/"
chmod 700 "$dq_run/server"
dq_hand_over "$dq_run/server" "$dq_run/ports" "$dq_run/source"
export HOME=$dq_run PYTHONDONTWRITEBYTECODE=1
unset PGHOST PGPORT PGUSER PGDATABASE PGPASSWORD PGOPTIONS PGDATA
cd "$dq_run/source/demo"

dq_say "starting a private server and the services ${services[*]}"
start_server
variables=()
for name in "${services[@]}"; do
    start_service "$name"
    variables+=(-v "$name=http://127.0.0.1:${ports[$name]}")
done

psql=("$dq_bindir/psql" -X -h "$dq_run/server" -U demo -d postgres)
"${dq_as[@]}" "${psql[@]}" "${variables[@]}" -f demo.sql </dev/null

stop_service stock
"${dq_as[@]}" "${psql[@]}" -f service_down.sql </dev/null 2>&1 | sed 's|^psql:[^ ]* ||'
start_service stock

echo
echo "== The demo took $((SECONDS - started)) s."
echo
if [ -t 0 ] && [ -t 1 ]; then
    echo "The services are up again, and this is psql on the server; \\q ends the demo and removes everything."
    echo "From another terminal:"
    echo "    ${psql[*]}"
    echo
    "${psql[@]}" || true
else
    echo "At a terminal it would now open psql on this server:"
    echo "    ${psql[*]}"
    echo "Without one, everything is removed again."
fi
