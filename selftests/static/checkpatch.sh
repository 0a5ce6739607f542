#!/bin/bash
# SPDX-License-Identifier: MIT
# The kernel's own checkpatch has nothing to say about drivers/ and uapi/. TAP.
set -u
source=$(tools/kernel/fetch 7.2 source | tail -n 1)
n=0

# What does not hold here, by file.
ignored() {
	# The tree is not the kernel's, and kzalloc_obj() is not in 6.1.
	printf FILE_PATH_CHANGES,SPDX_LICENSE_TAG,ALLOC_WITH_SIZEOF
	case $1 in
	uapi/*) printf ,BIT_MACRO ;; # is not for user space
	*_trace.h) printf ,PARENTHESIS_ALIGNMENT,OPEN_ENDED_LINE ;; # TRACE_EVENT()
	*_compat.h) printf ,INDENTED_LABEL,SPACING ;; # takes _Generic for a switch
	*_ioctl.h) printf ,COMPLEX_MACRO ;; # rows of a table
	esac
}

while read -r f; do
	n=$((n + 1))
	if out=$("$source/scripts/checkpatch.pl" --no-tree --strict --terse --no-summary \
		--show-types --ignore "$(ignored "$f")" -f "$f" 2>&1) &&
		[ -z "$out" ]; then
		echo "ok $n $f"
	else
		head -n 20 <<<"$out" | sed 's/^/# /'
		echo "not ok $n $f"
	fi
done < <(git ls-files 'drivers/*.[ch]' 'uapi/*.h')
echo "1..$n"
