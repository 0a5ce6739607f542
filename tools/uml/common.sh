# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What the UML tools share.  $top is the repository's root.
# shellcheck disable=SC2034,SC2154 # set or used by those who source this file

uml_kver=7.2
uml_dir=$top/tools/uml
uml_cache=${HVCAL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hvcal}/uml

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

# uml_fragments VARIANT: the Kconfig fragments of VARIANT, the later one wins.
uml_fragments() {
	echo "$uml_dir/config"
	[ "$1" = plain ] || echo "$uml_dir/config.$1"
}

uml_check_variant() {
	case $1 in
	plain | debug | kasan | gcov) return 0 ;;
	esac
	say "unknown variant $1 (plain, debug, kasan or gcov)"
	return 1
}
