#!/bin/sh
# SPDX-License-Identifier: MIT
# The library exports what the lists *.symbols beside this script say, no more
# and no less.
# usage: symbols.sh LIBRARY [--update]
set -u
lib=${1:?usage: symbols.sh LIBRARY [--update]}
here=$(dirname "$0")
echo 1..1
[ -e "$lib" ] || { echo "not ok 1 - $lib does not exist: run make first"; exit 1; }
now=$(nm -D --defined-only "$lib" | awk '$2 ~ /[TDBR]/ { sub(/@.*/, "", $3); print $3 }' |
	grep -v '^__asan\|^__ubsan\|^__odr_asan' | LC_ALL=C sort)
[ -n "$now" ] || { echo "not ok 1 - $lib exports nothing"; exit 1; }
if [ "${2-}" = --update ]; then
	echo "$now" > "$here/libhvcal.symbols"
	echo "ok 1 - list updated"
	exit 0
fi
want=$(cat "$here"/libhvcal*.symbols | grep -v '^#' | LC_ALL=C sort)
if [ "$now" = "$want" ]; then
	echo "ok 1 - $(echo "$now" | wc -l) symbols"
	exit 0
fi
echo "not ok 1 - exported symbols differ (< list, > library)"
a=$(mktemp); b=$(mktemp); trap 'rm -f "$a" "$b"' EXIT
echo "$want" > "$a"; echo "$now" > "$b"
diff "$a" "$b" | grep '^[<>]' | sed 's/^/# /'
exit 1
