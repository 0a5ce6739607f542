#!/bin/bash
# SPDX-License-Identifier: MIT
# start_rc on the public-domain clip of `make demo`, where that can be had; else it skips.
#
# Usage: start.sh BUILD
set -euo pipefail

top=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
b=${1:?usage: start.sh BUILD}
line() { echo "city $1 352 240 25 50 500 0"; }

clip=$b/bench/rc-clips/city.yuv
[ -s "$clip" ] && exec "$b/selftests/rc/start_rc" "$(line "$clip")"
if ! source=$("$top/tools/lib/city-clip") || ! command -v ffmpeg >/dev/null; then
	echo "1..0 # SKIP no clip: it is fetched by apt-get, and ffmpeg decodes it"
	exit 4
fi
clip=$(mktemp "${TMPDIR:-/tmp}/city.XXXXXX")
trap 'rm -f "$clip"' EXIT
ffmpeg -nostdin -v error -y -i "$source" -map 0:v:0 -vf "scale=352:240:flags=bicubic,format=yuv420p" \
	-fps_mode passthrough -frames:v 50 -f rawvideo "$clip"
"$b/selftests/rc/start_rc" "$(line "$clip")"
