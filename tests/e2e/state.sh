#!/bin/sh
# SPDX-License-Identifier: MIT
#
# state.sh - with --state, SMART counters survive the end of the daemon
. "$(dirname "$0")/tap.sh"
cd "$T" || exit 99

# drive COMMAND...: behind the run door, with a state directory
drive() {
	"$NVMESIM_RUN" --state "$T/state" -drive file=disk.img,if=none,id=d,format=raw,size=16M \
		-device nvme,serial=s,drive=d -- "$@"
}
# counter FILE KEY
counter() { jq -r ".$2" "$1"; }

head -c 512000 /dev/zero >data
# shellcheck disable=SC2016
drive sh -c '
	for i in 1 2 3; do
		nvme write /dev/nvmesim0n1 --block-count=999 --data-size=512000 --data=data
	done
	nvme read /dev/nvmesim0n1 --block-count=999 --data-size=512000 --data=back
	nvme read /dev/nvmesim0n1 --start-block=99999999 --block-count=0 --data-size=512 --data=back
	nvme smart-log /dev/nvmesim0 --output-format=json >one.json' >out 2>&1
is $? 0 "a first run" || diag <out
is "$(counter one.json host_write_commands)" 3 "three Write commands are counted"
is "$(counter one.json data_units_written)" 3 "3 x 1000 x 512 bytes are 3 data units"
[ "$(counter one.json num_err_log_entries)" -ge 1 ]
is $? 0 "the failed read is an error log entry"

runs "a second run" drive sh -c 'nvme smart-log /dev/nvmesim0 --output-format=json >two.json'
for key in data_units_read data_units_written host_read_commands host_write_commands num_err_log_entries; do
	is "$(counter two.json $key)" "$(counter one.json $key)" "$key survived"
done
[ "$(counter two.json power_cycles)" -gt "$(counter one.json power_cycles)" ]
is $? 0 "power_cycles went up"
is "$(counter two.json unsafe_shutdowns)" 0 "every end so far was an orderly one"

# killed in the middle of its life, it has lost nothing that was acknowledged
"$NVMESIM" --no-cuse --socket "$T/sock" --state "$T/state" \
	-drive file=disk.img,if=none,id=d,format=raw,size=16M -device nvme,serial=s,drive=d >out 2>&1
is $? 0 "a daemon on the same state" || diag <out
head -c 512 /dev/urandom >block
runs "a write to it" "$NVMESIM_RUN" --attach="$T/sock" -- nvme write /dev/nvmesim0n1 --start-block=7 \
	--block-count=0 --data-size=512 --data=block
kill -9 "$("$NVMESIM_CTL" --socket "$T/sock" --json show | jq .result.pid)"
runs "a run after kill -9" drive sh -c 'nvme smart-log /dev/nvmesim0 --output-format=json >killed.json
	nvme read /dev/nvmesim0n1 --start-block=7 --block-count=0 --data-size=512 --data=block.back'
is "$(counter killed.json host_write_commands)" 4 "the write before the kill is counted"
is "$(counter killed.json unsafe_shutdowns)" 1 "the kill was an unsafe shutdown"
cmp block block.back >/dev/null
is $? 0 "and its data is there"

# without a state directory every run begins anew
"$NVMESIM_RUN" -- nvme smart-log /dev/nvmesim0 --output-format=json >three.json
is "$(counter three.json host_write_commands)" 0 "without --state nothing is kept"

# a second daemon on the same state must not corrupt it
drive sh -c 'touch up; until [ -e done ]; do sleep 0.1; done' &
first=$!
wait_for 10 test -e up
ends "a second run on the same state directory is refused" 2 "$NVMESIM_RUN" --state "$T/state" \
	-drive if=none,id=d,size=16M -device nvme,serial=s,drive=d -- true
is "$(wc -l <out)" 1 "with one line" || diag <out
touch done
wait $first
is $? 0 "the first run is not disturbed"
tap_done
