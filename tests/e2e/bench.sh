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
is "$(jq -r '.zoned | .start_used_ns > 0 and .descriptors_per_second > 0 and .bytes_per_zone < 100 and .two_threads_to_one > 0' bench.json)" \
	true "zoned namespaces are measured"
is "$(jq -r '.core | (.fdp_memory | length > 5 and all(.worst > 4 and .again > 4)) and .fdp_bytes_a_block <= 8' bench.json)" true \
	"data placement takes 8 bytes for a block at most" || jq -c .core.fdp_memory bench.json | diag
is "$(jq -r '.core.fdp_memory | length > 10 and all(.table_bytes <= 4194304)' bench.json)" true \
	"and the tables of pages what the capacity says"
measured bench.json run
runs "tests/bench/run --quick prints a table" "$NVMESIM_SRC/tests/bench/run" --quick
like "$(cat out)" '^ *Identify Controller +[0-9.]+ +[0-9.]+ +[0-9.]+$' "with a line for Identify"

# not timed: what is counted is the same on every machine
fdp=$NVMESIM_BUILD/tests/bench/bench-fdp
runs "bench-fdp --quick" "$fdp" --quick --json --svg fdp.svg
cp out fdp.json
is "$(jq -r '.runs[1].write_amplification < 1.1' fdp.json)" true "two streams on two handles: below 1.1"
is "$(jq -r '.runs[0].write_amplification > 1.5' fdp.json)" true "on one handle: above 1.5"
is "$(jq -r '[.runs[] | .samples[-1] | .[1] >= .[0]] | all' fdp.json)" true "the media are written as much at least"
runs "the plot is XML, with both curves" sh -c 'test "$(grep -c "<polyline" fdp.svg)" = 2 && tail -n 1 fdp.svg | grep -qx "</svg>"'

if runs "tests/bench/guest --quick --json" "$NVMESIM_SRC/tests/bench/guest" --quick --json; then
	sed -n '/^{"doors"/p' out >guest.json
	measured guest.json CUSE
fi
tap_done
