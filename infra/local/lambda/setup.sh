#!/bin/sh
# Builds what `npm run test:lambda` needs besides the rest: AWS's Lambda Runtime Interface Client for Node.js, the part
# of the nodejs24.x runtime that calls a handler. It has native code, so it takes a minute and a compiler, once.
#
# It goes to ${XDG_CACHE_HOME:-$HOME/.cache}/hitless/lambda-ric-VERSION (runtime-client.ts has the same rule); cmake, g++,
# make, python3 and xz come from the distribution when they are missing. Needs the npm packages (../setup.sh).
# Exit code 1: something is missing that cannot be installed from here; the message says what to install.
set -eu

version=4.0.2
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../../.."
cache=${XDG_CACHE_HOME:-${HOME:-${TMPDIR:-/tmp}}/.cache}/hitless
home=$cache/lambda-ric-$version

say() { printf 'setup: %s\n' "$*" >&2; }
refuse() { say "$*"; exit 1; }
there() { [ -f "$home/node_modules/aws-lambda-ric/rapid-client.node" ]; }

if there; then exit 0; fi
[ "$(uname)" = Linux ] || refuse 'the Lambda Runtime Interface Client is built on Linux only'

missing=
command -v cmake >/dev/null || missing="$missing cmake"
command -v g++ >/dev/null || missing="$missing g++"
command -v make >/dev/null || missing="$missing make"
command -v python3 >/dev/null || missing="$missing python3"
command -v xz >/dev/null || missing="$missing xz-utils"

mkdir -p "$cache"
if command -v flock >/dev/null; then
  exec 9> "$cache/lambda-ric.lock"
  flock -n 9 || { say 'waiting for another setup to finish'; flock 9; }
  if there; then exit 0; fi
fi

new=$(mktemp -d "$cache/new.XXXXXX")
trap 'rm -rf "$new"' EXIT
trap 'exit 1' HUP INT TERM

if [ -n "$missing" ]; then
  command -v apt-get >/dev/null || refuse "install$missing"
  if [ "$(id -u)" = 0 ]; then as_root=; else as_root='sudo -n'; fi
  [ -z "$as_root" ] || sudo -n true 2>/dev/null || refuse "install$missing (or run this as root)"
  say "installing$missing of this distribution"
  if ! { $as_root apt-get -q update && $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
    -o DPkg::Lock::Timeout=300 install --no-install-recommends $missing; } > "$new/log" 2>&1; then
    grep '^[EW]:' "$new/log" >&2 || tail -n 5 "$new/log" >&2
    refuse "apt-get could not install$missing; its reason is above"
  fi
fi

# The headers of Node.js: those that came with the project's own, or this machine's; else node-gyp fetches them.
for headers in node_modules/node/node_modules/node-*/include /usr/include; do
  if [ -f "$headers/node/node_api.h" ]; then
    npm_config_nodedir=$(cd "$headers/.." && pwd)
    export npm_config_nodedir
    break
  fi
done

say 'building the Lambda Runtime Interface Client (a minute or two)'
echo '{"private":true}' > "$new/package.json"
if ! npm install --prefix "$new" --no-audit --no-fund --loglevel=error --foreground-scripts \
  "aws-lambda-ric@$version" > "$new/log" 2>&1; then
  tail -n 20 "$new/log" >&2
  refuse 'it could not be built; the reason is above'
fi
rm -rf "$home" "$new/node_modules/aws-lambda-ric/deps"
mv "$new" "$home"
there || refuse 'npm install succeeded, but there is no rapid-client.node'
