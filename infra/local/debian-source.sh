#!/bin/sh
# Prints the apt source of another Debian suite, at the place where this machine gets its own suite from.
#
#   debian-source.sh SUITE [APT_FOLDER] [CODENAME]     defaults: /etc/apt, and this Debian's code name
#
# So no archive's address is written down anywhere: a mirror or a proxy that the machine uses is used. Reads both
# forms: `*.sources` (deb822) and one-line `*.list`, as the first line of the output says. Exit code 1: no such source.
set -eu

suite=$1
apt=${2:-/etc/apt}
codename=${3:-$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)}

for file in "$apt"/sources.list.d/*.sources; do
  [ -f "$file" ] || continue
  stanza=$(sed '/^#/d' "$file" | awk -v RS= -v suite="$suite" -v codename="$codename" '
    found || /(^|\n)Enabled:[ \t]*no/ || $0 !~ /(^|\n)Types:[^\n]*deb([ \t\n]|$)/ { next }
    {
      count = split($0, lines, "\n")
      for (i = 1; i <= count; i++) {
        if (lines[i] !~ /^Suites:/) continue
        fields = split(lines[i], names, /[ \t]+/)
        for (j = 2; j <= fields; j++) if (names[j] == codename) found = 1
      }
      if (!found) next
      for (i = 1; i <= count; i++) {
        if (lines[i] ~ /^Suites:/) print "Suites: " suite
        else if (lines[i] ~ /^Types:/) print "Types: deb"
        else if (lines[i] ~ /^Components:/) print "Components: main"
        else print lines[i]
      }
    }')
  if [ -n "$stanza" ]; then printf '# sources\n%s\n' "$stanza"; exit 0; fi
done

for file in "$apt"/sources.list "$apt"/sources.list.d/*.list; do
  [ -f "$file" ] || continue
  # deb [options] ADDRESS SUITE COMPONENTS, where options may hold blanks
  line=$(sed -n "s/^deb[[:space:]]\{1,\}\(\(\[[^]]*\][[:space:]]\{1,\}\)\{0,1\}[^[:space:]]\{1,\}\)[[:space:]]\{1,\}$codename[[:space:]].*/deb \1 $suite main/p" "$file" | head -n 1)
  if [ -n "$line" ]; then printf '# list\n%s\n' "$line"; exit 0; fi
done
exit 1
