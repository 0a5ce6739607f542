#!/bin/bash
# SPDX-License-Identifier: MIT
# sparse has nothing to say about the module on 6.12. TAP.
set -u
log=$(mktemp); trap 'rm -f "$log"' EXIT
kdir=$(tools/kernel/fetch 6.12 headers | tail -n 1)
# C=2 checks every file, also those that are not compiled again.
make --no-print-directory module KDIR="$kdir" MODULE_DIR=build/module-sparse \
	MODULE_ARGS=C=2 >"$log" 2>&1
status=$?
checked=$(grep -c '^  CHECK ' "$log")
# said of the toolchain of the kernel package, not of our code
said=$(grep -E 'warning:|error:' "$log" | grep -vE 'pahole version|compiler differs')
if [ "$status" -eq 0 ] && [ -z "$said" ] && [ "$checked" -gt 0 ]; then
	echo "ok 1 sparse_of_${checked}_files"
else
	{ [ "$status" -eq 0 ] || tail -n 10 "$log"; head -n 20 <<<"$said"; } | sed 's/^/# /'
	echo "not ok 1 sparse_of_${checked}_files"
fi
echo 1..1
