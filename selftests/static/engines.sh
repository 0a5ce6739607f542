#!/bin/bash
# SPDX-License-Identifier: MIT
# The table of engines in README.md has a row for each plug-in, and no other. TAP.
# usage: selftests/static/engines.sh [README [FOLDER]]
set -u
readme=${1:-README.md} folder=${2:-lib/engines}
# a plug-in is a file of the folder, or a folder of files
plugins=$(grep -rl --include='*.c' '^const struct hvcal_engine_plugin hvcal_engine_plugin\b' \
	"$folder" | sed "s|^$folder/||; s|/.*||; s|\.c$||" | sort)
rows=$(sed -n '/^## Engines$/,/^## [^E]/s/^| *\([a-z0-9]*\) *|.*/\1/p' "$readme" |
	grep -vx engine | sort)
# shellcheck source=selftests/static/each.sh
. "$(dirname "$0")/each.sh"

each "has a row in $readme" "$plugins" "$rows"
each "is a plug-in in $folder" "$rows" "$plugins"
n=$((n + 1))
if [ "$(uniq -d <<<"$rows")" = "" ] && [ -n "$plugins" ]; then
	echo "ok $n - there are plug-ins, and one row for each"
else
	echo "not ok $n - there are plug-ins, and one row for each"
	failed=1
fi
echo "1..$n"
exit $failed
