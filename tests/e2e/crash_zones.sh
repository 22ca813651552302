#!/bin/sh
# SPDX-License-Identifier: MIT
#
# crash_zones.sh - the daemon is killed in the middle of appends and writes in random write areas, NVMESIM_KILLS times (200): what was
# acknowledged is below its zone's write pointer, and reads back; and what is not a host's doing survives, too
. "$(dirname "$0")/tap.sh"
cd "$T" || exit 99

cat >crash.conf <<CONF
[controller nvme0]
serial = crash

[namespace zones]
file = $T/zones.img
size = 16M
zoned = on
zoned.zone_size = 1M
zoned.zone_capacity = 768k
zoned.descr_ext_size = 64
zoned.max_active = 12
zoned.max_open = 6
zoned.zrwas = 64k
zoned.zrwafg = 4k
CONF
if runs "a daemon killed ${NVMESIM_KILLS:=200} times has lost nothing" \
	"$NVMESIM_BUILD/tests/e2e/crash" run "$NVMESIM_KILLS" "$NVMESIM" "$NVMESIM_RUN" "$T" zones; then
	diag <out
	like "$(cat out)" '^[0-9]+ kills: [1-9][0-9]{3,} commands' "and there was a load"
fi

# --- attributes and states that nvmesim-ctl gave
rm -rf state zones.img
sock=$T/crash.sock
ctl() { "$NVMESIM_CTL" --socket "$sock" "$@"; }
begin() {
	"$NVMESIM" --no-cuse --foreground -c crash.conf --socket "$sock" --state state >log 2>&1 &
	daemon=$!
	wait_for 10 ctl list
}
begin
at_exit 'kill -9 $daemon 2>/dev/null'
head -c 65536 /dev/urandom >data
head -c 64 data >ext
runs "zones are written and described" "$NVMESIM_RUN" --attach="$sock" -- sh -c '
	for z in 0 0x800 0x1000 0x2000 0x2800; do
		nvme zns zone-append /dev/nvmesim0n1 --zslba=$z --data-size=4096 --data=data || exit
	done
	nvme zns finish-zone /dev/nvmesim0n1 --start-lba=0 &&
	nvme zns set-zone-desc /dev/nvmesim0n1 --start-lba=0x1800 --data=ext'
for action in 'recommend-reset 0' 'recommend-finish 0x800' 'finish 0x1000' 'read-only 0x2000' 'offline 0x2800'; do
	# shellcheck disable=SC2086 # two words
	set -- $action
	runs "zone $action" ctl zone "$1" nvmesim0n1 "$2"
done
kill -9 $daemon
wait $daemon 2>/dev/null
begin
is $? 0 "it starts again" || diag <log
ctl zones nvmesim0n1 0 6 >zones.txt
printf '%s\t%s\t%s\t%s\t%s\n' 0x0 full - 0x600 reset-recommended \
	0x800 closed 0x808 0x600 finish-recommended 0x1000 full - 0x600 finished-by-controller \
	0x1800 closed 0x1800 0x600 extension 0x2000 read-only - 0x600 - 0x2800 offline - 0x600 - >want.txt
same want.txt zones.txt "states, write pointers and attributes survive"
runs "a read-only zone reads" "$NVMESIM_RUN" --attach="$sock" -- \
	nvme compare /dev/nvmesim0n1 --start-block=0x2000 --block-count=7 --data-size=4096 --data=data
"$NVMESIM_RUN" --attach="$sock" -- nvme io-passthru /dev/nvmesim0n1 --opcode=0x7a --namespace-id=1 --cdw10=0x1800 \
	--cdw12=47 --cdw13=1 --data-len=192 --read --raw-binary >report 2>err
tail -c +129 report | head -c 64 >ext.back
same ext ext.back "the descriptor extension survives" || diag <err
tap_done
