#!/bin/bash
#
# install-packages.sh [group...]
#     Installs the packages of these groups (see "packages") that are missing, by apt-get; elsewhere says
#     what is missing and stops.  The last line of output is the pg_config to use.
#
# A PostgreSQL that PG_CONFIG names, or whose server headers are already there, is taken as it is.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
supported="18 17 16 15 14"

say() { echo "distquery: $*" >&2; }

# A pg_config with server headers and programs behind it.
usable_pg_config() {
    local config
    config=$(command -v "$1") || return 1
    [ -e "$("$config" --includedir-server)/postgres.h" ] && [ -x "$("$config" --bindir)/initdb" ] &&
        [ -e "$("$config" --pgxs)" ]
}

# The first one that can be used: PG_CONFIG, the one in PATH, Debian's places.
find_pg_config() {
    local major candidate
    if [ -n "${PG_CONFIG:-}" ]; then
        usable_pg_config "$PG_CONFIG" && command -v "$PG_CONFIG"
        return
    fi
    for candidate in pg_config $(for major in $supported; do echo "/usr/lib/postgresql/$major/bin/pg_config"; done); do
        if usable_pg_config "$candidate" 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

# The newest supported major version that apt knows.
offered_major() {
    local major policy
    for major in $supported; do
        policy=$(apt-cache policy "postgresql-server-dev-$major" 2>/dev/null || true)
        if [[ $policy =~ Candidate:\ [0-9] ]]; then
            echo "$major"
            return
        fi
    done
    return 1
}

is_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ] && return
    case $1 in
        # What another package of the same family gives is as good.
        pkg-config) command -v pkg-config >/dev/null ;;
        libcurl4-openssl-dev) command -v pkg-config >/dev/null && pkg-config --exists libcurl ;;
        npm) command -v npm >/dev/null ;;
        nginx-light) command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] ;;
        *) return 1 ;;
    esac
}

packages_of() {
    awk -v group="$1" '$1 == group { print $2 }' "$here/packages"
}

# The packages of all groups asked for that are not installed; {major} stays as it is.
missing_packages() {
    local group package
    for group in "$@"; do
        if [ "$group" = server ]; then
            find_pg_config >/dev/null || packages_of server
            continue
        fi
        for package in $(packages_of "$group"); do
            is_installed "$package" || echo "$package"
        done
    done
}

# Elsewhere than on Debian's kin: commands and libraries instead of packages.
stop_without_apt() {
    local problems=()
    command -v "${CC:-gcc}" >/dev/null || command -v cc >/dev/null || problems+=("a C compiler")
    command -v pkg-config >/dev/null || problems+=("pkg-config")
    pkg-config --exists libcurl 2>/dev/null || problems+=("libcurl with its headers")
    pkg-config --exists json-c 2>/dev/null || problems+=("json-c with its headers")
    command -v python3 >/dev/null || problems+=("python3 (3.9 or newer)")
    find_pg_config >/dev/null || problems+=("PostgreSQL 14 to 18 with its server headers (or give PG_CONFIG=)")
    if [[ " $* " == *" test "* ]]; then
        perl -MIPC::Run -e 1 2>/dev/null || problems+=("perl with IPC::Run")
    fi
    [ ${#problems[@]} -eq 0 ] && return
    say "packages are installed by apt-get only; please install here:"
    printf '    %s\n' "${problems[@]}" >&2
    exit 1
}

# root: nothing; else sudo, asking for a password only where somebody can give it.
root_command() {
    [ "$(id -u)" -eq 0 ] && return
    if command -v sudo >/dev/null; then
        if sudo -n true 2>/dev/null; then
            echo "sudo -n"
            return
        elif [ -t 0 ] && [ -t 2 ]; then
            echo "sudo"
            return
        fi
    fi
    return 1
}

install_missing() {
    local as_root major packages no_cluster=/etc/postgresql-common/createcluster.d/distquery-setup.conf

    if ! as_root=$(root_command); then
        say "packages are missing, and neither root nor sudo is at hand; please run"
        packages=${missing[*]}
        say "    apt-get install ${packages//\{major\}/$(offered_major || echo 15)}"
        exit 1
    fi
    $as_root apt-get update -qq >&2
    packages=${missing[*]}
    if [[ $packages == *"{major}"* ]]; then
        major=$(offered_major) || {
            say "apt offers none of PostgreSQL $supported"
            exit 1
        }
        packages=${packages//\{major\}/$major}
        # Our servers are private ones: do not let the package make and start one of its own.
        $as_root mkdir -p "${no_cluster%/*}"
        echo "create_main_cluster = false" | $as_root tee "$no_cluster" >/dev/null
    fi
    say "installing $packages"
    local status=0 log
    log=$(mktemp)
    # shellcheck disable=SC2086
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        -o Dpkg::Use-Pty=0 $packages >"$log" 2>&1 || status=$?
    $as_root rm -f "$no_cluster"
    [ $status -eq 0 ] || tail -n 40 "$log" >&2
    rm -f "$log"
    if [ $status -ne 0 ]; then
        say "apt-get could not install these packages"
        exit 1
    fi
}

if ! command -v apt-get >/dev/null; then
    stop_without_apt "$@"
else
    if [ -n "${PG_CONFIG:-}" ] && ! find_pg_config >/dev/null; then
        say "PG_CONFIG=$PG_CONFIG is not a PostgreSQL with server headers"
        exit 1
    fi
    mapfile -t missing < <(missing_packages "$@")
    if [ ${#missing[@]} -gt 0 ]; then
        install_missing
    fi
fi

if [[ " $* " == *" server "* ]]; then
    find_pg_config || {
        say "PostgreSQL is still not usable after the installation"
        exit 1
    }
fi
