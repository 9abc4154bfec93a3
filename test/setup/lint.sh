#!/bin/bash
#
# lint.sh file...
#     Our own rules over all sources, then cppcheck and clang-tidy over the files given.
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
failed=0

complain() {
    echo "$*"
    failed=1
}

# Prints the code of a file, comments and string literals blanked, so that rules do not trip over prose.
code_of() {
    perl -0777 -pe 's{(/\*.*?\*/)|("(?:\\.|[^"\\\n])*")|(\x27(?:\\.|[^\x27\\\n])*\x27)}
        {my $t = $&; $t =~ s/[^\n]/ /g; $t}gsex' "$1"
}

banned='strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|gmtime|localtime|sleep|usleep|system|alloca|gets|popen'

# Ground floor first.
rooms='rows request service transport spec cache fetch fdw join import store copy stream insight async'

sources=$(find src test/unit test/fuzz bench -name '*.[ch]' 2>/dev/null | sort)
for file in $sources; do
    name=${file##*/}
    [ "$(sed -n 1p "$file")" = "/*" ] && sed -n 2p "$file" | grep -qF " * $name" ||
        complain "$file:1: a file opens with a comment: its name, and what it is for"
    case $file in src/*) ;; *) continue ;; esac

    found=$(code_of "$file" | grep -nE "(^|[^_[:alnum:].>])($banned) *\(") &&
        complain "$(sed "s|^|$file:|; s|\$|   (banned function)|" <<<"$found")"
    if [ "$file" != src/compat.h ]; then
        found=$(grep -nE '^ *# *(el)?if.*PG_VERSION_NUM' "$file") &&
            complain "$(sed "s|^|$file:|; s|\$|   (version differences live in compat.h)|" <<<"$found")"
    fi
    found=$(code_of "$file" | grep -nE '(^|[^_[:alnum:].>])(malloc|calloc|realloc|free) *\(') &&
        complain "$(sed "s|^|$file:|; s|\$|   (memory belongs to a context)|" <<<"$found")"
    found=$(grep -nE '[[:blank:]]+$' "$file") && complain "$(sed "s|^|$file:|; s|\$|   (trailing blanks)|" <<<"$found")"
    # Before PostgreSQL 16 the macro exports nothing unless compat.h has been read.
    if grep -q '^PG_FUNCTION_INFO_V1' "$file"; then
        grep -q '^#include "compat.h"' "$file" || complain "$file: PG_FUNCTION_INFO_V1 needs compat.h"
    fi
    # A room includes only rooms below it.
    room=${file#src/}
    room=${room%%/*}
    above=
    [[ " $rooms " != *" $room "* ]] || above=$(sed "s/.*\<$room\>//; s/^ *//; s/ /|/g" <<<"$rooms")
    if [ -n "$above" ]; then
        found=$(grep -nE "^#include \"($above)/" "$file") &&
            complain "$(sed "s|^|$file:|; s|\$|   (a room above)|" <<<"$found")"
    fi
done

if command -v cppcheck >/dev/null; then
    # shellcheck disable=SC2086
    cppcheck --quiet --std=c99 --language=c --enable=warning,performance,portability --inline-suppr \
        --error-exitcode=1 --suppress=missingIncludeSystem --suppress=unknownMacro --suppress=legacyUninitvar --suppress=nullPointerRedundantCheck \
        --template='{file}:{line}: {severity}: {message} [{id}]' \
        -j "$(nproc)" -Isrc -D__GNUC__ "$@" || failed=1
else
    complain "cppcheck is not installed"
fi

if command -v clang-tidy >/dev/null; then
    pg_include=$("${PG_CONFIG:-pg_config}" --includedir-server)
    # shellcheck disable=SC2086
    printf '%s\n' "$@" | xargs -P "$(nproc)" -n 4 sh -c '
        flags=$1; include=$2; shift 2
        clang-tidy --quiet "$@" -- -std=gnu99 $flags -D_GNU_SOURCE -DUSE_ASSERT_CHECKING -isystem "$include" -Wno-ignored-attributes 2>/dev/null
    ' sh "${CPPFLAGS:-} " "$pg_include" | grep -v '^$' && failed=1
    [ "${PIPESTATUS[1]}" -eq 0 ] || failed=1
else
    complain "clang-tidy is not installed"
fi

exit $failed
