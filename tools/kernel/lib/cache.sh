# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Cache directory and small helpers for the tools that keep things in it.

hvcal_cache=${HVCAL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hvcal}

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { say "$*"; exit 1; }

# cache_lock FILE: hold FILE locked until this process ends.
cache_lock() {
	local fd

	mkdir -p "${1%/*}"
	exec {fd}>"$1"
	if ! flock -n "$fd"; then
		say "waiting for another run to finish ($1)"
		flock "$fd"
	fi
}

# cache_tmp: a work directory beside the final places, removed at exit.
cache_tmp() {
	mkdir -p "$hvcal_cache/tmp"
	work=$(mktemp -d "$hvcal_cache/tmp/${0##*/}.XXXXXX")
	chmod 755 "$work"
	trap 'rm -rf "$work"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
}
