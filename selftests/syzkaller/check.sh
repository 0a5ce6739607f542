#!/bin/bash
# SPDX-License-Identifier: MIT
# The descriptions for syzkaller know every ioctl, and the sizes that they give are
# those of the header. TAP.
set -u
cd "$(dirname "$0")/../.." || exit 1
text=selftests/syzkaller/hvcal.txt
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
n=0
check() { # OK NAME
	n=$((n + 1))
	[ "$1" -eq 0 ] && echo "ok $n - $2" || echo "not ok $n - $2"
}
echo "TAP version 13"
missing=$(grep -o '^#define HVCAL_IOC_[A-Z_]*' uapi/hvcal.h | sed 's/.* //' | grep -v MAGIC |
	while read -r ioc; do grep -q "cmd const\[$ioc\]" $text || echo "$ioc"; done)
[ -z "$missing" ] || sed 's/^/# not described: /' <<<"$missing"
check "$([ -z "$missing" ]; echo $?)" every_ioctl

# arrays: their stride; structures whose rest is left open: field before it and rest
{
	echo '#include "uapi/hvcal.h"'
	sed -nE 's/.*hvcal_array\[([0-9]+), [a-z]+, (hvcal_[a-z_]+)\].*/_Static_assert(sizeof(struct \2) == \1, "\2");/p' $text
	for pair in engine_list:engine_info engine_caps:engine_cap gpu_list:gpu_info; do
		sed -nE "/^hvcal_${pair%:*} /,/^}/s/.*hvcal_array\[([0-9]+), out, array\[int8, \1\]\]/_Static_assert(sizeof(struct hvcal_${pair#*:}) == \1, \"${pair#*:}\");/p" $text
	done
	sed -nE '/^hvcal_session_stats /,/^}/s/.*array\[int8, ([0-9]+)\].*/_Static_assert(sizeof(struct hvcal_session_stats) == 8 + \1, "stats");/p' $text
	sed -nE '/^hvcal_item /,/^}/s/.*array\[int8, ([0-9]+)\].*/_Static_assert(sizeof(struct hvcal_item) == 8 + \1, "item");/p' $text
} >"$work/sizes.c"
asserts=$(grep -c Static_assert "$work/sizes.c")
cc -I. -fsyntax-only "$work/sizes.c" 2>"$work/err"
status=$?
sed 's/^/# /' "$work/err"
check "$status" "sizes ($asserts)"
check "$([ "$asserts" -ge 9 ]; echo $?)" all_sizes_were_seen
echo "1..$n"
