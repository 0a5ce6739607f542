#!/bin/bash
# SPDX-License-Identifier: MIT
# Prepares 60 pictures of 1280x720 as raw I420 in DIR and prints FILE WIDTH HEIGHT;
# nothing where there is no clip. Sources: $HVCAL_CLIPS, else shared/clips.
# usage: clip.sh DIR
set -eu
top=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
name=VID_1280x720_cavlc_temporal_direct.264
out=$1/v720.yuv
mkdir -p "$1"
for d in "${HVCAL_CLIPS:-}" "$top/shared/clips" "$top/../shared/clips" "$top/../../shared/clips"; do
	if [ -s "$out" ] || [ -z "$d" ] || [ ! -f "$d/$name" ]; then
		continue
	fi
	ffmpeg -nostdin -v error -i "$d/$name" -frames:v 60 -pix_fmt yuv420p -f rawvideo -y \
		"$out.part" && mv "$out.part" "$out"
done
[ ! -s "$out" ] || echo "$out 1280 720"
