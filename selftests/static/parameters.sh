#!/bin/bash
# SPDX-License-Identifier: MIT
# Documentation/parameters.rst has each parameter of the module, with its preset. TAP.
# usage: selftests/static/parameters.sh [PAGE [FOLDER]]
set -u
page=${1:-Documentation/parameters.rst} folder=${2:-drivers/hvcal}

# preset VARIABLE: what it is initialized with; of an array, the value at its index
preset() {
	local name=$1 value
	case $name in
	*\[*) name="\[${name#*[}" name=${name%]}\\] ;;
	esac
	value=$(grep -hoE "$name = [0-9]+[,;]" "$folder"/*.c | grep -oE '[0-9]+' | head -n 1)
	echo "${value:-0}"
}

# shellcheck source=selftests/static/each.sh
. "$(dirname "$0")/each.sh"

there=$(grep -hoE '^module_param(_named)?\([^)]*' "$folder"/*.c | sed 's/^[a-z_]*(//; s/, */ /g' |
	while read -r name variable rest; do
		# module_param() has no variable of another name: what follows is the type
		[ "${rest%% *}" = "${rest#* }" ] && variable=$name
		echo "$name=$(preset "$variable")"
	done)
told=$(sed -nE 's/^([a-z_]+) +([0-9]+) .*/\1=\2/p' "$page")
each "is in $page" "$there" "$told"
each "is in $folder" "$told" "$there"
n=$((n + 1))
if [ "$(wc -w <<<"$there")" -ge 10 ]; then
	echo "ok $n - parameters are found"
else
	echo "not ok $n - parameters are found"
	failed=1
fi
echo "1..$n"
exit $failed
