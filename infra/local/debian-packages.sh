#!/bin/sh
# Unpacks packages of a Debian suite, which need not be this machine's, into a folder.
#
#   debian-packages.sh SUITE FOLDER [--with-libraries] PACKAGE...
#
# Nothing is installed, no rights are needed, and the machine's own sources and package database stay as they are:
# apt works in a folder of its own, and checks the archive's signature as always. `--with-libraries` takes all
# libraries that the packages need as well, the C library included, since the machine's may be too old.
# Exit code 1 with a reason on standard error when the packages could not be had.
set -eu

suite=$1
folder=$2
shift 2
libraries=no
if [ "${1:-}" = --with-libraries ]; then libraries=yes; shift; fi
here=$(cd "$(dirname "$0")" && pwd)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

private_apt() {
  apt-get -q \
    -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$work/sources" \
    -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null \
    -o Dir::State="$work/state" -o Dir::State::Lists="$work/lists" -o Dir::State::status="$work/status" \
    -o Dir::Cache="$work/cache" -o Acquire::Languages=none -o Acquire::Retries=3 \
    -o APT::Install-Recommends=false -o APT::Sandbox::User="$(id -un)" "$@"
}

mkdir -p "$work/sources" "$work/state" "$work/lists/partial" "$work/cache/archives/partial" "$work/debs"
: > "$work/status"
if ! "$here/debian-source.sh" "$suite" > "$work/found"; then
  echo "no source of Debian packages is set up on this machine" >&2
  exit 1
fi
mv "$work/found" "$work/sources/private.$(sed -n '1s/^# //p' "$work/found")"

if ! private_apt update > "$work/log" 2>&1 || grep -q '^\(W\|E\|Err\)[:0-9]' "$work/log"; then
  grep '^\(W\|E\|Err\)[:0-9]' "$work/log" >&2 || tail -n 3 "$work/log" >&2
  exit 1
fi
if [ $libraries = yes ]; then
  # With an empty package database apt names everything that is needed; of that, programs and their data are left out.
  needed=$(private_apt install -y --print-uris "$@" 2>/dev/null |
    sed -n "s/^'[^']*' \([^_ ]*\)_.*/\1/p" | grep -E '^(lib.*|zlib1g)$')
  set -- "$@" $needed
fi
if ! (cd "$work/debs" && private_apt download "$@") > "$work/log" 2>&1; then
  grep '^\(W\|E\|Err\)[:0-9]' "$work/log" >&2 || tail -n 3 "$work/log" >&2
  exit 1
fi
for deb in "$work"/debs/*.deb; do dpkg -x "$deb" "$folder"; done
