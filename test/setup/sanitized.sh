#!/bin/bash
#
# sanitized.sh [TESTS="..."] [PROVE_TESTS="..."]
#     "make check" with AddressSanitizer and UndefinedBehaviorSanitizer in server and extension, and with the server's own
#     assertions; what they find is shown and counts as a failure.  For Debian's kin.
#
# Debian's server has neither, so PostgreSQL is built here, of Debian's source package: some minutes, once.  Its memory contexts
# tell the sanitizer which bytes are in use (see sanitized/valgrind/memcheck.h).  All lies in DQ_SANITIZED
# (/tmp/distquery-sanitized), where the server's user can read it; DQ_POSTGRES_SOURCE names an unpacked source to take instead.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck disable=SC1091
. "$here/mirror.sh"
folder=${DQ_SANITIZED:-/tmp/distquery-sanitized}
major=${DQ_MAJOR:-15}
flags="-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined"
# Backends do not give back what they hold when they end.
export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:detect_stack_use_after_return=0:verify_asan_link_order=0:quarantine_size_mb=8:log_path=$folder/reports/asan
export DQ_SANITIZED_RUN=1
export UBSAN_OPTIONS=print_stacktrace=1:log_path=$folder/reports/ubsan

# The newest source package that is really there, unpacked in $folder/source.
fetch_source() {
    local release mirror options
    # shellcheck disable=SC1091
    release=$(. /etc/os-release && echo "$VERSION_CODENAME")
    mkdir -p "$folder/apt/lists/partial" "$folder/source"
    mirror=${MIRROR:-$(dq_host_mirror)}
    [ -n "$mirror" ] || { echo "the host's apt sources name no mirror; set MIRROR=" >&2; return 1; }
    echo "deb-src $mirror $release main" >"$folder/apt/sources.list"
    options=(-o "Dir::Etc::sourcelist=$folder/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
        -o "Dir::State::lists=$folder/apt/lists" -o "APT::Sandbox::User=$(id -un)")
    apt-get "${options[@]}" update
    (
        cd "$folder/apt"
        apt-get "${options[@]}" source --download-only "postgresql-$major"
    )
    tar xf "$folder"/apt/postgresql-"$major"_*.orig.tar.bz2 -C "$folder/source" --strip-components=1
}

build_server() {
    local part
    [ -n "${DQ_POSTGRES_SOURCE:-}" ] || [ -e "$folder/source/configure" ] || fetch_source
    (
        mkdir -p "$folder/server-build"
        cd "$folder/server-build"
        "${DQ_POSTGRES_SOURCE:-$folder/source}/configure" -q --prefix="$folder/server" --enable-cassert --enable-debug \
            --enable-tap-tests --without-readline CFLAGS="$flags" LDFLAGS="-fsanitize=address,undefined" \
            CPPFLAGS="-DUSE_VALGRIND -I$here/sanitized"
        make -s -j"$(nproc)"
        for part in . src/test/regress src/test/perl contrib/postgres_fdw; do
            make -s -C $part install
        done
    )
}

mkdir -p "$folder/reports" "$folder/extension"
if [ ! -x "$folder/server/bin/postgres" ]; then
    echo "# building PostgreSQL $major in $folder"
    build_server >"$folder/build.log" 2>&1 || {
        tail -n 30 "$folder/build.log"
        exit 1
    }
fi
# The extension in a folder of its own: objects of other flags must not be taken.
(
    rm -rf "$folder"/extension/{src,sql,expected,test}
    cd "$root"
    git ls-files -z --cached --others --exclude-standard | xargs -0 sh -c 'for f; do [ ! -e "$f" ] || cp -p --parents -t "$0" "$f"; done' \
        "$folder/extension"
    # Programs of the pure rooms cannot be linked with what has the server's assertions; "make asan" has them.
    rm -rf "$folder"/extension/test/unit/*
)
rm -rf "$folder/reports"
mkdir -p "$folder/reports"
chmod 777 "$folder/reports"
status=0
PG_CONFIG=$folder/server/bin/pg_config make -C "$folder/extension" --no-print-directory check "$@" || status=$?
for report in "$folder"/reports/*; do
    [ -e "$report" ] || continue
    echo "# $report"
    head -n 40 "$report"
    status=1
done
exit $status
