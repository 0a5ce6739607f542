#!/bin/bash
# SPDX-License-Identifier: MIT
# Every file says its licence, and the right one for where it is. TAP.
set -u
n=0
check() { # OK NAME
	n=$((n + 1))
	[ "$1" -eq 0 ] && echo "ok $n $2" || echo "not ok $n $2"
}
# Files that cannot carry a comment: data, and tables that tests compare with.
bare='\.(json|symbols|table|txt|y4m)$|^\.gitignore$'
missing=$(git ls-files | grep -vE "$bare" | while read -r f; do
	[ -L "$f" ] || head -n 12 "$f" | grep -q 'SPDX-License-Identifier:' || echo "$f"
done)
[ -z "$missing" ] || sed 's/^/# no licence: /' <<<"$missing"
check "$([ -z "$missing" ]; echo $?)" every_file_says_its_licence
wrong=$(git ls-files 'drivers/*.[ch]' | xargs grep -LE 'SPDX-License-Identifier: GPL-2\.0( \*/)?$' --)
[ -z "$wrong" ] || sed 's/^/# not GPL-2.0: /' <<<"$wrong"
check "$([ -z "$wrong" ]; echo $?)" kernel_code_is_gpl_2
wrong=$(git ls-files 'uapi/*.h' | xargs grep -L 'GPL-2.0 WITH Linux-syscall-note' --)
check "$([ -z "$wrong" ]; echo $?)" uapi_has_the_syscall_note
wrong=$(git ls-files lib/src lib/include lib/provider | while read -r f; do
	[ -L "$f" ] || grep -L 'SPDX-License-Identifier: MIT' "$f"; done)
[ -z "$wrong" ] || sed 's/^/# not MIT: /' <<<"$wrong"
check "$([ -z "$wrong" ]; echo $?)" library_is_mit
echo "1..$n"
