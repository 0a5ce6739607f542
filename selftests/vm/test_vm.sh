#!/bin/bash
# SPDX-License-Identifier: MIT
# Test the virtual machine runner.  Usage: test_vm.sh [KVER...]
set -u

top=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
vm=$top/tools/vm/hvcal-vm
[ $# -gt 0 ] || set -- 6.12 6.1
kvers=("$@")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0 count=0

# check NAME CONDITION...: one TAP line; what the run said, if it is false.
check() {
	local name="$kver: $1"

	shift
	count=$((count + 1))
	if "$@"; then
		passed=$((passed + 1))
		echo "ok $count - $name"
	else
		failed=$((failed + 1))
		echo "not ok $count - $name"
		echo "# status $status"
		sed 's/^/# out: /' "$work/out"
		sed 's/^/# err: /' "$work/err"
	fi
}

# run ARGS...: into $status, $work/out and $work/err.
run() {
	"$vm" --kernel "$kver" "$@" >"$work/out" 2>"$work/err"
	status=$?
}

ended() { [ "$status" -eq "$1" ]; }
out_is() { [ "$(cat "$work/out")" = "$1" ]; }
err_has() { grep -q "$1" "$work/err"; }

# broken_module: a file that insmod refuses.
echo "this is no module" >"$work/broken.ko"
mkdir "$work/rw"
cp "$0" "$work/script"

for kver in "${kvers[@]}"; do
	run -- true
	check "status 0" ended 0

	run -- sh -c 'echo "to out"; echo "to err" >&2; exit 3'
	check "status 3" ended 3
	check "standard output" out_is "to out"
	check "standard error" err_has "^to err$"

	# shellcheck disable=SC2016 # for the shell in the machine
	run --env "A=it's \$x" -- sh -c 'echo "$A|$1|$2|$PWD"' - 'a  b' "c'd"
	check "arguments, environment, directory" \
		out_is "it's \$x|a  b|c'd|$(pwd -P)"

	run -- uname -r
	check "a $kver kernel" grep -q "^${kver}[.]" "$work/out"

	run --rw "$work/rw" -- sh -c "echo hello >'$work/rw/file' &&
		! echo no 2>/dev/null >'$top/hvcal-vm-test' &&
		echo yes >/tmp/yes && ip link show lo | grep -q UP"
	check "read-only root, writable directory, tmpfs, loopback" ended 0
	check "the host sees what was written" \
		grep -qx hello "$work/rw/file"
	rm -f "$work/rw/file"

	run --ro "$work" -- cmp "$work/script" "$0"
	check "a kept directory below /tmp" ended 0

	run -- sh -c 'seq 200000'
	check "much output" [ "$(seq 200000 | cksum)" = "$(cksum <"$work/out")" ]

	run --timeout 20 -- sleep 1000
	check "time-out is 124" ended 124

	"$vm" --kernel "$kver" --append "hvcal_test=$$" -- sh -c 'echo up; exec sleep 1000' \
		>"$work/out" 2>"$work/err" &
	runner=$!
	until grep -q up "$work/out" || ! kill -0 $runner; do sleep 0.2; done
	kill $runner
	wait $runner
	status=$?
	check "a terminated run is 143" ended 143
	# shellcheck disable=SC2009 # the arguments matter
	check "and its machine is gone" \
		[ -z "$(ps -eo args | grep "[h]vcal_test=$$")" ]

	run --modprobe vgem -- test -d /sys/module/vgem
	check "a module of the kernel's own" ended 0

	run --modprobe hvcal_no_such -- true
	check "a module that the kernel lacks is 125" ended 125
	check "and named" err_has "has no hvcal_no_such"

	run --module "$work/broken.ko" -- true
	check "a bad module is 125" ended 125
	check "a bad module is named" err_has "cannot insert module broken.ko"

	run -- sh -c 'echo "<1>BUG: not really" >/dev/kmsg'
	check "a kernel complaint is 126" ended 126
	run --allow-splat -- sh -c 'echo "<1>BUG: not really" >/dev/kmsg; exit 7'
	check "unless it is allowed" ended 7

	run --append rdinit=/none -- true
	check "a crash at boot is 126" ended 126
	check "after two more attempts" err_has "(2 of 2)"
	check "and said to be one" err_has "before the command"

	run -- sh -c 'echo c >/proc/sysrq-trigger'
	check "a crash is 126" ended 126
	check "a crash is shown" err_has "Kernel panic"
	check "a crash is not tried again" [ "$(grep -c again "$work/err")" = 0 ]
done

echo "1..$count"
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
