#!/bin/bash
# SPDX-License-Identifier: MIT
# Does tools/uml do what it says?  TAP; boots a guest per test.  The first run
# on a machine builds the kernel.
set -uo pipefail

top=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
uml=$top/tools/uml/hvcal-uml
passed=0 failed=0 number=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# check NAME COMMAND...: one test.
check() {
	local name=$1

	shift
	number=$((number + 1))
	if "$@" >"$work/log" 2>&1; then
		passed=$((passed + 1))
		echo "ok $number - $name"
	else
		failed=$((failed + 1))
		echo "not ok $number - $name"
		sed 's/^/# /' "$work/log"
	fi
}

# run WANT OPTION... -- COMMAND...: output in $work/out and err.
run() {
	local want=$1 got=0

	shift
	"$uml" --timeout 60 "$@" >"$work/out" 2>"$work/err" || got=$?
	[ "$got" -eq "$want" ] && return
	echo "status $got, not $want"
	head -n 40 "$work/out" "$work/err"
	return 1
}

same() { [ "$(cat "$1")" = "$2" ] || { echo "not $2:"; head "$1"; return 1; }; }

exit_status() { run 42 -- sh -c 'exit 42' && run 0 -- true; }

output() {
	# shellcheck disable=SC2016 # expanded in the guest
	run 0 --env 'V=a b' -- sh -c 'echo "out $V $1"; echo err >&2' - 'c  d' &&
		same "$work/out" 'out a b c  d' && same "$work/err" err
}

# Not a byte may change or be lost, newlines and zeroes included.
bulk() {
	run 0 -- sh -c 'seq 1 1000000; head -c 5000000 /dev/zero' &&
	{ seq 1 1000000; head -c 5000000 /dev/zero; } | cmp - "$work/out"
}

streaming() {
	local first began=$SECONDS

	first=$("$uml" --timeout 60 -- sh -c 'echo early; sleep 20' | {
		read -r line
		echo "$line $((SECONDS - began))"
	})
	echo "$first"
	[[ $first =~ ^early\ ([0-9]|1[0-9])$ ]]
}

cwd() {
	(cd "$top/selftests" && run 0 -- pwd) &&
		same "$work/out" "$top/selftests" &&
		(cd "$work" && run 0 -- sh -c 'pwd; ! touch x 2>/dev/null') &&
		same "$work/out" "$work"
}

root_is_readonly() {
	# shellcheck disable=SC2016 # expanded in the guest
	run 0 -- sh -c 'for d in / /usr /root "$1"; do
		! touch "$d/hvcal-uml-test" 2>/dev/null || exit 1; done
		touch /tmp/x /run/x /var/tmp/x /dev/shm/x' - "$top" &&
		[ ! -e "$top/hvcal-uml-test" ]
}

rw_dir() {
	mkdir -p "$work/rw dir"
	echo in >"$work/rw dir/a"
	# shellcheck disable=SC2016 # expanded in the guest
	run 0 --rw "$work/rw dir" -- sh -c 'cat "$1/a"; echo out >"$1/b"
		head -c 3000000 /dev/zero >"$1/c"' - "$work/rw dir" &&
		same "$work/out" in && same "$work/rw dir/b" out &&
		[ "$(stat -c %s "$work/rw dir/c")" -eq 3000000 ]
}

timed_out() {
	local began=$SECONDS

	run 124 --timeout 5 -- sh -c 'echo before; sleep 100' &&
		same "$work/out" before && [ $((SECONDS - began)) -lt 15 ]
}

panicked() {
	run 126 --mem 256 --keep-log "$work/klog" -- \
		sh -c 'echo 2 >/proc/sys/vm/panic_on_oom; tail /dev/zero' &&
		grep -q 'Kernel panic' "$work/klog"
}

splat() {
	run 126 --keep-log "$work/klog" -- \
		sh -c 'echo "WARNING: a test" >/dev/kmsg' &&
		grep -q 'WARNING: a test' "$work/klog"
}

runner_failure() {
	run 125 --module /nonexistent.ko -- true && run 125 --cpus 99 -- true &&
		run 127 -- /nonexistent
}

no_leftovers() {
	mkdir -p "$work/t"
	TMPDIR=$work/t run 124 --timeout 3 -- sleep 50 || return
	[ -z "$(ls "$work/t")" ] && ! pgrep -f "$work/t/"
}

devices() {
	run 0 -- sh -c 'ls /dev/udmabuf /dev/dma_heap/system /dev/dri/card0 \
		/dev/video0 /sys/kernel/debug/sync/sw_sync \
		/sys/kernel/tracing/events /sys/kernel/debug/kunit'
}

cpus() { run 0 --cpus 2 -- nproc && same "$work/out" 2; }

"$top/tools/uml/build" >/dev/null || { echo "Bail out! no kernel"; exit 1; }
check "exit status" exit_status
check "output, errors, arguments, environment" output
check "12 MB of output arrive unchanged" bulk
check "output is not held back" streaming
check "working directory, also below /tmp" cwd
check "root is read-only, the tmpfs are not" root_is_readonly
check "--rw directory" rw_dir
check "--cpus" cpus
check "devices of the test kernel" devices
check "time-out" timed_out
check "panic" panicked
check "splat" splat
check "the runner's own failures" runner_failure
check "nothing is left running" no_leftovers
# shellcheck source=selftests/vm/uml_kunit.sh
. "$top/selftests/vm/uml_kunit.sh"

echo "1..$number"
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
