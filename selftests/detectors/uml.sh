#!/bin/bash
# SPDX-License-Identifier: MIT
# Is each detector of a UML test kernel awake, and does the runner hear it?
# usage: selftests/detectors/uml.sh BUILD-DIR plain|debug|kasan
# TAP. A guest for every deliberate fault of hvcal_detect.ko, because most
# detectors report once: the guest must end as one whose kernel complained, and
# with the complaint that belongs to the fault.
set -uo pipefail

top=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
build=${1:?usage: uml.sh BUILD-DIR plain|debug|kasan}
variant=${2:?usage: uml.sh BUILD-DIR plain|debug|kasan}
number=0 failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# FAULT|what the kernel must say, as an extended regular expression
faults_plain='
warn|WARNING: .*hvcal_detect
null|Kernel panic|Oops
list|list_add double add
refcount|refcount_t: decrement hit 0
'
faults_debug='
warn|WARNING: .*hvcal_detect
lock_order|possible circular locking dependency
fence_alloc|possible circular locking dependency
atomic_sleep|sleeping function called from invalid context
rcu|suspicious RCU usage
object|ODEBUG: free active
leak|kmemleak: [1-9][0-9]* new suspected memory leaks
'
faults_kasan='
warn|WARNING: .*hvcal_detect
use_after_free|KASAN: slab-use-after-free in fault_use_after_free
out_of_bounds|KASAN: slab-out-of-bounds in fault_out_of_bounds
vmalloc|KASAN: vmalloc-out-of-bounds in fault_vmalloc
double_free|KASAN: double-free in fault_double_free
shift|UBSAN: shift-out-of-bounds
index|UBSAN: array-index-out-of-bounds
'

# result NAME STATUS: its diagnostics are in $work/err.
result() {
	number=$((number + 1))
	if [ "$2" -eq 0 ]; then
		echo "ok $number - $variant.$1"
		return
	fi
	failed=$((failed + 1))
	sed 's/^/# /' "$work/err" | head -n 40
	echo "not ok $number - $variant.$1"
}

# guest FAULT [OPTION...]: its status; what the kernel said is in $work/err.
guest() {
	local fault=$1 script='sleep 1'

	shift
	[ "$fault" = none ] ||
		script="echo $fault >/sys/kernel/debug/hvcal-detect; $script"
	"$top/tools/uml/hvcal-uml" --variant "$variant" --timeout 120 \
		--module "$ko" "$@" -- sh -c "$script" >/dev/null 2>"$work/err"
}

# complains FAULT PATTERN
complains() {
	local status=0 options=()

	[ "$1" != leak ] || options=(--leaks)
	guest "$1" "${options[@]}" || status=$?
	[ "$status" -eq 126 ] || {
		echo "the runner's status was $status, not 126" >>"$work/err"
		return 1
	}
	grep -qE "$2" "$work/err" || {
		echo "the kernel did not say: $2" >>"$work/err"
		return 1
	}
}

module() {
	local dir=$build/detectors-$variant kdir

	kdir=$("$top/tools/uml/build" --variant "$variant" 2>/dev/null | tail -n 1)
	[ -e "$kdir/linux" ] || return 1
	mkdir -p "$dir"
	cp -u "$top/selftests/detectors/Kbuild" \
		"$top/selftests/detectors/hvcal_detect.c" "$dir"
	make -C "$kdir" ARCH=um M="$(realpath "$dir")" modules >"$work/err" 2>&1
	ko=$dir/hvcal_detect.ko
	[ -e "$ko" ]
}

case $variant in
plain) faults=$faults_plain ;;
debug) faults=$faults_debug ;;
kasan) faults=$faults_kasan ;;
*) echo "unknown variant $variant" >&2; exit 2 ;;
esac

echo "TAP version 13"
if ! module; then
	result module 1
	echo "1..$number"
	exit 1
fi
# A kernel that complains without reason would pass all that follows.
guest none
result quiet $?
if [ "$variant" = debug ]; then
	guest none --leaks
	result quiet_leaks $?
fi
while IFS='|' read -r fault pattern; do
	[ -n "$fault" ] || continue
	complains "$fault" "$pattern"
	result "$fault" $?
done <<<"$faults"
echo "1..$number"
[ "$failed" -eq 0 ]
