#!/bin/sh
# SPDX-License-Identifier: MIT
#
# bench.sh - the benchmark of io_uring commands runs and measures; how fast is not judged here
. "$(dirname "$0")/../e2e/tap.sh"
cd "$T" || exit 99

"$NVMESIM_SRC/tests/bench/uring" --quick --json >bench.json 2>err
is $? 0 "tests/bench/uring --quick --json" || diag <err
is "$(jq -r '[.measured[] | select(.iops > 0 and .bytes > 0)] | length' bench.json)" 24 "figures, all of them"
is "$(jq -r '[.ratios[] | select(. > 0 and . < 100)] | length' bench.json)" 19 "ratios, all of which make sense"
tap_done
