#!/bin/sh
# SPDX-License-Identifier: MIT
#
# bench.sh - the benchmark runs and measures; how fast is not judged here
. "$(dirname "$0")/tap.sh"
cd "$T" || exit 99

# measured FILE DOOR
measured() {
	is "$(jq -r ".doors.\"$2\".operations | length" "$1")" 13 "$2 door: thirteen operations are measured"
	is "$(jq -r "[.doors.\"$2\".operations[] | select(.p50_ns > 0 and .p99_ns >= .p50_ns)] | length" "$1")" \
		13 "$2 door: p50 and p99 of each make sense"
	is "$(jq -r ".doors.\"$2\".operations[0].ratio == 1" "$1")" true "$2 door: the bare crossing is the unit"
	is "$(jq -r ".doors.\"$2\" | .first_identify_ns > 0 and .start_8t_ns > 0 and .rss_kib > 0" "$1")" true \
		"$2 door: start-up time and memory are measured"
}

"$NVMESIM_SRC/tests/bench/run" --quick --json >bench.json 2>err
is $? 0 "tests/bench/run --quick --json" || diag <err
runs "valid JSON" jq -e .core bench.json
is "$(jq -r '.core.commands_per_second > 1000' bench.json)" true "the core is measured"
measured bench.json run
runs "tests/bench/run --quick prints a table" "$NVMESIM_SRC/tests/bench/run" --quick
like "$(cat out)" '^ *Identify Controller +[0-9.]+ +[0-9.]+ +[0-9.]+$' "with a line for Identify"

if runs "tests/bench/guest --quick --json" "$NVMESIM_SRC/tests/bench/guest" --quick --json; then
	sed -n '/^{"core"/p' out >guest.json
	measured guest.json CUSE
fi
tap_done
