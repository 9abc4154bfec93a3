# lib.sh
#     What check.sh and demo.sh share: a build apart from the working tree, a private PostgreSQL
#     installation that contains it, and a user to run the server as.  Read with ".".
#
# Two runs at once do not disturb each other: only the build folder is shared, under a lock; everything
# else lies in a folder of the run's own.
# shellcheck shell=bash

dq_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

dq_say() { echo "distquery: $*" >&2; }

# Runs a command quietly; shows what it said only when it fails, or with V=1.
dq_quietly() {
    local log status=0
    if [ -n "${V:-}" ]; then
        "$@"
        return
    fi
    log=$(mktemp)
    "$@" >"$log" 2>&1 || status=$?
    [ $status -eq 0 ] || cat "$log" >&2
    rm -f "$log"
    return $status
}

# Brings a build folder up to date with the sources, so that in-tree objects of other flags do no harm.
dq_copy_sources() {
    local folder=$1 file
    mkdir -p "$folder"
    (cd "$folder" && find src test/unit -type f 2>/dev/null || true) | while read -r file; do
        case $file in
            *.[ch] | *.sql) [ -e "$dq_root/$file" ] || rm -f "$folder/$file" ;;
        esac
    done
    (
        cd "$dq_root"
        find Makefile distquery.control src test/unit test/fixtures/with-service -type f \
            \( -name '*.[ch]' -o -name '*.sql' -o -name Makefile -o -name '*.control' \) -print0 |
            xargs -0 cp -pu --parents -t "$folder"
    )
}

# dq_build variant tree [make arguments]: builds in build/pgNN-variant and installs below tree.
dq_build() {
    local variant=$1 tree=$2 major folder make
    shift 2
    major=$("$PG_CONFIG" --version | sed -E 's/^PostgreSQL ([0-9]+).*/\1/')
    folder=$dq_root/build/pg$major-$variant
    make=(make --no-print-directory -C "$folder" PG_CONFIG="$PG_CONFIG" "$@")
    [ -n "${V:-}" ] || make+=(-s)
    mkdir -p "$dq_root/build"
    (
        flock 9
        dq_copy_sources "$folder" &&
            dq_quietly "${make[@]}" -j"$(nproc)" all &&
            dq_quietly "${make[@]}" DESTDIR="$tree" install || exit 1
        if [ "$variant" = check ]; then
            dq_quietly "${make[@]}" -j"$(nproc)" unit-build || exit 1
            mkdir -p "$tree/unit"
            find "$folder/build/unit" -name '*_test' -type f -exec cp -t "$tree/unit" {} + 2>/dev/null || true
        fi
    ) 9>"$dq_root/build/lock-$major-$variant"
}

# A PostgreSQL installation below a folder: programs copied (the server finds its folders from its own
# real path), libraries and shared files linked, ours left out.
dq_private_tree() {
    local tree=$1 bindir pkglibdir sharedir program
    bindir=$("$PG_CONFIG" --bindir)
    pkglibdir=$("$PG_CONFIG" --pkglibdir)
    sharedir=$("$PG_CONFIG" --sharedir)
    mkdir -p "$tree$bindir" "$tree$pkglibdir" "$tree$sharedir"
    for program in postgres initdb pg_ctl psql pg_config pg_isready pg_controldata createdb dropdb createuser \
        pg_basebackup pg_dump pg_dumpall pg_restore pgbench pg_resetwal pg_waldump vacuumdb; do
        [ -e "$bindir/$program" ] && cp -L "$bindir/$program" "$tree$bindir/"
    done
    cp -rs "$pkglibdir/." "$tree$pkglibdir/"
    cp -rs "$sharedir/." "$tree$sharedir/"
    rm -f "$tree$pkglibdir"/distquery*.so "$tree$sharedir"/extension/distquery*
    dq_bindir=$tree$bindir
}

# initdb refuses root: then everything around the server runs as another user.
dq_choose_user() {
    dq_as=()
    [ "$(id -u)" -eq 0 ] || return 0
    local user
    for user in postgres nobody; do
        if id "$user" >/dev/null 2>&1; then
            dq_as=(setpriv "--reuid=$user" "--regid=$(id -g "$user")" --clear-groups --)
            dq_user=$user
            return
        fi
    done
    dq_say "running as root needs a user postgres or nobody to run the server as"
    exit 1
}

# Gives a path to that user.
dq_hand_over() {
    if [ ${#dq_as[@]} -gt 0 ]; then
        chown -R "$dq_user:" "$@"
    fi
}

# A folder of this run's own, with a short name (sockets lie in it) that every user may enter.
dq_make_run_folder() {
    dq_run=$(mktemp -d "${TMPDIR:-/tmp}/distquery-$1.XXXXXX")
    chmod 755 "$dq_run"
}
