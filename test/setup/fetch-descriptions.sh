#!/bin/bash
#
# fetch-descriptions.sh
#     Brings the API descriptions that "descriptions" lists into build/descriptions/, by npm, where they are not yet.
#     The last line of output is that folder.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$(cd "$here/../.." && pwd)/build
folder=$build/descriptions

list() { grep -vE '^ *(#|$)' "$here/descriptions"; }

# A file of a package, under a name that tells both, so that another version is another file.
stored_as() { echo "$1-${2//[@\/]/_}${3##*/}"; }

missing_of() {
    local package=$1 name from file
    list | while read -r name from file; do
        [ "$from" != "$package" ] || [ -s "$folder/$(stored_as "$name" "$from" "$file")" ] || echo "$name $file"
    done
}

fetch() {
    local package=$1 scratch name file
    scratch=$(mktemp -d)
    (cd "$scratch" && npm pack --silent "$package" >/dev/null) || {
        echo "distquery: npm could not fetch $package" >&2
        rm -rf "$scratch"
        return 1
    }
    missing_of "$package" | awk '{ print "package/" $2 }' >"$scratch/files"
    tar -xzf "$scratch"/*.tgz -C "$scratch" -T "$scratch/files"
    missing_of "$package" | while read -r name file; do
        mv "$scratch/package/$file" "$folder/$(stored_as "$name" "$package" "$file")"
    done
    rm -rf "$scratch"
}

mkdir -p "$folder"
exec 9>"$build/lock-descriptions"
flock 9
for package in $(list | awk '{ print $2 }' | sort -u); do
    [ -z "$(missing_of "$package")" ] || fetch "$package"
done

# name=file for each, which is what the mock service takes.
list | while read -r name from file; do
    echo "$name=$(stored_as "$name" "$from" "$file")"
done >"$folder/list.new"
mv "$folder/list.new" "$folder/list"
echo "$folder"
