#!/bin/bash
# SPDX-License-Identifier: MIT
# What testing.rst says that engines are put through is in hvcal-conformance, and what is
# in there is said. TAP.
# usage: conformance.sh [PAGE [FOLDER]]
set -u
page=${1:-Documentation/testing.rst} folder=${2:-selftests/conformance}
# names of tests stand behind the brace of their table's rows
tests=$(sed -n 's/^\t{ "\([a-z0-9_]*\)", test_.*/\1/p' "$folder"/*.c | sort)
# shellcheck disable=SC2016 # these are backquotes of reStructuredText
told=$(sed -n '/^\.\. conformance tests begin/,/^\.\. conformance tests end/p' "$page" |
	grep -o '``[a-z0-9_]*``' | tr -d '`' | sort -u)
# shellcheck source=selftests/static/each.sh
. "$(dirname "$0")/each.sh"

each "is told of in $page" "$tests" "$told"
each "is a test in $folder" "$told" "$tests"
[ "$n" -gt 0 ] || failed=1
echo "1..$n"
exit $failed
