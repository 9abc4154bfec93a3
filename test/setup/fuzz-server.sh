#!/bin/bash
#
# fuzz-server.sh seconds library [target...]
#     Runs the targets that need a backend (test/fuzz/server) in a private single-user server, each for so many seconds; what
#     they find stays in build/fuzz/.
set -euo pipefail

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

seconds=$1
library=$2
shift 2
[ $# -gt 0 ] || set -- decoder options cache headers

# Programs of a sanitized server need not give back all memory at their end.
export ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=0:allocator_may_return_null=1

# postgres --single, which ends a command at ";" and an empty line.
single() {
    "${dq_as[@]}" timeout -k 10 $((seconds + 60)) "$dq_bindir/postgres" --single -j -D "$dq_run/data" -c fsync=off postgres
}

clean_up() {
    cd /
    rm -rf "$dq_run"
}

PG_CONFIG=$("$dq_root/test/setup/install-packages.sh" build server develop)
export PG_CONFIG
dq_choose_user
dq_make_run_folder fuzz
trap clean_up EXIT
trap 'exit 130' INT TERM
dq_private_tree "$dq_run/tree"
cp "$library" "$dq_run/distquery_fuzz.so"
mkdir -p "$dq_run/data"
dq_hand_over "$dq_run"
"${dq_as[@]}" "$dq_bindir/initdb" -D "$dq_run/data" -A trust -N --no-locale -E UTF8 -U postgres >/dev/null

sed "s|@library@|$dq_run/distquery_fuzz.so|" "$dq_root/test/fuzz/server/setup.sql" | single >"$dq_run/log" 2>&1
if grep -q ERROR "$dq_run/log"; then
    cat "$dq_run/log"
    exit 1
fi
failed=0
for name in "$@"; do
    grown=$dq_run/corpus-$name
    log=$dq_root/build/fuzz/$name.log
    mkdir -p "$dq_root/build/fuzz/corpus-$name" "$dq_run/found-$name"
    cp -r "$dq_root/build/fuzz/corpus-$name" "$grown"
    cp -r "$dq_root/test/fuzz/corpus/$name" "$dq_run/seeds-$name"
    words=
    if [ -e "$dq_root/test/fuzz/$name.dict" ]; then
        cp "$dq_root/test/fuzz/$name.dict" "$dq_run/$name.dict"
        words=-dict=$dq_run/$name.dict
    fi
    dq_hand_over "$dq_run"
    echo "# $name: $seconds seconds"
    status=0
    printf "SELECT fuzz_run('%s', '%s');\n\n" "$name" "-max_total_time=$seconds -max_len=4096 -timeout=10 -rss_limit_mb=4096 \
-print_final_stats=1 -artifact_prefix=$dq_run/found-$name/$name- $words $grown $dq_run/seeds-$name" | single >"$log" 2>&1 || status=$?
    cp -r "$grown/." "$dq_root/build/fuzz/corpus-$name/"
    cp -r "$dq_run/found-$name/." "$dq_root/build/fuzz/"
    if [ $status -eq 0 ] && grep -q number_of_executed_units "$log"; then
        grep -E 'number_of_executed_units|new_units_added|peak_rss' "$log"
    else
        tail -n 40 "$log"
        failed=1
    fi
done
exit $failed
