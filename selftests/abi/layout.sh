#!/bin/sh
# SPDX-License-Identifier: MIT
# Sizes and offsets of the public structures are those of layout.*.txt, seen
# from C and from C++.
# usage: layout.sh INCLUDE_DIR [--update]
set -u
dir=${1:?usage: layout.sh INCLUDE_DIR [--update]}
here=$(dirname "$0")
: "${CC:=cc}" "${CXX:=c++}"
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
n=0 bad=0

# One line of C for every structure and field of the public headers.
table() {
	# the preprocessor takes the comments away, and with -fpreprocessed no more
	for h in buffer hvcal; do
		"$CC" -fpreprocessed -dD -E -P "$dir/hvcal/$h.h"
	done |
	awk '
	/^typedef struct \{/ { on = 1; n = 0; next }
	on && /^} hvcal_[a-z0-9_]*_t;/ {
		t = $2; sub(/;/, "", t)
		printf "S(%s)\n", t
		for (i = 0; i < n; i++) printf "F(%s, %s)\n", t, f[i]
		on = 0; next
	}
	on && /;/ {
		line = $0; sub(/;.*/, "", line); sub(/\[.*/, "", line)
		k = split(line, w, /[ \t*]+/)
		if (k > 1) f[n++] = w[k]
	}'
}

source_of() {
	cat <<'END'
#include <hvcal/hvcal.h>
#include <stdio.h>
#define S(t) printf("%s %zu\n", #t, sizeof(t));
#define F(t, f) printf("%s.%s %zu\n", #t, #f, offsetof(t, f));
int main(void) {
END
	table
	echo 'return 0; }'
}

check() { # name, list, compiler...
	name=$1 list=$2; shift 2
	n=$((n + 1))
	if ! "$@" -I"$dir" -o "$tmp/t" "$tmp/t.c" 2> "$tmp/err"; then
		echo "not ok $n - $name: does not compile"; head -5 "$tmp/err" | sed 's/^/# /'; bad=1
		return
	fi
	"$tmp/t" > "$tmp/now"
	if [ "$update" ]; then cp "$tmp/now" "$list"; fi
	if diff "$list" "$tmp/now" > "$tmp/diff"; then
		echo "ok $n - $name: $(wc -l < "$list") sizes and offsets"
	else
		echo "not ok $n - $name: layout differs (< list, > now)"
		grep '^[<>]' "$tmp/diff" | sed 's/^/# /'; bad=1
	fi
}

update=${2-}
source_of > "$tmp/t.c"
count=$(grep -c '^F(' "$tmp/t.c")
echo 1..4
n=1
if [ "$count" -gt 150 ]; then
	echo "ok 1 - $count fields found in the headers"
else
	echo "not ok 1 - only $count fields found: the headers changed their form"; bad=1
fi
if [ "$(printf '__SIZEOF_POINTER__\n' | "$CC" -E -P -x c - | tail -1)" = 8 ]; then
	check "C, 64 bit" "$here/layout.64.txt" "$CC" -std=c11
	check "C++, 64 bit" "$here/layout.64.txt" "$CXX" -std=c++17 -x c++
else
	n=3
	echo "ok 2 # SKIP not a 64 bit compiler"; echo "ok 3 # SKIP not a 64 bit compiler"
fi
if printf '#include <stdio.h>\nint main(void) { return 0; }\n' |
	"$CC" -m32 -x c -o "$tmp/m32" - 2> /dev/null; then
	if [ -e "$here/layout.32.txt" ] || [ "$update" ]; then
		check "C, 32 bit" "$here/layout.32.txt" "$CC" -std=c11 -m32
	else
		echo "ok 4 # SKIP no 32 bit list yet: run layout.sh $dir --update"
	fi
else
	echo "ok 4 # SKIP no 32 bit compiler (gcc-multilib)"
fi
exit $bad
