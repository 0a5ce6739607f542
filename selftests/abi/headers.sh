#!/bin/sh
# SPDX-License-Identifier: MIT
# Every public header compiles alone, as C11 and as C++17, without a warning.
# usage: headers.sh INCLUDE_DIR
set -u
dir=${1:?usage: headers.sh INCLUDE_DIR}
: "${CC:=cc}" "${CXX:=c++}"
warn="-Wall -Wextra -Wpedantic -Werror"
n=0 bad=0

check() { # name, compiler command..., the header to include is in $h
	name=$1; shift
	n=$((n + 1))
	if out=$(printf '#include <hvcal/%s>\n%s\n' "$h" "$more" | "$@" -I"$dir" -fsyntax-only - 2>&1); then
		echo "ok $n - $h as $name"
	else
		bad=1
		echo "not ok $n - $h as $name"
		echo "$out" | sed 's/^/# /'
	fi
}

set -- "$dir"/hvcal/*.h "$dir"/hvcal/uapi/*.h
echo "1..$(($# * 2 + 2))"
more='int hvcal_header_test;'
for path; do
	h=${path#"$dir"/hvcal/}
	check C11 "$CC" -std=c11 $warn -x c
	check C++17 "$CXX" -std=c++17 $warn -x c++
done
# together, in the order that hurts most
h=uapi/hvcal.h
more='#include <hvcal/hvcal.h>
#include <hvcal/engine.h>'
check "C11 with all" "$CC" -std=c11 $warn -x c
check "C++17 with all" "$CXX" -std=c++17 $warn -x c++
exit $bad
