# mirror.sh
#     Where this host gets its packages.  Read with ".".
# shellcheck shell=bash

# The first archive in the host's sources that is not about updates alone, one-line or deb822.
dq_host_mirror() {
    local file
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/{debian,ubuntu}.{sources,list} \
        /etc/apt/sources.list.d/*.{sources,list}; do
        [ -f "$file" ] || continue
        sed -nE -e 's/^deb +(\[[^]]*\] +)?([a-z]+:[^ ]+) +.*/\2/p' -e 's/^URIs: *([^ ]+).*/\1/p' "$file"
    done | grep -vE 'security|pgdg|postgresql' | sed -n 1p
}
