#!/bin/bash
#
# check.sh
#     What "make check" does: packages, a build of its own with assertions, unit tests, pg_regress and TAP tests
#     against private servers, with the fixture service beside them.  The last line is "N passed, N failed".
#
# Nothing is installed into the system's PostgreSQL and no running server is touched.  TESTS narrows
# pg_regress, PROVE_TESTS the TAP tests; with either set, only what it names is run.
set -euo pipefail

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

run_unit_tests() {
    local programs=()
    mapfile -t programs < <(find unit -type f -name '*_test' 2>/dev/null | sort)
    [ ${#programs[@]} -gt 0 ] || return 0
    echo "# unit tests"
    "${dq_as[@]}" perl test/setup/run-tap "$dq_run/results" ${V:+-v} "${programs[@]}" || failed=1
}

run_regress() {
    local tests="$1" regress ok=0 bad=0
    [ -n "$tests" ] || return 0
    regress=$(dirname "$("$PG_CONFIG" --pgxs)")/../test/regress/pg_regress
    echo "# pg_regress"
    mkdir -p "$dq_run/regress"
    dq_hand_over "$dq_run/regress"
    # shellcheck disable=SC2086
    "${dq_as[@]}" test/fixtures/with-service "$regress" --bindir="$dq_bindir" --inputdir=. \
        --outputdir="$dq_run/regress" --temp-instance="$dq_run/regress/instance" \
        --temp-config=test/setup/regress.conf --load-extension=distquery --dbname=regression_distquery \
        --encoding=UTF8 --no-locale $tests 2>&1 | tee "$dq_run/regress.log" || failed=1
    # Up to 15 "test x ... ok", from 16 on TAP.
    ok=$(grep -cE '^(test +[^ ]+ +\.\.\. ok|ok [0-9]+)' "$dq_run/regress.log" || true)
    bad=$(grep -cE '^(test +[^ ]+ +\.\.\. (FAILED|failed)|not ok [0-9]+)' "$dq_run/regress.log" || true)
    if [ $((ok + bad)) -eq 0 ]; then
        bad=1
        tail -n 20 "$dq_run/regress/log/postmaster.log" 2>/dev/null || true
    fi
    echo "$ok $bad" >>"$dq_run/results"
    if [ "$bad" -gt 0 ] && [ -s "$dq_run/regress/regression.diffs" ]; then
        head -n "${DIFF_LINES:-300}" "$dq_run/regress/regression.diffs"
    fi
}

run_tap_tests() {
    local pgxs_perl
    [ $# -gt 0 ] || return 0
    echo "# TAP tests"
    pgxs_perl=$(dirname "$("$PG_CONFIG" --pgxs)")/../test/perl
    mkdir -p "$dq_run/tap"
    dq_hand_over "$dq_run/tap"
    "${dq_as[@]}" env PATH="$dq_bindir:$PATH" PG_CONFIG="$dq_bindir/pg_config" \
        TESTDIR="$dq_run/tap" TESTDATADIR="$dq_run/tap/tmp_check" TESTLOGDIR="$dq_run/tap/tmp_check/log" \
        PG_REGRESS="$(dirname "$("$PG_CONFIG" --pgxs)")/../test/regress/pg_regress" \
        perl test/setup/run-tap "$dq_run/results" ${V:+-v} -I "$pgxs_perl" -I test/perl "$@" || failed=1
}

# What a failed run leaves for reading; the folder of the run itself goes away.
keep_logs() {
    local kept=$dq_root/build/check-logs
    rm -rf "$kept"
    mkdir -p "$kept"
    cp -r "$dq_run"/regress/regression.diffs "$dq_run"/regress/results "$dq_run"/regress/log \
        "$dq_run"/tap/tmp_check/log "$kept/" 2>/dev/null || true
    echo "# logs are in ${kept#"$dq_root"/}"
}

clean_up() {
    cd /
    rm -rf "$dq_run"
}

PG_CONFIG=$("$dq_root/test/setup/install-packages.sh" build server run test)
export PG_CONFIG
dq_choose_user
dq_make_run_folder check
trap clean_up EXIT
trap 'exit 130' INT TERM
failed=0

dq_private_tree "$dq_run/tree"
if ! dq_build check "$dq_run/tree" ASSERTS=1 ${WERROR:+WERROR=1}; then
    echo "# the build failed"
    echo "0 passed, 1 failed"
    exit 1
fi

# The tests run in a copy, which the server's user can read wherever the clone lies.
mkdir -p "$dq_run/source/sql" "$dq_run/source/expected"
for part in test sql expected docs; do
    [ ! -d "$dq_root/$part" ] || cp -r "$dq_root/$part" "$dq_run/source/"
done
cp -r "$dq_run/tree/unit" "$dq_run/source/"
# A test without expected output fails alone; pg_regress would give up.
for part in "$dq_run"/source/sql/*.sql; do
    part=${part##*/}
    [ ! -e "$dq_run/source/sql/$part" ] || touch -a "$dq_run/source/expected/${part%.sql}.out"
done
touch "$dq_run/results"
export HOME=$dq_run LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
unset PGHOST PGPORT PGUSER PGDATABASE PGPASSWORD PGOPTIONS PGDATA http_proxy https_proxy all_proxy no_proxy \
    HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY
dq_hand_over "$dq_run/source" "$dq_run/results"
cd "$dq_run/source"

if [ -z "${TESTS:-}${PROVE_TESTS:-}" ]; then
    run_unit_tests
    TESTS=$(find sql -name '*.sql' -printf '%f\n' | sed 's/\.sql$//' | sort | tr '\n' ' ')
    PROVE_TESTS=$(find test/t -name '*.pl' | sort)
fi
# Descriptions of real services, for the test that imports them.
if [[ ${PROVE_TESTS:-} == *import* ]]; then
    DQ_DESCRIPTIONS=$dq_run/descriptions
    export DQ_DESCRIPTIONS
    if descriptions=$("$dq_root/test/setup/fetch-descriptions.sh"); then
        cp -r "${descriptions##*$'\n'}" "$DQ_DESCRIPTIONS"
        dq_hand_over "$DQ_DESCRIPTIONS"
    fi
fi
# Servers of npm, for the test that asks them.
if [[ ${PROVE_TESTS:-} == *real_servers* ]]; then
    DQ_NODE_MODULES=$dq_run/node_modules
    export DQ_NODE_MODULES
    cp -r "$("$dq_root/test/setup/install-npm.sh" | tail -n 1)" "$DQ_NODE_MODULES" || failed=1
    dq_hand_over "$DQ_NODE_MODULES"
fi
run_regress "${TESTS:-}"
# shellcheck disable=SC2086
run_tap_tests ${PROVE_TESTS:-}

passed=$(awk '{ n += $1 } END { print n + 0 }' "$dq_run/results")
bad=$(awk '{ n += $2 } END { print n + 0 }' "$dq_run/results")
if [ $failed -ne 0 ] && [ "$bad" -eq 0 ]; then
    bad=1
fi
[ "$bad" -eq 0 ] || keep_logs
echo "$passed passed, $bad failed"
[ "$bad" -eq 0 ] && [ "$passed" -gt 0 ]
