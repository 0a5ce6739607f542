#!/bin/bash
# SPDX-License-Identifier: MIT
# All shell scripts pass shellcheck, matters of style aside. TAP.
set -u
n=0
for f in $(git ls-files); do
	[ -f "$f" ] && [ ! -L "$f" ] || continue
	head -n 1 "$f" | grep -qE '^#!.*\b(ba|da)?sh\b' || continue
	n=$((n + 1))
	if out=$(shellcheck -x -S warning "$f" 2>&1); then
		echo "ok $n $f"
	else
		sed 's/^/# /' <<<"$out"
		echo "not ok $n $f"
	fi
done
echo "1..$n"
