#!/bin/bash
# SPDX-License-Identifier: MIT
# Every test that the threat model refers to is there. TAP.
set -u
cd "$(dirname "$0")/../.." || exit 1
text=Documentation/threat-model.rst
n=0 found=0
check() { # OK NAME
	n=$((n + 1))
	[ "$1" -eq 0 ] && echo "ok $n - $2" || echo "not ok $n - $2"
}
echo "TAP version 13"
while IFS=: read -r file test; do
	found=$((found + 1))
	grep -qE "^KS_(TEST|TEST_LIMIT|TABLE)\($test\b" "selftests/kselftest/$file.c"
	check $? "$file:$test"
done < <(grep -oE '``[a-z_]+:[a-z_]+``' $text | tr -d '`' | sort -u)
while read -r path; do
	[ -e "$path" ]
	check $? "$path"
done < <(grep -oE '``selftests/[a-z/.-]+``' $text | tr -d '`' | sort -u)
check "$([ "$found" -ge 20 ]; echo $?)" "tests are named"
echo "1..$n"
