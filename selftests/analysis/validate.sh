#!/bin/sh
# SPDX-License-Identifier: MIT
# Encodes clips with libx264 at QP 28 (one I frame, then P frames) and prints how
# the analysis' cost goes with the sizes, the size before beside it, and the cuts.
# usage: validate.sh VALIDATE CLIPS
set -u
validate=${1:?usage: validate.sh VALIDATE CLIPS}
clips=${2:?usage: validate.sh VALIDATE CLIPS}
frames=${FRAMES:-150}
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
bad=0

# name, filter (or null), ffmpeg's input options...
row() {
	name=$1 filter=$2; shift 2
	if ! ffmpeg -v error -nostdin -y "$@" -map 0:v:0 -frames:v "$frames" -vf "$filter,format=yuv420p" \
		-an -fps_mode passthrough "$tmp/in.y4m" ||
	   ! ffmpeg -v error -nostdin -y -i "$tmp/in.y4m" -c:v libx264 -preset veryfast -qp 28 \
		-bf 0 -g 9999 -sc_threshold 0 "$tmp/out.mkv"; then
		echo "validate.sh: $name: ffmpeg failed" >&2
		bad=1
		return
	fi
	ffprobe -v error -show_entries packet=size -of csv=p=0 "$tmp/out.mkv" | tr -d ',' > "$tmp/sizes"
	wh=$(ffprobe -v error -show_entries stream=width,height -of csv=p=0 "$tmp/out.mkv" | tr , ' ')
	# shellcheck disable=SC2086 # width and height are two words
	ffmpeg -v error -nostdin -i "$tmp/in.y4m" -vf extractplanes=y -f rawvideo - |
		"$validate" "$name" $wh "$tmp/sizes" || bad=1
}

[ -d "$clips" ] || { echo "validate.sh: no folder $clips: say where clips are with CLIPS=" >&2; exit 2; }
printf '%-28s %6s %6s %9s %6s %6s  %s\n' clip frames cost "last size" still screen 'cuts at'
for f in "$clips"/*.mp4 "$clips"/*.264 "$clips"/*.h264; do
	row "$(basename "$f" | cut -c1-28)" null -i "$f"
done
row cars null -f rawvideo -pixel_format yuv420p -video_size 320x240 -i "$clips/cars_320x240.i420"
k=$clips/kvs_480p25_403f.h264
row "fade from 40 to 60" fade=out:40:20 -i "$k"
row "flash at 50" "eq=brightness=0.25:enable='eq(n,50)'" -i "$k"
part() { # clip, label: 50 frames of it at one size
	echo "movie=$clips/$1,trim=start_frame=20:end_frame=70,setpts=N/25/TB,fps=25,scale=640:360,setsar=1[$2]"
}
row "cuts at 50 and 100" null -f lavfi -i "$(part kvs_480p25_403f.h264 a);$(
	part VID_1280x720_cavlc_temporal_direct.264 b);$(
	part hdr10-av1.mp4 c);[a][b][c]concat=n=3"
exit $bad
