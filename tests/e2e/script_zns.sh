#!/bin/sh
# SPDX-License-Identifier: MIT
#
# script_zns.sh - zoned namespaces: every key, every command of nvme-cli's zns plugin, every transition, and
# everything that is refused, with everything nvme-cli says
#
# The same script runs behind both doors (script_zns_doors.sh), and what it prints must not differ by a
# byte. It is a job, not a test: it judges nothing. Works in the current directory.
A=/dev/nvmesim0
B=/dev/nvmesim1
Z=/dev/nvmesim0n1 # zone i begins at i * 0x800, and has 0x600 blocks
O=/dev/nvmesim0n2 # zones of 750 blocks, of which 625 can be written
W=/dev/nvmesim0n3 # zones with random write areas of 128 blocks
P=/dev/nvmesim0n4
N=/dev/nvmesim0n5 # not zoned
. "$(dirname "$0")/job.sh"

seq 1 1000000 | head -c 1048576 >m1
head -c 4096 m1 >k4
tail -c 4096 m1 >other4
head -c 4096 /dev/zero >zero4
head -c 64 m1 >ext64
head -c 16320 m1 >ext16k

ctl() { "$NVMESIM_CTL" "$@"; }
# zones NODE: those that are not empty, a line each
zones() { ctl zones "$1" | sed '/	empty	.*	-$/d'; }
# w, r NODE LBA BLOCKS: blocks of 512 bytes
w() { nvme write "$1" --start-block="$2" --block-count=$(($3 - 1)) --data-size=$(($3 * 512)) --data=m1; }
r() { rm -f back && nvme read "$1" --start-block="$2" --block-count=$(($3 - 1)) --data-size=$(($3 * 512)) --data=back; }
# append NODE ZSLBA BYTES; the others: NODE LBA
append() { nvme zns zone-append "$1" --zslba="$2" --data-size="$3" --data=m1; }
open() { nvme zns open-zone "$1" --start-lba="$2"; }
close() { nvme zns close-zone "$1" --start-lba="$2"; }
finish() { nvme zns finish-zone "$1" --start-lba="$2"; }
reset() { nvme zns reset-zone "$1" --start-lba="$2"; }
offline() { nvme zns offline-zone "$1" --start-lba="$2"; }
describe() { nvme zns set-zone-desc "$1" --start-lba="$2" --data=ext64; }
all() { nvme zns "$1-zone" "$2" --select-all; }
# state NODE LBA: of the zone there
state() { ctl zones "$1" "$2" 1; }

echo "--- what there is"
for n in 1 2 3 4 5; do
	try nvme id-ns ${A}n$n --human-readable
	try nvme zns id-ns ${A}n$n --human-readable
	try nvme ns-descs ${A}n$n
	try nvme cmdset-ind-id-ns $A --namespace-id=$n
done
try nvme zns id-ns $Z --output-format=json
for c in "$A" "$B"; do
	try nvme zns id-ctrl $c
	try nvme zns id-ctrl $c --output-format=json
	try nvme id-iocs $c
	try nvme list-ns $c
	try nvme list-ns $c --csi=0
	try nvme list-ns $c --csi=2
	try nvme list-ns $c --csi=2 --all
	try nvme list-ns $c --csi=1
done
try nvme get-log $A --log-id=5 --log-len=4096 --csi=2
try nvme effects-log $A --csi=2
try ctl list
try ctl zones nvmesim0n1

echo "--- reports"
try w $Z 0 8
try open $Z 0x800
try finish $Z 0x1000
try describe $Z 0x1800
try nvme zns report-zones $Z
try nvme zns report-zones $Z --verbose
try nvme zns report-zones $Z --output-format=json
try nvme zns report-zones $Z --extended --descs=4
try nvme zns report-zones $Z --extended --descs=4 --verbose
for s in 0 1 2 3 4 5 6 7; do
	try nvme zns report-zones $Z --state=$s
	try nvme zns report-zones $Z --state=$s --partial --descs=3
done
try nvme zns report-zones $Z --state=8
try nvme zns report-zones $Z --start-lba=0x1000 --descs=2
try nvme zns report-zones $Z --start-lba=0x1001 --descs=2
try nvme zns report-zones $Z --start-lba=0x7800
try nvme zns report-zones $Z --start-lba=0x8000
try nvme zns report-zones $O
try nvme zns report-zones $O --start-lba=750
try nvme zns report-zones $O --extended
try nvme zns report-zones $N
# (nvme-cli 2.3's zone-mgmt-recv shows nothing of what it received)
# received NODE LBA BYTES ZRA ZRASF PARTIAL
received() {
	nvme io-passthru "$1" --opcode=0x7a --namespace-id="${1##*n}" --cdw10="$2" --cdw12=$(($3 / 4 - 1)) \
		--cdw13=$(($4 | $5 << 8 | $6 << 16)) --data-len="$3" --read --raw-binary
}
# bytes OPTION...: of what is received
bytes() { received "$@" | od -An -tx1; }
try bytes $Z 0 192 0 0 0
try bytes $Z 0 192 0 0 1
try bytes $Z 0 128 0 2 0
try bytes $Z 0x1801 64 0 0 0
try bytes $Z 0 256 0 0 1
try bytes $Z 0x1000 320 1 0 0
try bytes $Z 0 192 1 4 1
for n in 64 128 192 1024; do
	try nvme zns zone-mgmt-recv $Z --start-lba=0 --zra=0 --zrasf=0 --data-len=$n
done
try nvme zns zone-mgmt-recv $Z --start-lba=0 --zra=0 --zrasf=8 --data-len=64
try nvme zns zone-mgmt-recv $Z --start-lba=0 --zra=2 --zrasf=0 --data-len=64
try nvme zns zone-mgmt-recv $Z --start-lba=0x8000 --zra=0 --zrasf=0 --data-len=64
try nvme zns zone-mgmt-recv $O --start-lba=0 --zra=1 --zrasf=0 --data-len=64

echo "--- select-all"
try all close $Z
try zones nvmesim0n1
try all open $Z
try zones nvmesim0n1
try all finish $Z
try zones nvmesim0n1
try all offline $Z
try zones nvmesim0n1
try all reset $Z
try zones nvmesim0n1

echo "--- an empty zone"
try close $Z 0
try offline $Z 0
try reset $Z 0
try finish $Z 0
try state nvmesim0n1 0
try reset $Z 0
try r $Z 0 8
same zero4 back
try describe $Z 0
try state nvmesim0n1 0
try describe $Z 0
try reset $Z 0
try state nvmesim0n1 0
try open $Z 0
try state nvmesim0n1 0

echo "--- an explicitly opened zone"
try open $Z 0
try describe $Z 0
try offline $Z 0
try w $Z 0 8
try w $Z 8 8
try state nvmesim0n1 0
try close $Z 0
try state nvmesim0n1 0

echo "--- a closed zone"
try close $Z 0
try describe $Z 0
try offline $Z 0
try w $Z 16 8
try state nvmesim0n1 0

echo "--- an implicitly opened zone"
try describe $Z 0
try offline $Z 0
try open $Z 0
try state nvmesim0n1 0
try finish $Z 0

echo "--- a full zone"
try state nvmesim0n1 0
try open $Z 0
try close $Z 0
try finish $Z 0
try offline $Z 0
try describe $Z 0
try w $Z 24 8
try append $Z 0 4096
try r $Z 0 24
try nvme write-zeroes $Z --start-block=24 --block-count=7
try nvme copy $Z --sdlba=24 --slbs=0 --blocks=7
try reset $Z 0
try state nvmesim0n1 0

echo "--- where one can write"
try w $Z 8 8
try w $Z 0 8
try w $Z 0 8
try w $Z 16 8
try w $Z 8 1
try w $Z 0x7f8 16
try r $Z 0x7f8 16
try r $Z 0x600 8
same zero4 back
try r $Z 0x7ff8 8
try r $Z 0x7ff8 9
try w $Z 0x8000 8
# fill NODE FROM BLOCKS TIMES
fill() {
	i=0
	while [ $i -lt "$4" ]; do
		w "$1" $(($2 + i * $3)) "$3" >/dev/null 2>&1 || return
		i=$((i + 1))
	done
}
try fill $Z 9 64 23
try state nvmesim0n1 0
try w $Z 1481 56
try w $Z 1481 55
try state nvmesim0n1 0
try r $Z 1481 55
# data of many zones in one command
try nvme write $O --start-block=0 --block-count=7 --data-size=32768 --data=m1
try nvme write $O --start-block=750 --block-count=7 --data-size=32768 --data=m1
try nvme read $O --start-block=742 --block-count=15 --data-size=65536 --data=crossed
tail -c 32768 crossed >crossed2
head -c 32768 m1 >wanted
same wanted crossed2

echo "--- append"
try reset $Z 0
try append $Z 0 4096
try append $Z 0 32768
try append $Z 0 33280
try append ${B}n1 0 65536
try append ${B}n1 0 66048
try append $Z 8 4096
try append $Z 0x8000 4096
try append $N 0 4096
try state nvmesim0n1 0
try r $Z 0 8
same k4 back
try append $Z 0x800 4096
try close $Z 0x800
try append $Z 0x800 4096
try finish $Z 0x800
try append $Z 0x800 4096
try nvme io-passthru $Z --opcode=0x7d --namespace-id=1 --cdw10=0 --cdw12=7 --data-len=4096 --write --input-file=other4
try zones nvmesim0n1
try all reset $Z

echo "--- limits: 4 open, 6 active"
for i in 0 1 2 3; do
	try open $Z $((i * 0x800))
done
try open $Z 0x2000
try w $Z 0x2000 8
try append $Z 0x2000 4096
try zones nvmesim0n1
try close $Z 0
try w $Z 0x2000 8
try close $Z 0x800
try w $Z 0x2800 8
try zones nvmesim0n1
try open $Z 0x3000
try w $Z 0x3000 8
try describe $Z 0x3000
try finish $Z 0x3000
try finish $Z 0x2000
try w $Z 0x3800 8
try zones nvmesim0n1
try all close $Z
try all open $Z
try zones nvmesim0n1
try all reset $Z
# zones opened by writing make room for others, but not through the second controller
for i in 0 1 2 3; do
	try w $Z $((i * 0x800)) 8
done
try w ${B}n1 0x2000 8
try w $Z 0x2000 8
try zones nvmesim0n1
try open ${B}n1 0x2800
try open $Z 0x2800
try zones nvmesim0n1
try all reset $Z

echo "--- random write areas"
try nvme zns open-zone $W --start-lba=0 --zrwaa
try nvme zns report-zones $W --descs=1
try w $W 0 32
try w $W 64 32
try w $W 0 32
try state nvmesim0n3 0
try nvme zns zrwa-flush-zone $W --lba=31
try state nvmesim0n3 0
try w $W 0 8
try w $W 32 8
try nvme zns zrwa-flush-zone $W --lba=40
try nvme zns zrwa-flush-zone $W --lba=287
try nvme zns zrwa-flush-zone $W --lba=0x800
try w $W 160 32
try state nvmesim0n3 0
try w $W 288 64
try append $W 0 4096
try nvme zns open-zone $W --start-lba=0x800 --zrwaa
try nvme zns open-zone $W --start-lba=0x1000 --zrwaa
try open $W 0x1000
try nvme zns zrwa-flush-zone $W --lba=0x1000
try zones nvmesim0n3
try close $W 0
try w $W 200 8
try zones nvmesim0n3
try finish $W 0
try nvme zns open-zone $W --start-lba=0x1800 --zrwaa
try nvme zns set-zone-desc $W --start-lba=0x2000 --zrwaa
try nvme zns open-zone $Z --start-lba=0 --zrwaa
try nvme zns zrwa-flush-zone $Z --lba=0
try all reset $W
try zones nvmesim0n3

echo "--- protection information, and long descriptor extensions"
try nvme zns set-zone-desc $P --start-lba=0x800 --data=ext16k
received $P 0x800 16448 1 4 0 >report16k
tail -c 16320 report16k >report.ext
same ext16k report.ext
try nvme zns zone-append $P --zslba=0 --data-size=4096 --data=k4 --prinfo=8 --piremap --ref-tag=0
try nvme zns zone-append $P --zslba=0 --data-size=4096 --data=other4 --prinfo=8 --piremap --ref-tag=0
try nvme zns zone-append $P --zslba=0 --data-size=4096 --data=k4 --prinfo=8 --ref-tag=0
try nvme read $P --start-block=0 --block-count=7 --data-size=4096 --data=back --metadata-size=64 --metadata=tuples \
	--prinfo=7 --ref-tag=0
same k4 back
try nvme read $P --start-block=8 --block-count=7 --data-size=4096 --data=back --metadata-size=64 --metadata=tuples \
	--prinfo=7 --ref-tag=8
same other4 back
try od -An -tx1 tuples
try nvme verify $P --start-block=0 --block-count=15 --prinfo=7 --ref-tag=0
try nvme write $P --start-block=16 --block-count=7 --data-size=4096 --data=k4 --prinfo=8 --ref-tag=16
try zones nvmesim0n4

echo "--- the other commands of the NVM command set"
try w $Z 0 16
try nvme compare $Z --start-block=0 --block-count=7 --data-size=4096 --data=k4
try nvme compare $Z --start-block=0x7f8 --block-count=15 --data-size=8192 --data=m1
try nvme verify $Z --start-block=0 --block-count=15
try nvme verify $Z --start-block=0x7f8 --block-count=15
try nvme write-zeroes $Z --start-block=0 --block-count=7
try nvme write-zeroes $Z --start-block=16 --block-count=7
try nvme compare $Z --start-block=16 --block-count=7 --data-size=4096 --data=zero4
try nvme copy $Z --sdlba=0x800 --slbs=8,0 --blocks=7,7
try r $Z 0x808 8
same k4 back
try nvme copy $Z --sdlba=0x800 --slbs=0 --blocks=7
try nvme copy $Z --sdlba=0x1000 --slbs=0x7f8 --blocks=15
try nvme dsm $Z --ad --slbs=0 --blocks=8
try r $Z 0 8
try nvme dsm $Z --ad --slbs=0x8000 --blocks=8
try nvme write-uncor $Z --start-block=0 --block-count=7
try nvme write-uncor $Z --start-block=24 --block-count=7
try nvme flush $Z
try zones nvmesim0n1
try all reset $Z

echo "--- what happens without a host's doing"
try w $Z 0 8
try w $Z 0x800 8
try w $Z 0x1000 8
try ctl zone recommend-reset nvmesim0n1 0
try finish $Z 0
try ctl zone recommend-reset nvmesim0n1 0
try ctl zone recommend-finish /dev/nvmesim0n1 0x800
try ctl zone finish nvmesim0n1 0x1000
try ctl zone recommend-finish /dev/nvmesim0n1 0x1000
try nvme zns report-zones $Z --descs=3 --verbose
try nvme zns changed-zone-list $Z --rae
try nvme zns changed-zone-list $Z
try nvme zns changed-zone-list $Z
try ctl zone clear nvmesim0n1 0
try ctl zone clear nvmesim0n1 0x800
try ctl zone read-only nvmesim0n1 0
try ctl zone read-only nvmesim0n1 0x1800
try w $Z 8 8
try append $Z 0 4096
try r $Z 0 8
same k4 back
for action in open close finish reset describe; do
	try $action $Z 0
done
try offline $Z 0
try state nvmesim0n1 0
rm -f back
try r $Z 0 8
try w $Z 8 8
try append $Z 0 4096
for action in open close finish reset describe offline; do
	try $action $Z 0
done
try all offline $Z
try zones nvmesim0n1
try ctl zone offline nvmesim0n1 0x2000
try nvme compare $Z --start-block=0x2000 --block-count=7 --data-size=4096 --data=zero4
try nvme verify $Z --start-block=0x2000 --block-count=7
try nvme dsm $Z --ad --slbs=0x2000 --blocks=8
try nvme copy $Z --sdlba=0x2800 --slbs=0x2000 --blocks=7
# changed FORMAT
changed() { nvme zns changed-zone-list $Z --rae --output-format="$1" | od -An -c -w32; }
try nvme zns changed-zone-list $Z --rae
try changed json
try changed binary
try nvme zns changed-zone-list $Z
try ctl zone read-only nvmesim0n1 0x2000
try ctl zone finish nvmesim0n1 0x2000
try ctl zone recommend-reset nvmesim0n1 0x7000
try ctl zone recommend-finish nvmesim0n1 0x7000
try ctl zone melt nvmesim0n1 0
try ctl zone offline nvmesim0n1 1
try ctl zone offline nvmesim0n1 0x8000
try ctl zone offline nvmesim0n5 0
try ctl zone offline nvmesim0 0
try ctl zone offline nvmesim0n1
try ctl zones nvmesim0n5
try ctl --json zones nvmesim0n1 0 3

echo "--- what is wrong"
for action in open close finish reset offline describe; do
	try $action $Z 1
	try $action $Z 0x8000
	try $action $N 0
done
for action in 0 6 0x0f 0x12 0xff; do
	try nvme zns zone-mgmt-send $Z --start-lba=0x2800 --zsa=$action
done
try nvme zns zone-mgmt-send $Z --start-lba=0x2800 --zsa=3 --zsaso
try nvme zns zone-mgmt-send $Z --zsa=0x10 --select-all --data-len=64 --data=ext64
try nvme zns zone-mgmt-send $Z --zsa=0x11 --select-all
try nvme zns zone-mgmt-send $Z --start-lba=0x2800 --zsa=4
try nvme zns zone-mgmt-send $O --start-lba=0 --zsa=0x10 --data-len=64 --data=ext64
try nvme zns zone-mgmt-send $N --start-lba=0 --zsa=4
try nvme zns zone-mgmt-recv $N --start-lba=0 --zra=0 --zrasf=0 --data-len=64
try nvme zns changed-zone-list $N
try nvme zns changed-zone-list $A --namespace-id=9
try nvme get-log $A --log-id=0xbf --log-len=4096 --csi=2
try nvme zns id-ns $A --namespace-id=9

echo "--- Format NVM"
try zones nvmesim0n1
try nvme format $Z --lbaf=4 --force
try nvme zns id-ns $Z
try nvme zns report-zones $Z --descs=3
try nvme format $Z --lbaf=0 --ses=1 --force
try zones nvmesim0n1
try r $Z 0 8
same zero4 back

echo "--- a zoned namespace that a host makes"
all1='0n1 0n2 0n3 0n4 0n5 1n1 1n2 1n3 1n4 1n5'
all6='0n1 0n2 0n3 0n4 0n5 0n6 1n1 1n2 1n3 1n4 1n5'
M=/dev/nvmesim0n6
try nvme create-ns $A --nsze=0x4000 --ncap=0x3000 --flbas=0 --nmic=1 --csi=2
try nvme list-ns $A --csi=2 --all
try nvme attach-ns $A --namespace-id=6 --controllers=0
# shellcheck disable=SC2086 # lists of nodes
try nodes $all6
try nvme zns id-ns $M
try append $M 0 4096
try nvme zns report-zones $M
try ctl zones nvmesim0n6
try nvme delete-ns $A --namespace-id=6
# shellcheck disable=SC2086
try nodes $all1
