#!/bin/bash
# SPDX-License-Identifier: MIT
# Man pages format without a warning and name every long option of --help, and each
# member of hvcal encode's report. TAP.
set -u
n=0
result() {
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then echo "ok $n $2"; else echo "not ok $n $2"; fi
}
# options PAGE COMMAND...: those of --help that the page does not have
options() {
	local page=$1 missing
	shift
	missing=$("$@" --help 2>&1 | grep -oE -- '--[a-z][a-z0-9-]+' | sort -u |
		while read -r o; do grep -qF -- "${o//-/\\-}" "$page" || echo "$o"; done)
	[ -z "$missing" ] || printf '# missing: %s\n' "$missing"
	result "$([ -z "$missing" ]; echo $?)" "options_of_${page##*/}"
}
for page in Documentation/man/*.[18]; do
	said=$(groff -man -Tutf8 -ww "$page" 2>&1 >/dev/null)
	[ -z "$said" ] || printf '# %s\n' "$said"
	result "$([ -z "$said" ]; echo $?)" "format_of_${page##*/}"
done
b=${B:-build}
options Documentation/man/hvcald.8 "$b/tools/hvcald/hvcald"
options Documentation/man/hvcal-info.1 "$b/tools/hvcal/hvcal" info
options Documentation/man/hvcal-encode.1 "$b/tools/hvcal/hvcal" encode
options Documentation/man/hvcal-bench.1 "$b/tools/hvcal/hvcal" bench
page=Documentation/man/hvcal-encode.1
missing=$(grep -oE 'json_object_object_add\((root|to), "[a-z0-9_]+"' tools/hvcal/summary.c |
	cut -d'"' -f2 | sort -u | while read -r key; do
		sed -n '/^.SH REPORT/,/^.SH EXIT/p' "$page" | grep -qw -- "$key" || echo "$key"
	done)
[ -z "$missing" ] || printf '# missing: %s\n' "$missing"
result "$([ -z "$missing" ]; echo $?)" "report_of_${page##*/}"
echo "1..$n"
