# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2154 # set by those who source this file
# Building a kernel of our own from a Debian source package.  For tools/uml/build
# and tools/vm/own-kernel, which set: arch, variant, fragments (Kconfig forced on
# allnoconfig), source, out, jobs, and steps (a file that remembers their number).

die() { say "$*"; exit 1; }

# key: what the built kernel depends on.
key() {
	{
		cat "${fragments[@]}"
		# A Debian package version is part of the source's path.
		basename "$(dirname "$source")"
		make -s -C "$source" kernelversion
		gcc -dumpfullversion -dumpmachine
		echo format 1
	} | sha256sum | cut -c 1-16
}

# use_source DIR: let DIR's Makefile name the source where it is now.
use_source() {
	[ "$(readlink "$1/source")" = "$source" ] &&
		grep -qxF "include $source/Makefile" "$1/Makefile" &&
		return
	ln -fsn "$source" "$1/source"
	cat >"$1/Makefile" <<-END
	export KBUILD_OUTPUT = $1
	include $source/Makefile
	END
}

# missed CONFIG: forced values that Kconfig did not take.
missed() {
	local line

	grep -hE '^(# )?CONFIG_' "${fragments[@]}" |
	while read -r line; do
		case $line in
		CONFIG_*)
			grep -qxF -e "$line" "$1" || echo "$line"
			;;
		*)
			line=${line#\# }
			! grep -q "^${line%% *}=" "$1" || echo "# $line"
			;;
		esac
	done
}

configure() {
	local bad

	cat "${fragments[@]}" >"$out/forced.config"
	KCONFIG_ALLCONFIG=$out/forced.config make -s -C "$source" ARCH="$arch" \
		O="$out" allnoconfig >"$out/build.log" 2>&1 ||
		{ tail -n 20 "$out/build.log" >&2; die "allnoconfig failed"; }
	bad=$(missed "$out/.config")
	[ -z "$bad" ] || die "this kernel has not:"$'\n'"$bad"
}

# progress: a line every few seconds from make's output on standard input.
progress() {
	local n=0 line last=-10 total

	total=$(cat "$steps" 2>/dev/null || echo 1490)
	while IFS= read -r line; do
		case $line in
		'  '[A-Z]*) n=$((n + 1)) ;;
		*) continue ;;
		esac
		[ $((SECONDS - last)) -ge 10 ] || continue
		last=$SECONDS
		say "[$n/$total]$line"
	done
	echo "$n" >"$steps"
}

# compile TARGET...: what remains serves external modules, which need no object
# files, and what the caller takes before prune().
compile() {
	say "building the $arch kernel, $variant: 5 to 15 minutes on two cores"
	make -C "$source" ARCH="$arch" O="$out" -j"$jobs" "$@" 2>&1 |
		tee -a "$out/build.log" | progress || {
		grep -nE 'error:|\*\*\*' "$out/build.log" | head -n 20 >&2
		die "build failed, see $out/build.log"
	}
}

prune() {
	rm -f "$out"/vmlinux*
	find "$out" -path "$out/scripts" -prune -o -path "$out/tools" -prune \
		-o \( -name '*.o' -o -name '*.a' -o -name '.*.cmd' \) \
		-type f -exec rm -f {} +
}

# build_once FUNCTION: runs it in a fresh $out, unless that is there already.
build_once() {
	local lock

	mkdir -p "${out%/*}"
	exec {lock}>"$out.lock"
	if ! flock -n "$lock"; then
		say "waiting for another build of $variant"
		flock "$lock"
	fi
	if [ ! -e "$out/.done" ]; then
		mkdir -p "$out"
		configure
		"$1"
		prune
		: >"$out/.done"
	fi
	use_source "$out"
}
