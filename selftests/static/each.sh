# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2034 # failed is for who sources this
# To be sourced: compares two lists of words, as TAP.
n=0 failed=0

# each WHAT LIST OTHER: every word of LIST is a line of OTHER
each() {
	local name
	for name in $2; do
		n=$((n + 1))
		if grep -qx -- "$name" <<<"$3"; then
			echo "ok $n - $name: $1"
		else
			echo "not ok $n - $name: $1"
			failed=1
		fi
	done
}
