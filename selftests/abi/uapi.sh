#!/bin/bash
# SPDX-License-Identifier: MIT
# The interface of the kernel is the one in uapi.table: size of every structure,
# offset of every field, value of every constant and ioctl; seen from C and C++,
# 64 and 32 bit. What was published stays; new lines are added with --update.
# usage: selftests/abi/uapi.sh [--update]
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
table=$top/selftests/abi/uapi.table
headers=("$top/uapi/hvcal.h" "$top/uapi/hvcal_codec.h")
: "${CC:=gcc}" "${CXX:=g++}"
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
n=0 bad=0

result() { # STATUS NAME; says what is in $tmp/err
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $n $2"
	else
		head -n 20 "$tmp/err" | sed 's/^/# /'
		echo "not ok $n $2"
		bad=1
	fi
}

# What the headers define, as C expressions.
names() {
	awk '
	{ sub(/\/\*.*\*\//, "") }
	/^struct hvcal_[a-z0-9_]+ \{/ { in_struct = $2; print "sizeof(struct " $2 ")"; next }
	/^enum hvcal_[a-z0-9_]+ \{/ { in_enum = 1; next }
	/^};/ { in_struct = ""; in_enum = 0; next }
	in_struct && /;/ {
		line = $0; sub(/;.*/, "", line); sub(/\[.*/, "", line)
		k = split(line, word, /[ \t]+/)
		print "offsetof(struct " in_struct ", " word[k] ")"
		print "sizeof(((struct " in_struct " *)0)->" word[k] ")"
		next
	}
	in_enum && /^\tHVCAL_/ { name = $1; sub(/[=,].*/, "", name); print name; next }
	/^#define HVCAL_[A-Z0-9_]+[ \t]+[^ \t"]/ { print $2 }
	' "${headers[@]}"
}

includes() {
	printf '#include <stddef.h>\n'
	printf '#include "%s"\n' "${headers[@]}"
}

# Their values, by running a program.
values() {
	{
		includes
		echo '#include <stdio.h>'
		echo 'int main(void) {'
		names | while read -r name; do
			printf 'printf("%%llu %%s\\n", (unsigned long long)(%s), "%s");\n' \
				"$name" "$name"
		done
		echo 'return 0; }'
	} >"$tmp/values.c"
	"$CC" -std=gnu11 -o "$tmp/values" "$tmp/values.c" && "$tmp/values"
}

# The table as assertions: nothing is linked or run, so 32 bit needs no C library.
assertions() {
	includes
	echo '#ifndef __cplusplus'
	echo '#define static_assert _Static_assert'
	echo '#endif'
	while read -r value name; do
		printf 'static_assert((unsigned long long)(%s) == %sULL, "%s is not %s");\n' \
			"$name" "$value" "$name" "$value"
	done <"$table"
}

agrees() { # NAME COMPILER...
	local name=$1
	shift
	"$@" -fsyntax-only "$tmp/assert.c" >/dev/null 2>"$tmp/err"
	result $? "$name"
}

if [ "${1-}" = --update ]; then
	values >"$tmp/table" && mv "$tmp/table" "$table" && wc -l "$table"
	exit
fi

names | sort >"$tmp/have"
cut -d' ' -f2- "$table" | sort >"$tmp/listed"
[ "$(wc -l <"$tmp/have")" -gt 400 ]
status=$?
echo "the headers changed their form: $(wc -l <"$tmp/have") names found" >"$tmp/err"
result $status "$(wc -l <"$tmp/have")_names_found"
diff "$tmp/listed" "$tmp/have" >"$tmp/err"
status=$?
sed -i 's/^</gone from the headers:/; s/^>/not in uapi.table (selftests\/abi\/uapi.sh --update):/' \
	"$tmp/err"
result $status every_name_is_listed

# No hole that the compiler fills: on every machine the same.
awk '
/^struct hvcal_[a-z0-9_]+ \{/ { print "static const struct " $2 " z_" $2 " = { 0 };" }
' "${headers[@]}" >"$tmp/zeroes"
{ includes; cat "$tmp/zeroes"; } >"$tmp/padded.c"
"$CC" -std=gnu11 -Wpadded -Werror=padded -Wno-unused -fsyntax-only "$tmp/padded.c" \
	2>"$tmp/err"
result $? no_implicit_padding

assertions >"$tmp/assert.c"
agrees c_64 "$CC" -std=gnu11
agrees cxx_64 "$CXX" -std=c++17 -x c++
# Without the 32-bit C library the kernel's headers are still where they are.
arch=$("$CC" -print-multiarch)
agrees c_32 "$CC" -std=gnu11 -m32 -isystem "/usr/include/$arch"
agrees cxx_32 "$CXX" -std=c++17 -m32 -x c++ -isystem "/usr/include/$arch"
echo "1..$n"
exit $bad
