#!/bin/sh
# SPDX-License-Identifier: MIT
# libhvcal and hvcald with the null engine on the loaded module. TAP.
# usage: vm_client.sh BUILD_DIR
set -u
b=${1:?usage: vm_client.sh BUILD_DIR}
d=$b/tools/hvcald/hvcald
[ -x "$d" ] || { echo "Bail out! $d is not built: run make"; exit 1; }
[ -e /dev/hvcal-provider ] || { echo "Bail out! the module is not loaded: modprobe hvcal"; exit 1; }
log=$(mktemp)
"$d" --engine-path "$b/lib/engines" --engines null > "$log" 2>&1 &
pid=$!
trap 'kill $pid 2> /dev/null; rm -f "$log"' EXIT
"$b/selftests/unit/vm_client" null
rc=$?
[ $rc -eq 0 ] || sed 's/^/# hvcald: /' "$log"
exit $rc
