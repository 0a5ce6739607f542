# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# A private apt: its own sources and lists, the host's mirror, proxy and keys.
# Needs cache.sh and $top.  apt_open must come before the others.
# shellcheck disable=SC2154

apt_keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# apt_site main|security: URI of the host's own mirror, else the usual one.
apt_site() {
	local want=$1 uri code

	# shellcheck disable=SC2016 # $(...) is apt's
	while read -r uri code; do
		case $want:$code in
		security:*-security) echo "$uri"; return ;;
		main:*-security) ;;
		main:bookworm | main:trixie | main:forky | main:sid)
			echo "$uri"
			return ;;
		esac
	done < <(apt-get indextargets --format '$(REPO_URI) $(CODENAME)' \
			'Created-By: Packages' 'Label: Debian' 2>/dev/null
		apt-get indextargets --format '$(REPO_URI) $(CODENAME)' \
			'Created-By: Packages' 'Label: Debian-Security' 2>/dev/null)
	case $want in
	security) echo http://deb.debian.org/debian-security ;;
	*) echo http://deb.debian.org/debian ;;
	esac
}

# apt_open SUITE...: set up the private state for these suites.
apt_open() {
	local suite site key

	[ -r "$apt_keyring" ] || "$top/tools/lib/apt-need" \
		debian-archive-keyring
	key=$(printf '%s+' "$@")
	apt_dir=$hvcal_cache/apt/${key%+}
	mkdir -p "$apt_dir"/{lists/partial,cache/archives/partial,parts}
	: >"$apt_dir/status"
	for suite in "$@"; do
		case $suite in
		*-security) site=$(apt_site security) ;;
		*) site=$(apt_site main) ;;
		esac
		echo "deb [signed-by=$apt_keyring] ${site%/} $suite main"
	done >"$apt_dir/sources.list"
	apt_opts=(
		-o "Dir::Etc::sourcelist=$apt_dir/sources.list"
		-o "Dir::Etc::sourceparts=$apt_dir/parts"
		-o "Dir::State::lists=$apt_dir/lists"
		-o "Dir::State::status=$apt_dir/status"
		-o "Dir::Cache=$apt_dir/cache"
		-o "APT::Architecture=amd64"
		-o "APT::Architectures::=amd64"
		-o "APT::Sandbox::User=$(id -un)"
		-o "Acquire::Languages=none"
		-o "Acquire::Retries=3"
		-o "Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false"
		-o "APT::Update::Error-Mode=any"
		-o "APT::Update::Post-Invoke::="
	)
}

apt_update() {
	local log

	say "updating package lists: $(awk '{ print $4 }' \
		"$apt_dir/sources.list" | xargs)"
	if ! log=$(apt-get "${apt_opts[@]}" -qq update 2>&1); then
		printf '%s\n' "$log" | tail -n 5 >&2
		return 1
	fi
}

# apt_newest REGEX: "package version" of the newest package that matches.
apt_newest() {
	local names

	names=$(apt-cache "${apt_opts[@]}" pkgnames | grep -E "^($1)\$") ||
		return 0
	# shellcheck disable=SC2086
	apt_versions $names | sort -k 2,2V | tail -n 1
}

# apt_versions PACKAGE...: "package version" of each one on offer.
apt_versions() {
	apt-cache "${apt_opts[@]}" madison "$@" |
		awk -F ' *[|] *' '$3 ~ /Packages/ {
			sub(/^ */, "", $1)
			print $1, $2
		}'
}

# apt_has PACKAGE VERSION
apt_has() { [[ $'\n'$(apt_versions "$1")$'\n' == *$'\n'"$1 $2"$'\n'* ]]; }

# apt_depends PACKAGE VERSION: names it depends on, one per line.
apt_depends() {
	apt-cache "${apt_opts[@]}" show "$1=$2" |
		sed -n 's/^\(Pre-\)\{0,1\}Depends: //p' | sed 's/[,|]/\n/g' |
		awk '{ sub(/:.*/, "", $1); print $1 }'
}

# apt_unpack DIR PACKAGE[=VERSION]...: download and unpack, without installing.
apt_unpack() {
	local dir=$1 debs=$1.debs deb

	shift
	say "downloading $*"
	mkdir -p "$debs" "$dir"
	(cd "$debs" && apt-get "${apt_opts[@]}" -qq download "$@" >&2) ||
		return 1
	for deb in "$debs"/*.deb; do
		dpkg -x "$deb" "$dir" || return 1
	done
	rm -rf "$debs"
}
