#!/bin/bash
#
# fuzz.sh seconds program...
#     Runs each fuzz program for so many seconds; what it finds stays in build/fuzz/.
set -euo pipefail

seconds=$1
shift
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
[ $# -gt 0 ] || {
    echo "there are no fuzz targets in test/fuzz" >&2
    exit 1
}
failed=0
for program in "$@"; do
    name=${program##*/fuzz_}
    grown=build/fuzz/corpus-$name
    mkdir -p "$grown"
    seeds=()
    [ -d "$here/fuzz/corpus/$name" ] && seeds=("$here/fuzz/corpus/$name")
    words=()
    [ -e "$here/fuzz/$name.dict" ] && words=("-dict=$here/fuzz/$name.dict")
    echo "# $name: $seconds seconds"
    if ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 "$program" -max_total_time="$seconds" -max_len=65536 \
        -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="build/fuzz/$name-" ${words[@]+"${words[@]}"} \
        "$grown" ${seeds[@]+"${seeds[@]}"} >"build/fuzz/$name.log" 2>&1; then
        grep -E 'number_of_executed_units|new_units_added|peak_rss' "build/fuzz/$name.log" || true
    else
        tail -n 40 "build/fuzz/$name.log"
        failed=1
    fi
done
exit $failed
