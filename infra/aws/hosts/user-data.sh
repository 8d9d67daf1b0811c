#!/bin/sh
# Prints the user data of a fleet's hosts: a script that installs HAProxy and hitless-pull, with everything in it.
#
#   sh infra/aws/hosts/user-data.sh s3://BUCKET/PREFIX FLEET > user-data
#
# For Debian 12, Ubuntu 24.04, Amazon Linux 2023 or newer (curl 7.88). The role of the instances needs the policy
# HostPolicyFLEET of the stack. The certificates of the Runtime API's listener are not in it: they are secrets.
set -eu

[ $# = 2 ] || { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "$0" >&2; exit 64; }
store=$1 fleet=$2
# Both get into a file that systemd reads: nothing that needs quoting.
case $store in s3://?*) ;; *) echo "not s3://BUCKET/PREFIX: $store" >&2; exit 64 ;; esac
case $store$fleet in *[!A-Za-z0-9_.~:/-]*) echo "characters that are not allowed: $store $fleet" >&2; exit 64 ;; esac

host=$(cd "$(dirname "$0")/../../host" && pwd)
archive=$(cd "$host" && tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -cf - \
  hitless-pull hitless-pull.service hitless-pull.timer | gzip -9n | base64)

cat <<SCRIPT
#!/bin/sh
# Made by infra/aws/hosts/user-data.sh of Hitless. Every step can be repeated.
set -eu
root=\${DESTDIR:-}

if command -v apt-get >/dev/null; then
  apt-get -q update
  DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends haproxy curl ca-certificates
else
  dnf -q -y install haproxy
fi

files=\$(mktemp -d)
base64 -d <<'ARCHIVE' | tar -xz -C "\$files"
$archive
ARCHIVE
install -D -m 755 "\$files/hitless-pull" "\$root/usr/local/sbin/hitless-pull"
install -D -m 644 "\$files/hitless-pull.service" "\$root/etc/systemd/system/hitless-pull.service"
install -D -m 644 "\$files/hitless-pull.timer" "\$root/etc/systemd/system/hitless-pull.timer"
rm -rf "\$files"

umask 077
mkdir -p "\$root/etc"
cat > "\$root/etc/hitless-pull.conf" <<'SETTINGS'
HITLESS_STORE=$store
HITLESS_FLEET=$fleet
SETTINGS

systemctl daemon-reload
systemctl enable --now haproxy.service
# The first run may find that nothing is published yet, or that HAProxy's certificates are not there: the next one is
# a minute later. \`journalctl -u hitless-pull\` says so.
systemctl enable --now hitless-pull.timer
SCRIPT
