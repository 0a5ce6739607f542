#!/bin/bash
# SPDX-License-Identifier: MIT
# The service is locked up as far as systemd can, but for what vendor drivers need:
# their device nodes, memory that is written and run, all of /proc. TAP.
set -u
if ! systemd-analyze --version >/dev/null 2>&1; then
	echo "1..0 # SKIP no systemd-analyze"
	exit 4
fi
# in_set SET CALL: named there, or in a set that is
in_set() {
	local entry
	for entry in $(systemd-analyze syscall-filter "$1" | sed '1d; s/#.*//'); do
		case $entry in
		"$2") return 0 ;;
		@*) in_set "$entry" "$2" && return 0 ;;
		esac
	done
	return 1
}

# allowed CALL: by the SystemCallFilter= lines, the later one wins
allowed() {
	local verdict=1 entry
	while read -r entry; do
		case $entry in
		"$1") verdict=0 ;;
		~@*) ! in_set "${entry#\~}" "$1" || verdict=1 ;;
		@*) ! in_set "$entry" "$1" || verdict=0 ;;
		esac
	done < <(sed -n 's/^SystemCallFilter=//p' tools/hvcald/hvcald.service | tr ' ' '\n')
	return $verdict
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sed 's|@sbindir@/hvcald|/bin/true|' tools/hvcald/hvcald.service >"$work/hvcald.service"
echo "TAP version 13"

# Exposure 1.5 of 10 is the limit; a daemon without any of this has 9.2.
if systemd-analyze security --offline=true --threshold=15 "$work/hvcald.service" \
	>"$work/security" 2>&1; then
	echo "ok 1 - exposure"
else
	echo "not ok 1 - exposure"
	grep -E '^✗|^→' "$work/security" | sed 's/^/# /'
fi
sed -n 's/^→ */# /p' "$work/security"
# complaints about the file name it and a line; users that are not there are no fault of it
systemd-analyze verify --man=no "$work/hvcald.service" >"$work/verify" 2>&1
if grep -E 'hvcald\.service:[0-9]+:' "$work/verify" | sed 's/^/# /' | grep .; then
	echo "not ok 2 - systemd understands every line"
else
	echo "ok 2 - systemd understands every line"
fi
# what libseccomp and libcap-ng call in a worker
missing=
for call in landlock_create_ruleset landlock_add_rule landlock_restrict_self \
	seccomp prctl capset prlimit64 setpriority clone futex; do
	allowed "$call" || missing="$missing $call"
done
[ -z "$missing" ] || echo "# not allowed:$missing"
[ -z "$missing" ] && echo "ok 3 - a worker can lock itself in" ||
	echo "not ok 3 - a worker can lock itself in"
echo "1..3"
