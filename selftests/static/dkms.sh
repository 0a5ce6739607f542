#!/bin/bash
# SPDX-License-Identifier: MIT
# dkms.conf builds the module, in trees of its own. TAP.
set -u
echo 1..1
command -v dkms >/dev/null || { echo "ok 1 dkms # SKIP dkms is not installed"; exit 0; }
kdir=$(tools/kernel/fetch 6.12 headers | tail -n 1)
release=${kdir##*/linux-headers-}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir -p "$tmp/src/hvcal-0.1.0" "$tmp/dkms"
git ls-files Kbuild drivers uapi dkms.conf | cpio -pdm --quiet "$tmp/src/hvcal-0.1.0"
dkms build hvcal/0.1.0 -k "$release" --kernelsourcedir "$kdir" \
	--dkmstree "$tmp/dkms" --sourcetree "$tmp/src" >"$tmp/log" 2>&1
ko=$(find "$tmp/dkms" -name 'hvcal.ko*' | head -n 1)
if [ -n "$ko" ]; then
	echo "ok 1 dkms_builds_for_$release"
else
	{ cat "$tmp/log"; cat "$tmp"/dkms/hvcal/0.1.0/build/make.log 2>/dev/null; } |
		tail -n 20 | sed 's/^/# /'
	echo "not ok 1 dkms_builds_for_$release"
fi
