#!/bin/bash
#
# install-npm.sh
#     Installs the packages that "npm-packages" lists into build/npm, by npm, where they are not yet.  None of their
#     own scripts runs.  The last line of output is the folder for NODE_PATH.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$(cd "$here/../.." && pwd)/build/npm
mapfile -t packages < <(grep -vE '^ *(#|$)' "$here/npm-packages")

mkdir -p "$folder"
exec 9>"$folder/lock"
flock 9
if [ "$(cat "$folder/installed" 2>/dev/null)" != "${packages[*]}" ]; then
    rm -rf "$folder/node_modules" "$folder/installed"
    echo '{ "private": true }' >"$folder/package.json"
    (cd "$folder" && npm install --silent --no-audit --no-fund --ignore-scripts --no-package-lock "${packages[@]}" >/dev/null) || {
        echo "distquery: npm could not install ${packages[*]}" >&2
        exit 1
    }
    echo "${packages[*]}" >"$folder/installed"
fi
echo "$folder/node_modules"
