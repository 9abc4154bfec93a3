#!/bin/bash
#
# chroot.sh [suite [user]]
#     Proves what the README promises: in a fresh bookworm (or trixie, ...) made by debootstrap, with git and make
#     and nothing else, a clone of this repository runs "make demo" and "make check": as root, or as an ordinary
#     user of that name, who has sudo.  Needs root.
#
# Packages come from where the host gets its own: mirror and apt settings are taken from the host's
# configuration.  KEEP=1 leaves the folder.
set -euo pipefail
exec </dev/null

suite=${1:-bookworm}
user=${2:-root}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

say() { echo "chroot: $*" >&2; }

[ "$(id -u)" -eq 0 ] || { say "needs root"; exit 1; }
command -v debootstrap >/dev/null || { say "needs debootstrap"; exit 1; }

# shellcheck disable=SC1091
. "$root/test/setup/mirror.sh"
mirror=${MIRROR:-$(dq_host_mirror)}
[ -n "$mirror" ] || { say "the host's apt sources name no mirror; set MIRROR="; exit 1; }
target=$(mktemp -d "${TMPDIR:-/var/tmp}/distquery-$suite.XXXXXX")
chmod 755 "$target"

home=/root
[ "$user" = root ] || home=/home/$user

# inside_as user command...
inside_as() {
    local as=$1 as_home=/root
    shift
    [ "$as" = root ] || as_home=$home
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME="$as_home" LANG=C.UTF-8 TERM=dumb \
        DEBIAN_FRONTEND=noninteractive ${http_proxy:+http_proxy="$http_proxy"} \
        ${https_proxy:+https_proxy="$https_proxy"} chroot --userspec="$as" "$target" "$@"
}

inside() { inside_as root "$@"; }

clean_up() {
    local mount
    for mount in dev/pts dev/shm proc; do
        mountpoint -q "$target/$mount" && umount "$target/$mount"
    done
    if [ -n "${KEEP:-}" ]; then
        say "$target was kept"
    elif ! mount | grep -F " $target/" >/dev/null; then
        rm -rf --one-file-system "$target"
    fi
}
trap clean_up EXIT
trap 'exit 130' INT TERM

say "debootstrap of $suite"
log=$(mktemp)
debootstrap --variant=minbase --include=ca-certificates "$suite" "$target" "$mirror" >"$log" 2>&1 ||
    { tail -n 20 "$log" >&2; exit 1; }
rm -f "$log"

# What the host's apt has to know to reach that mirror.
cp -rL /etc/apt/apt.conf.d/. "$target/etc/apt/apt.conf.d/" 2>/dev/null || true
[ ! -e /etc/apt/apt.conf ] || cp -L /etc/apt/apt.conf "$target/etc/apt/"
cp -rL /usr/local/share/ca-certificates/. "$target/usr/local/share/ca-certificates/" 2>/dev/null || true
echo "deb $mirror $suite main" >"$target/etc/apt/sources.list"
cp -L /etc/resolv.conf "$target/etc/resolv.conf"
mount -t proc proc "$target/proc"
mkdir -p "$target/dev/pts" "$target/dev/shm"
mount -t devpts devpts "$target/dev/pts" 2>/dev/null || true
mount -t tmpfs tmpfs "$target/dev/shm"
chmod 1777 "$target/dev/shm"
inside update-ca-certificates >/dev/null 2>&1 || true

say "installing git and make"
inside apt-get update -qq >&2
inside apt-get install -y -qq --no-install-recommends git make >/dev/null 2>&1
if [ "$user" != root ]; then
    inside apt-get install -y -qq --no-install-recommends sudo >/dev/null 2>&1
    inside useradd -m -s /bin/bash "$user"
    echo "$user ALL=(ALL) NOPASSWD: ALL" >"$target/etc/sudoers.d/distquery"
fi

git -c safe.directory="$root" -c safe.directory="$root/.git" clone --quiet --no-local "$root" "$target$home/distquery"
inside chown -R "$user:" "$home/distquery"

status=0
for goal in demo check; do
    say "make $goal"
    start=$SECONDS
    inside_as "$user" make -C "$home/distquery" "$goal" || { status=1; say "make $goal failed"; }
    say "make $goal took $((SECONDS - start)) s"
done
leftovers=$(inside_as "$user" sh -c 'ls -d /tmp/distquery* 2>/dev/null; cd "$HOME/distquery" && git status --porcelain' || true)
if [ -n "$leftovers" ]; then
    say "left behind: $leftovers"
    status=1
fi
exit $status
