#!/bin/sh
# SPDX-License-Identifier: MIT
#
# state.sh - with --state, SMART counters, namespaces that hosts created, and formats survive the end of the
# daemon
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
pid=$("$NVMESIM_CTL" --socket "$T/sock" --json show | jq .result.pid)
kill -9 "$pid"
while kill -0 "$pid" 2>/dev/null; do sleep 0.01; done
runs "a run after kill -9" drive sh -c 'nvme smart-log /dev/nvmesim0 --output-format=json >killed.json
	nvme read /dev/nvmesim0n1 --start-block=7 --block-count=0 --data-size=512 --data=block.back'
is "$(counter killed.json host_write_commands)" 4 "the write before the kill is counted"
is "$(counter killed.json unsafe_shutdowns)" 1 "the kill was an unsafe shutdown"
cmp block block.back >/dev/null
is $? 0 "and its data is there"

# --- namespaces and formats
# sub COMMAND...: a subsystem with room for namespaces, and one of its own
sub() {
	"$NVMESIM_RUN" --state "$T/nss" -device nvme-subsys,id=s,capacity=64M -device nvme,serial=s,subsys=s \
		-drive file=own.img,if=none,id=d,size=16M -device nvme-ns,drive=d -- "$@"
}
seq 1 10000 | head -c 4096 >k4
# shellcheck disable=SC2016
sub sh -c '
	set -e
	nvme create-ns /dev/nvmesim0 --nsze=0x4000 --ncap=0x4000 --flbas=0 --nmic=1
	nvme attach-ns /dev/nvmesim0 --namespace-id=2 --controllers=0
	nvme create-ns /dev/nvmesim0 --nsze=0x800 --ncap=0x800 --flbas=0
	nvme format /dev/nvmesim0n2 --lbaf=1 --pi=1 --force
	nvme format /dev/nvmesim0n1 --lbaf=4 --force
	nvme write /dev/nvmesim0n2 --start-block=8 --block-count=7 --data-size=4096 --data=k4 --prinfo=8 --ref-tag=8
	nvme write /dev/nvmesim0n1 --start-block=3 --block-count=0 --data-size=4096 --data=k4
	nvme id-ns /dev/nvmesim0n2 >ns.one
	nvme id-ctrl /dev/nvmesim0 | grep nvmcap >cap.one' >out 2>&1
is $? 0 "create, attach, format, write" || diag <out
is "$(cd nss && ls ./*.img)" "./subsystem-s.ns-2.img
./subsystem-s.ns-3.img" "a file each in the state directory"
# shellcheck disable=SC2016
sub sh -c '
	set -e
	test -c /dev/nvmesim0n2
	test ! -e /dev/nvmesim0n3
	nvme list-ns /dev/nvmesim0 --all >list
	nvme id-ns /dev/nvmesim0n2 >ns.two
	nvme id-ns /dev/nvmesim0n1 --output-format=json | jq -c "[.flbas, .nsze]" >own
	nvme id-ctrl /dev/nvmesim0 | grep nvmcap >cap.two
	nvme verify /dev/nvmesim0n2 --start-block=8 --block-count=7 --prinfo=5 --ref-tag=8
	nvme read /dev/nvmesim0n2 --start-block=8 --block-count=7 --data-size=4096 --data=n2.back --prinfo=8 --ref-tag=8
	nvme compare /dev/nvmesim0n1 --start-block=3 --block-count=0 --data-size=4096 --data=k4
	nvme detach-ns /dev/nvmesim0 --namespace-id=2 --controllers=0
	nvme delete-ns /dev/nvmesim0 --namespace-id=3' >out 2>&1
is $? 0 "the next run finds them" || diag <out
same ns.one ns.two "a created namespace is what it was, identifiers and format included"
same k4 n2.back "so is its data, with its protection information"
is "$(cat own)" '[4,4096]' "the configured one is as it was formatted"
is "$(tr '\n' ' ' <list)" '[   0]:0x1 [   1]:0x2 [   2]:0x3 ' "one that was attached to nobody is there, too"
same cap.one cap.two "and the capacities are the same"
# shellcheck disable=SC2016
sub sh -c '
	set -e
	test ! -e /dev/nvmesim0n2
	nvme list-ns /dev/nvmesim0 --all >list
	nvme attach-ns /dev/nvmesim0 --namespace-id=2 --controllers=0
	nvme read /dev/nvmesim0n2 --start-block=8 --block-count=7 --data-size=4096 --data=n2.back --prinfo=8 --ref-tag=8
	nvme delete-ns /dev/nvmesim0 --namespace-id=2
	nvme delete-ns /dev/nvmesim0 --namespace-id=1' >out 2>&1
is $? 0 "detached and deleted holds, too" || diag <out
is "$(tr '\n' ' ' <list)" '[   0]:0x1 [   1]:0x2 ' "the deleted namespace is not there again"
same k4 n2.back "the detached one has its data"
sub nvme list-ns /dev/nvmesim0 --all >list 2>&1
is "$(cat list)" '' "a configured namespace that was deleted stays deleted"
ls nss/*.img >list 2>/dev/null
is "$(cat list)" '' "no file of a deleted namespace is left"
is "$(stat -c %s own.img)" 16777216 "the configuration's own file is left alone"

# what was acknowledged before kill -9 holds
"$NVMESIM" --no-cuse --socket "$T/sock" --state "$T/killed" -device nvme-subsys,id=s,capacity=64M \
	-device nvme,serial=s,subsys=s >out 2>&1
is $? 0 "a daemon with room for namespaces" || diag <out
# shellcheck disable=SC2016
"$NVMESIM_RUN" --attach="$T/sock" -- sh -c '
	set -e
	nvme create-ns /dev/nvmesim0 --nsze=0x4000 --ncap=0x4000 --flbas=0
	nvme attach-ns /dev/nvmesim0 --namespace-id=1 --controllers=0
	nvme format /dev/nvmesim0n1 --lbaf=2 --ms=1 --force
	seq 1 10000 | head -c 4224 >x8
	nvme write /dev/nvmesim0n1 --start-block=0 --block-count=7 --data-size=4224 --data=x8' >out 2>&1
is $? 0 "create, attach, format and write" || diag <out
pid=$("$NVMESIM_CTL" --socket "$T/sock" --json show | jq .result.pid)
kill -9 "$pid"
while kill -0 "$pid" 2>/dev/null; do sleep 0.01; done
runs "a run after kill -9" "$NVMESIM_RUN" --state "$T/killed" -device nvme-subsys,id=s,capacity=64M \
	-device nvme,serial=s,subsys=s -- nvme compare /dev/nvmesim0n1 --start-block=0 --block-count=7 \
	--data-size=4224 --data=x8

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
