#!/bin/bash
# SPDX-License-Identifier: MIT
# hvcal.ko builds without a warning (W=1) on the kernels that are promised, and
# stays below the size that is promised. TAP.
set -u
n=0
result() { # STATUS NAME
	n=$((n + 1))
	[ "$1" -eq 0 ] && echo "ok $n $2" || echo "not ok $n $2"
}
for kernel in 6.1 6.12 7.2; do
	rm -rf "build/module-$kernel"
	log=$(mktemp)
	tools/kernel/module "$kernel" >"$log" 2>&1
	status=$?
	# said of the toolchain of the kernel package, not of our code
	warnings=$(grep -E 'warning:|error:' "$log" | grep -vE 'pahole version|compiler differs')
	[ "$status" -eq 0 ] && [ -z "$warnings" ] || { tail -n 20 "$log"; echo "$warnings"; } | sed 's/^/# /'
	result "$([ "$status" -eq 0 ] && [ -z "$warnings" ]; echo $?)" "builds_on_$kernel"
	rm -f "$log"
done
# Code and constants. What `size` adds to that is made by options of the kernel: BTF (debug
# information), ORC (stack traces), symbol versions.
text=$(size -A build/module-6.12/drivers/hvcal/hvcal.ko | awk '
	$1 ~ /^\.(text|rodata|init\.text|exit\.text|noinstr\.text)/ { sum += $2 }
	END { print sum }')
echo "# text of hvcal.ko on 6.12: $text bytes"
result "$([ "${text:-999999}" -lt 102400 ]; echo $?)" text_below_100_KiB
echo "1..$n"
