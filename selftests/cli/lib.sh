# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What the suites of the command share.  Sourced from the repository root.
#
# B is the build directory; each suite works in a directory of its own below
# it, which is there (and writable) in a virtual machine too.

B=${B:-build}
cli_top=$PWD
cli=$cli_top/$B/tools/hvcal/hvcal
export HVCAL_ENGINE_PATH=$cli_top/$B/lib/engines
unset HVCAL_BACKEND

# Said once by the library whenever it runs engines in the process.
direct_note='direct mode: no /dev/hvcal'

tap_number=0
tap_failed=0

# tap_plan NAME: set up a directory, leave the work to be undone at exit.
tap_begin() {
	work=$cli_top/$B/selftests/cli/$1
	rm -rf "$work"
	mkdir -p "$work"
	cd "$work" || exit 1
	echo "TAP version 13"
}

tap_end() {
	cd "$cli_top" || exit 1
	[ "$tap_failed" = 0 ] && rm -rf "$work"
	echo "1..$tap_number"
	[ "$tap_failed" = 0 ]
}

tap_skip_all() { echo "1..0 # SKIP $*"; exit 0; }

ok() { tap_number=$((tap_number + 1)); echo "ok $tap_number - $*"; }

not_ok() {
	tap_number=$((tap_number + 1))
	tap_failed=1
	echo "not ok $tap_number - $*"
}

skip() { tap_number=$((tap_number + 1)); echo "ok $tap_number - $1 # SKIP $2"; }

# check NAME CONDITION...: run a command, and count its success.
check() {
	local name=$1
	shift
	if "$@"; then ok "$name"; else not_ok "$name"; fi
}

# run COMMAND...: leaves status, and the files out and err.
run() {
	status=0
	"$@" >out 2>err </dev/null || status=$?
}

show() { sed 's/^/# /' err | head -n 5; }

# no_output NAME: neither the file nor a part of it is there.
no_output() { [ ! -e "$1" ] && [ ! -e "$1.part" ]; }

# refuses NAME STATUS PATTERN -- ARGUMENT...: hvcal fails with this status, one
# line that has the pattern, and no output.  o.* is where outputs are put.
refuses() {
	local name=$1 want=$2 pattern=$3
	shift 4
	rm -f o.* o-*
	run timeout 300 "$cli" "$@"
	refused "$name" "$want" "$pattern"
}

# refused NAME STATUS PATTERN: the same of a run that was.
refused() {
	local name=$1 want=$2 pattern=$3 lines left
	lines=$(grep -vc "$direct_note" err)
	left=$(find . -maxdepth 1 -name 'o[.-]*' | tr '\n' ' ')
	if [ "$status" = "$want" ] && [ "$lines" = 1 ] && [ -z "$left" ] &&
		grep -q '^hvcal: ' err && grep -qi -- "$pattern" err; then
		ok "$name"
	else
		not_ok "$name"
		echo "# status $status (want $want), $lines lines, left: $left"
		show
	fi
}

# json KEY-EXPRESSION FILE: a value out of JSON, by a Python expression on j.
json() {
	python3 -c 'import json, sys
j = json.load(open(sys.argv[2]))
print(eval(sys.argv[1]))' "$1" "$2"
}

# count FILE: pictures that a decoder finds in it.
count() {
	ffprobe -v error -select_streams v -count_frames \
		-show_entries stream=nb_read_frames -of csv=p=0 "$1" | head -n 1
}

# times FILE: presentation times of its packets, one a line, sorted.
times() {
	ffprobe -v error -select_streams v -show_entries packet=pts_time \
		-of csv=p=0 "$1" | tr -d ',' | sort -n
}

have_engine() { [ -e "$HVCAL_ENGINE_PATH/hvcal-engine-$1.so" ]; }

need() {
	command -v "$1" >/dev/null || tap_skip_all "$1 is not installed"
}

# wait_for SECONDS COMMAND...: until it succeeds; so long at least, and KS_SCALE times
# on slow machines
wait_for() {
	local n=$(($1 * 20 * ${KS_SCALE:-1}))
	shift
	until "$@"; do
		n=$((n - 1))
		[ "$n" -gt 0 ] || return 1
		sleep 0.05
	done
}

# same A B: like [ A = B ], and says so if not.
same() {
	[ "$1" = "$2" ] && return
	echo "# '$1' is not '$2'"
	return 1
}

# at_least A B, for numbers with a point
at_least() {
	awk -v a="$1" -v b="$2" 'BEGIN { exit !(a >= b) }' && return
	echo "# $1 is less than $2"
	return 1
}
