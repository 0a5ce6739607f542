# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Make an unpacked Debian headers tree work where it lies, on this machine.
# Needs cache.sh and $top.
# shellcheck disable=SC2154

# headers_relocate KDIR: no path in its Makefile may name the host's /usr/src.
headers_relocate() {
	local mk=$1/Makefile

	# shellcheck disable=SC2016 # $(...) is make's
	{
		echo 'hvcal_src := $(abspath $(dir $(lastword $(MAKEFILE_LIST)))..)'
		sed 's,/usr/src/,$(hvcal_src)/,g' "$mk"
	} >"$mk.new"
	mv "$mk.new" "$mk"
}

# headers_compiler KDIR: if the packages' compiler is missing, use the host's,
# and take back the config's claims about a compiler that the host's is not.
headers_compiler() {
	local kdir=$1 vars=$1/.kernelvariables named cc

	named=$(sed -n 's/^CC = .*)\(gcc-[0-9]*\)$/\1/p' "$vars")
	if [ -z "$named" ] || command -v "$named" >/dev/null; then
		return 0
	fi
	cc=${HVCAL_KERNEL_CC:-gcc}
	"$top/tools/lib/apt-need" gcc
	say "$named is not here: the headers will use $cc"
	sed -i "s|^CC = .*|CC = $cc|" "$vars"

	cc_has "$cc" 'struct s { int n; int a[] __attribute__((counted_by(n))); };' ||
		config_off "$kdir" CC_HAS_COUNTED_BY
	cc_has "$cc" 'struct s { int n; int *a __attribute__((counted_by(n))); };' ||
		config_off "$kdir" CC_HAS_COUNTED_BY_PTR
	cc_has "$cc" 'char a[][2] __attribute__((nonstring)) = { "ab" };' ||
		config_off "$kdir" CC_HAS_MULTIDIMENSIONAL_NONSTRING
	cc_has "$cc" 'void f(int x) { __attribute__((assume(x > 0))); }' ||
		config_off "$kdir" CC_HAS_ASSUME
	cc_has "$cc" 'int f(int __seg_gs *p) { return *p; }' ||
		config_off "$kdir" CC_HAS_NAMED_AS
	cc_has "$cc" 'int x;' -fmin-function-alignment=8 ||
		config_off "$kdir" CC_HAS_MIN_FUNCTION_ALIGNMENT
}

# headers_btf KDIR: a pahole older than the kernel's does not know the options
# that kbuild gives it.  Without the base vmlinux kbuild leaves module BTF out.
# (Taking it out of the config would change the layout of struct module.)
headers_btf() {
	local kdir=$1 theirs ours

	theirs=$(sed -n 's/^CONFIG_PAHOLE_VERSION=//p' "$kdir/.config")
	ours=$(pahole --numeric_version 2>/dev/null || echo 0)
	if [ -e "$kdir/vmlinux" ] && [ "$ours" -lt "${theirs:-0}" ]; then
		say "pahole $ours is older than the kernel's $theirs: no module BTF"
		rm "$kdir/vmlinux"
	fi
}

# cc_has CC CODE [FLAG...]
cc_has() {
	printf '%s\n' "$2" |
		"$1" -Werror -Wall -Wno-missing-prototypes "${@:3}" \
			-S -o /dev/null -x c - 2>/dev/null
}

# config_off KDIR OPTION: forget a boolean in all that kbuild reads.
config_off() {
	say "config: $2 is off for this compiler"
	sed -i "/^CONFIG_$2=/d" "$1/include/config/auto.conf" "$1/.config"
	sed -i "/^#define CONFIG_$2 /d" "$1/include/generated/autoconf.h"
}

# kbuild_needs_libc ROOT: true if the host's C library is too old for a tool.
kbuild_needs_libc() {
	local tool

	while read -r tool; do
		! lacks_libs "$tool" || return 0
	done < <(kbuild_programs "$1")
	return 1
}

lacks_libs() { [[ $(ldd "$1" 2>&1) == *"not found"* ]]; }

# kbuild_programs ROOT: the ELF programs among kbuild's tools.
kbuild_programs() {
	local f

	find "$1"/usr/lib/linux-kbuild-* -type f -perm -u+x -print |
	while read -r f; do
		if [ "$(head -c 4 "$f" | tail -c 3)" = ELF ]; then
			echo "$f"
		fi
	done
}

# kbuild_use_libc ROOT: run the tools that need it with the C library
# unpacked below ROOT/sysroot.  $0 is a path for all that kbuild calls.
kbuild_use_libc() {
	local root=$1 tool up

	while read -r tool; do
		lacks_libs "$tool" || continue
		mv "$tool" "$tool.elf"
		up=$(realpath --relative-to="${tool%/*}" "$root/sysroot/usr/lib")
		cat >"$tool" <<-EOF
		#!/bin/sh
		d=\${0%/*}
		l=\$d/$up/x86_64-linux-gnu
		exec "\$l/ld-linux-x86-64.so.2" --argv0 "\$0" \\
			--library-path "\$l" "\$d/${tool##*/}.elf" "\$@"
		EOF
		chmod 755 "$tool"
	done < <(kbuild_programs "$root")
}
