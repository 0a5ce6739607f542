#!/bin/sh
# SPDX-License-Identifier: MIT
# A bounded run of the rate control fuzzer, as TAP.
# usage: fuzz.sh BUILD_DIR RUNS
set -u
b=${1:?usage: fuzz.sh BUILD_DIR RUNS}
runs=${2:?usage: fuzz.sh BUILD_DIR RUNS}
echo 1..1
log=$b/selftests/rc/fuzz.log
mkdir -p "$b/selftests/rc"
if make -s B="$b" "$b/selftests/rc/fuzz_rc" >"$log" 2>&1 &&
	"$b/selftests/rc/fuzz_rc" -runs="$runs" -max_len=4096 -seed=1 \
		-artifact_prefix="$b/selftests/rc/" >>"$log" 2>&1; then
	echo "ok 1 $runs inputs"
else
	tail -n 20 "$log" | sed 's/^/# /'
	echo "not ok 1 $runs inputs (all of it is in $log)"
	exit 1
fi
