#!/bin/sh
# Installs what is missing, and nothing else. The first step of `npm run demo`, `npm start`, `npm test` and
# `npm run check`.
#
#   setup.sh              npm packages; HAProxy and curl of the distribution; Consul
#   setup.sh --packages   npm packages only
#   setup.sh --tests      also HAProxy 3.0, which the real-server tests run on besides the distribution's, and openssl
#   setup.sh --versions   also HAProxy 2.2, 2.6 and 3.2; prints their paths as HITLESS_HAPROXY wants them
#
# A HAProxy or Consul on PATH is used as it is; HITLESS_HAPROXY and HITLESS_CONSUL name others (servers.ts).
# What this Debian does not have comes from another suite (debian-packages.sh) and goes to
# ${XDG_CACHE_HOME:-$HOME/.cache}/hitless. Nothing to do takes a fraction of a second. Two at once wait for each other.
# Exit code 1: something is missing that cannot be installed from here; the message says what to install.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."

asked=${1:-}
case "$asked" in
  '') wanted='packages haproxy curl consul' ;;
  --packages) wanted='packages' ;;
  --tests) wanted='packages haproxy curl openssl consul haproxy30' ;;
  --versions) wanted='packages haproxy curl openssl consul haproxy22 haproxy26 haproxy30 haproxy32' ;;
  *) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "$here/setup.sh" >&2; exit 64 ;;
esac

# The same rule as in servers.ts; without a home folder, a folder of the system's for temporary files.
cache=${XDG_CACHE_HOME:-${HOME:-${TMPDIR:-/tmp}}/.cache}/hitless

say() { printf 'setup: %s\n' "$*" >&2; }
refuse() { say "$*"; exit 1; }
on_path() { command -v "$1" >/dev/null 2>&1; }

# --- what is there: quick and silent -------------------------------------------------------------------------------

there_packages() { on_path node && node "$here/packages-installed.mjs"; }
there_curl() { on_path curl; }
there_openssl() { on_path openssl; }

own_haproxy() {
  if [ -n "${HITLESS_HAPROXY:-}" ]; then echo "${HITLESS_HAPROXY%%:*}"; return; fi
  command -v haproxy || for path in /usr/sbin/haproxy /usr/local/sbin/haproxy; do
    if [ -x "$path" ]; then echo "$path"; return; fi
  done
}
there_haproxy() { [ -x "$(own_haproxy)" ]; }
there_consul() { [ -x "${HITLESS_CONSUL:-$(command -v consul || echo "$cache/bin/consul")}" ]; }

# Not needed where the tests are told what to run on, or the machine's own is that one (or, for 3.0, newer).
there_haproxy22() { there_version 2.2 '2\.2\.'; }
there_haproxy26() { there_version 2.6 '2\.6\.'; }
there_haproxy30() {
  if [ "$asked" = --versions ]; then there_version 3.0 '3\.0\.'; else there_version 3.0 '\([3-9]\|[1-9][0-9]\)\.'; fi
}
there_haproxy32() { there_version 3.2 '3\.2\.'; }
there_version() { [ -n "${HITLESS_HAPROXY:-}" ] || [ -x "$cache/bin/haproxy-$1" ] || own_is "$2"; }
own_is() { "$(own_haproxy)" -v 2>/dev/null | grep -q "version $1"; }

# What --versions prints.
all_versions() {
  if [ -n "${HITLESS_HAPROXY:-}" ]; then echo "$HITLESS_HAPROXY"; return; fi
  paths=
  for version in 2.2 2.6 3.0 3.2; do
    path=$cache/bin/haproxy-$version
    if [ ! -x "$path" ]; then path=$(own_haproxy); fi
    paths=$paths:$path
  done
  echo "${paths#:}"
}

# --- why a thing cannot be installed from here: one line, or nothing when it can ------------------------------------

obstacle_packages() { on_path npm || echo 'install Node.js 20 or newer with npm 11'; }
obstacle_curl() { may_install || echo "install curl 7.75 or newer ($why_not)"; }
obstacle_openssl() { may_install || echo "install openssl ($why_not)"; }
obstacle_haproxy() {
  if [ -n "${HITLESS_HAPROXY:-}" ]; then echo "HITLESS_HAPROXY names $(own_haproxy), which is not there"; return; fi
  may_install || echo "install HAProxy 2.2 or newer and put it on PATH ($why_not)"
}
obstacle_consul() {
  if [ -n "${HITLESS_CONSUL:-}" ]; then echo "HITLESS_CONSUL names $HITLESS_CONSUL, which is not there"; return; fi
  on_debian || echo "$advice_consul ($why_not)"
}
obstacle_haproxy22() { on_debian || echo "$(advice_version 2.2) ($why_not)"; }
obstacle_haproxy26() { on_debian || echo "$(advice_version 2.6) ($why_not)"; }
obstacle_haproxy30() { on_debian || echo "$(advice_version '3.0 or newer') ($why_not)"; }
obstacle_haproxy32() { on_debian || echo "$(advice_version 3.2) ($why_not)"; }

advice_consul='install Consul 1.8 or newer and put it on PATH'
advice_version() {
  echo "install HAProxy $1 and name it beside the others: HITLESS_HAPROXY=/path/of/haproxy:/path/of/another-haproxy"
}

may_install() {
  why_not='setup installs it on Debian only'
  on_path apt-get || return 1
  why_not='setup needs root or a sudo that asks for no password; on Debian: apt-get install'
  if [ "$(id -u)" = 0 ]; then as_root=; else as_root='sudo -n'; fi
  [ -z "$as_root" ] || { on_path sudo && sudo -n true 2>/dev/null; }
}
on_debian() {
  why_not='setup fetches it on Debian only'
  on_path apt-get && on_path dpkg && grep -q '^ID=debian$' /etc/os-release 2>/dev/null
}

# --- installing ------------------------------------------------------------------------------------------------------

install_packages() {
  say 'installing npm packages (half a minute)'
  # The project brings its own Node.js 24, which npm does not know: its warnings about engines would be wrong.
  npm ci --loglevel=error --no-audit --no-fund >&2 || refuse 'npm ci failed; its reason is above'
}

install_haproxy() { of_distribution haproxy; }
install_curl() { of_distribution curl; }
install_openssl() { of_distribution openssl; }

of_distribution() {
  say "installing $1 of this distribution"
  may_install
  log=$(mktemp)
  scratch="$scratch $log"
  if ! { $as_root apt-get -q update && $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
    -o DPkg::Lock::Timeout=300 install --no-install-recommends "$1"; } > "$log" 2>&1; then
    grep '^[EW]:' "$log" >&2 || tail -n 5 "$log" >&2
    refuse "$1 could not be installed by apt-get; its reason is above"
  fi
}

install_consul() {
  say 'fetching consul from Debian 11 (14 MB)'
  unpack bullseye consul || refuse "consul could not be fetched: $advice_consul"
  "$unpacked/usr/bin/consul" version >/dev/null || refuse "the fetched consul does not run: $advice_consul"
  mkdir -p "$cache/bin"
  mv -f "$unpacked/usr/bin/consul" "$cache/bin/consul"
}

install_haproxy22() { fetch_haproxy 2.2 bullseye; }
install_haproxy26() { fetch_haproxy 2.6 bookworm; }
install_haproxy30() { fetch_haproxy 3.0 trixie; }
install_haproxy32() { fetch_haproxy 3.2 sid; }

# The program is given its own suite's loader and libraries: it needs another C library than this Debian's, and must be
# able to start itself anew (a master with a worker does), which it cannot when it is started through a loader.
fetch_haproxy() {
  say "fetching HAProxy $1 from Debian $2, with its libraries (15 MB)"
  unpack "$2" --with-libraries haproxy || refuse "HAProxy $1 could not be fetched: $(advice_version "$1")"
  new=$unpacked
  program=$new/usr/sbin/haproxy
  patchelf=$(command -v patchelf || true)
  if [ -z "$patchelf" ]; then
    unpack "$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)" patchelf || refuse 'patchelf could not be fetched'
    patchelf=$unpacked/usr/bin/patchelf
  fi
  home=$cache/haproxy-$1
  # Where the C library is; in Debian 11 the loader is a link there to ld-2.31.so beside it.
  libraries=$(dirname "$(cd "$new" && find . -name libc.so.6 | head -n 1)")
  loader=$libraries/$(basename "$("$patchelf" --print-interpreter "$program")")
  "$patchelf" --set-interpreter "$home/${loader#./}" --force-rpath \
    --set-rpath "$home/${libraries#./}:$home/usr/lib/$(basename "$libraries")" "$program"
  rm -rf "$home"
  mv "$new" "$home"
  "$home/usr/sbin/haproxy" -v | grep -q "version $1" ||
    refuse "the fetched HAProxy $1 does not run, or is another by now: $(advice_version "$1")"
  mkdir -p "$cache/bin"
  mv -f "$home/usr/sbin/haproxy" "$cache/bin/haproxy-$1"
}

# unpack SUITE [--with-libraries] PACKAGE: into a new folder, named by $unpacked, beside where its content will stay.
unpack() {
  mkdir -p "$cache"
  unpacked=$(mktemp -d "$cache/new.XXXXXX")
  scratch="$scratch $unpacked"
  suite=$1
  shift
  sh "$here/debian-packages.sh" "$suite" "$unpacked" "$@"
}
scratch=
trap '[ -z "$scratch" ] || rm -rf $scratch' EXIT
trap 'exit 1' HUP INT TERM

# Waits for another setup.sh. Where flock is not to be had, the moves above are atomic all the same.
lock() {
  if [ "$1" = "$locked" ] || ! on_path flock; then return; fi
  locked=$1
  mkdir -p "$(dirname "$1")"
  exec 9> "$1"
  flock -n 9 || { say 'waiting for another setup to finish'; flock 9; }
}
locked=

# --- the work --------------------------------------------------------------------------------------------------------

finish() {
  if [ "$asked" = --versions ]; then all_versions; fi
  exit 0
}

missing=
for thing in $wanted; do "there_$thing" || missing="$missing $thing"; done
if [ -z "$missing" ]; then say 'nothing to do'; finish; fi

refused=no
for thing in $missing; do
  obstacle=$("obstacle_$thing")
  if [ -n "$obstacle" ]; then say "missing: $obstacle"; refused=yes; fi
done
if [ $refused = yes ]; then exit 1; fi

for thing in $missing; do
  if [ "$thing" = packages ]; then lock .hitless/setup.lock; else lock "$cache/setup.lock"; fi
  "there_$thing" || "install_$thing"
  "there_$thing" || refuse "$thing is still missing after its installation"
done
finish
