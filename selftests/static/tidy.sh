#!/bin/bash
# SPDX-License-Identifier: MIT
# clang-tidy has nothing to say about library, engines and tools (.clang-tidy). TAP.
set -u
mapfile -t files < <(git ls-files 'lib/*.c' 'tools/*.c')
i=0
check() {
	local out simd=() policy=()
	case $1 in
	# which headers, for what the older ones lack
	lib/engines/nvenc/*) policy=(-isystem "$(tools/nvenc-headers)") ;;
	# the shims of kernel headers would hide limits.h and its like from others
	tools/sim/*) policy=(-isystem tools/sim/shim -isystem drivers/hvcal -isystem uapi) ;;
	*_avx2.c) simd=(-mavx2) ;;
	*_avx512.c) simd=(-mavx512f -mavx512bw) ;;
	esac
	out=$(clang-tidy --quiet "$1" -- "${simd[@]}" -std=c11 -D_GNU_SOURCE '-DHVCAL_VERSION="0"' \
		'-DHVCAL_ENGINE_DIR="/"' -Ilib/include -Ilib/src \
		"${policy[@]}" 2>/dev/null)
	if grep -qE 'warning:|error:' <<<"$out"; then
		echo "$out" | sed 's/^/# /'
		echo "not ok $2 $1"
	else
		echo "ok $2 $1"
	fi
}
export -f check
for f in "${files[@]}"; do
	i=$((i + 1))
	printf '%s\0%s\0' "$f" "$i"
done | xargs -0 -n 2 -P "$(nproc)" bash -c 'check "$@"' _
echo "1..${#files[@]}"
