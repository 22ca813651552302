#!/bin/sh
# SPDX-License-Identifier: MIT
#
# script_nvm.sh - namespaces made and unmade, formats, metadata, and every command of the NVM command set,
# by nvme-cli, with everything it says
#
# shellcheck disable=SC2086 # lists of nodes
# The same script runs behind both doors (script_nvm_doors.sh), and what it prints must not differ by a
# byte. It is a job, not a test: it judges nothing. Works in the current directory.
A=/dev/nvmesim0
B=/dev/nvmesim1
N=/dev/nvmesim0n1
. "$(dirname "$0")/job.sh"

# nodes: those of the configuration, and with another namespace
all='0n1 0n2 0n3 1n1 1n2 1n3'
all4='0n1 0n2 0n3 0n4 1n1 1n2 1n3 1n4'
no14='0n1 0n2 0n3 0n4 1n1 1n2 1n3'
with09='0n1 0n2 0n3 0n9 1n1 1n2 1n3'
with19='0n1 0n2 0n3 1n1 1n2 1n3 1n9'

# bytes that say where they are from
seq 1 1000000 | head -c 1048576 >m1
head -c 4096 m1 >k4
tail -c 4096 m1 >other4
head -c 4096 /dev/zero >zero4

# what is random of a namespace that a host made is left out
id_ns() { nvme id-ns "$@" --force | sed '/^nguid/d; /^eui64/d'; }
ctl() { "$NVMESIM_CTL" "$@"; }
# format_of NODE: as the driver knows it
format_of() { ctl list | grep "^/dev/$1	" | cut -f 6-; }
# json QUERY COMMAND...: a part of an answer
json() {
	job_query=$1
	shift
	nvme "$@" --output-format=json | jq -c "$job_query"
}

echo "--- the subsystem"
try nodes $all
try nvme list-ns $A
try nvme list-ns $A --all
try nvme list-ns $B
try nvme list-ctrl $A
try nvme list-ctrl $A --namespace-id=1
try nvme list-ctrl $A --namespace-id=9
try nvme id-ctrl $A
try nvme nvm-id-ctrl $A
try nvme effects-log $A
for n in 1 2 3; do
	try nvme id-ns ${A}n$n --human-readable
	try nvme nvm-id-ns ${A}n$n
done
try nvme id-ns $A --namespace-id=9
try nvme id-ns $A --namespace-id=9 --force

echo "--- a namespace: create, attach, use through both controllers, detach, delete"
try nvme create-ns $A --nsze=0x8000 --ncap=0x8000 --flbas=0 --nmic=1
try nodes $all
try nvme list-ns $A
try nvme list-ns $A --all
try id_ns $A --namespace-id=4
try nvme attach-ns $A --namespace-id=4 --controllers=0,1
try nodes $all4
try nvme attach-ns $A --namespace-id=4 --controllers=0
try nvme list-ctrl $A --namespace-id=4
try id_ns ${A}n4
try nvme write ${A}n4 --start-block=16 --block-count=7 --data-size=4096 --data=k4
try nvme compare ${B}n4 --start-block=16 --block-count=7 --data-size=4096 --data=k4
try nvme write ${B}n4 --start-block=16 --block-count=7 --data-size=4096 --data=other4
try nvme compare ${A}n4 --start-block=16 --block-count=7 --data-size=4096 --data=other4
try json .nuse id-ns ${A}n4
try nvme detach-ns $A --namespace-id=4 --controllers=1
try nodes $no14
try nvme detach-ns $A --namespace-id=4 --controllers=1
try nvme detach-ns $A --namespace-id=4 --controllers=0
try nodes $all
try nvme delete-ns $A --namespace-id=4
try nvme delete-ns $A --namespace-id=4
try nvme list-ns $A --all
try nvme changed-ns-list-log $A

echo "--- deleting an attached namespace takes its nodes along"
try nvme create-ns $A --nsze=0x800 --ncap=0x800 --flbas=0 --nmic=1
try nvme attach-ns $A --namespace-id=4 --controllers=0,1
try nodes $all4
try nvme delete-ns ${A}n4
try nodes $all

echo "--- a private namespace is attached to one controller at a time"
try nvme attach-ns $A --namespace-id=9 --controllers=0
try nodes $with09
try nvme attach-ns $B --namespace-id=9 --controllers=1
try nvme detach-ns $A --namespace-id=9 --controllers=0
try nvme attach-ns $B --namespace-id=9 --controllers=1
try nodes $with19
try nvme detach-ns $B --namespace-id=9 --controllers=1

echo "--- every LBA format can be made"
formats=$(nvme id-ns $N --output-format=json | jq '.nlbaf + 1')
f=0
while [ "$f" -lt "$formats" ]; do
	try nvme create-ns $A --nsze=0x100 --ncap=0x100 --flbas=$f --nmic=1
	try json '[.nsze, .ncap, .nuse, .flbas, .lbafs[.flbas % 16].ms, .lbafs[.flbas % 16].ds]' \
		id-ns $A --namespace-id=4 --force
	try nvme delete-ns $A --namespace-id=4
	f=$((f + 1))
done

echo "--- formats with wide guards are for hosts that know them (Linux's driver says that it does)"
# behavior COMMAND...: without the lines of zeroes
behavior() { nvme "$@" --feature-id=0x16 --data-len=512 | grep -v '0: 00[ 0]* "'; }
try behavior get-feature $A
head -c 512 /dev/zero >behavior
try behavior set-feature $A --value=0 --data=behavior
try nvme create-ns $A --nsze=0x100 --ncap=0x100 --flbas=8 --nmic=1
try nvme create-ns $A --nsze=0x100 --ncap=0x100 --flbas=7 --nmic=1
try nvme format $A --namespace-id=4 --lbaf=8 --force
try nvme delete-ns $A --namespace-id=4
printf '\1' | dd of=behavior bs=1 seek=2 conv=notrunc 2>/dev/null
try behavior set-feature $A --value=0 --data=behavior

echo "--- what cannot be made"
try nvme create-ns $A --nsze=0x800 --ncap=0x800 --flbas=15
try nvme create-ns $A --nsze=0x800 --ncap=0x800 --flbas=0 --dps=1
try nvme create-ns $A --nsze=0x800 --ncap=0x1000 --flbas=0
try nvme create-ns $A --nsze=0 --ncap=0 --flbas=0
try nvme create-ns $A --nsze=0x10000000 --ncap=0x10000000 --flbas=0
try nvme create-ns $A --nsze=0x800 --ncap=0x800 --flbas=0 --csi=1
try nvme create-ns $A --nsze=0x800 --ncap=0x800 --flbas=0 --csi=2
try nvme attach-ns $A --namespace-id=77 --controllers=0
try nvme attach-ns $A --namespace-id=0 --controllers=0
try nvme attach-ns $A --namespace-id=9 --controllers=7
try nvme detach-ns $A --namespace-id=9 --controllers=0
try nvme delete-ns $A --namespace-id=0
try nvme delete-ns $A --namespace-id=300
try nvme list-ns $A --all

# fill BLOCKS: create namespaces of that many blocks until one is refused
fill() {
	made=
	while word=$(nvme create-ns $A --nsze="$1" --ncap="$1" --flbas=0 --nmic=1 2>&1); do
		made="$made ${word##*:}"
	done
	# shellcheck disable=SC2086 # a list
	set -- $made
	echo "$# created, the last is $(eval "echo \${$#}"), then: $word"
	nvme id-ctrl $A | grep -E '^(tnvmcap|unvmcap)'
	nvme list-ns $A --all | tail -n 1
	nvme attach-ns $A --namespace-id="$1" --controllers=0 && appears "${A}n$1"
}
# empty: delete those it created
empty() {
	# shellcheck disable=SC2086 # a list
	for nsid in $made; do
		nvme delete-ns $A --namespace-id="$nsid" || return
	done
}
echo "--- until the capacity is exhausted, and back"
try sh -c "nvme id-ctrl $A | grep -E '^(tnvmcap|unvmcap)'"
try fill 0x20000
try empty
try nvme list-ns $A --all
try sh -c "nvme id-ctrl $A | grep -E '^(tnvmcap|unvmcap)'"
try nodes $all

echo "--- Format NVM"
try nvme create-ns $A --nsze=0x8000 --ncap=0x8000 --flbas=0 --nmic=1
try nvme attach-ns $A --namespace-id=4 --controllers=0,1
try nodes $all4
try nvme write ${A}n4 --start-block=0 --block-count=7 --data-size=4096 --data=k4
f=0
while [ "$f" -lt "$formats" ]; do
	for m in 0 1; do
		[ $m = 1 ] && [ "$f" -ge 8 ] && continue # the same block sizes, with wider guards
		try nvme format ${A}n4 --lbaf=$f --ms=$m --force
		try json '[.nsze, .ncap, .nuse, .flbas, .dps]' id-ns ${A}n4
		try format_of nvmesim1n4
	done
	f=$((f + 1))
done
for s in 0 1 2; do
	try nvme format $A --namespace-id=4 --lbaf=0 --ses=$s --force
	try nvme read ${A}n4 --start-block=0 --block-count=7 --data-size=4096 --data=formatted
	same zero4 formatted
	try nvme write ${B}n4 --start-block=0 --block-count=7 --data-size=4096 --data=k4
done
try nvme format ${A}n4 --lbaf=15 --force
try nvme format ${A}n4 --lbaf=0 --pi=1 --force
try nvme format ${A}n4 --lbaf=0 --ses=3 --force
try nvme format $A --namespace-id=77 --lbaf=0 --force
for p in 1 2 3; do
	try nvme format ${A}n4 --lbaf=1 --pi=$p --pil=1 --force
	try json '[.flbas, .dps]' id-ns ${A}n4
done
try nvme delete-ns $A --namespace-id=4
try nodes $all

echo "--- data: write, compare, copy"
try nvme write $N --start-block=0 --block-count=7 --data-size=4096 --data=k4
try nvme write $N --start-block=8 --block-count=7 --data-size=4096 --data=other4 --force-unit-access
try nvme compare $N --start-block=0 --block-count=7 --data-size=4096 --data=k4
try nvme compare $N --start-block=0 --block-count=7 --data-size=4096 --data=other4
try nvme copy $N --sdlba=100 --slbs=8,0 --blocks=7,7
try nvme read $N --start-block=100 --block-count=15 --data-size=8192 --data=copied
cat other4 k4 >wanted
same wanted copied
try nvme copy $N --sdlba=200 --slbs=0 --blocks=127
try nvme copy $N --sdlba=200 --slbs=0 --blocks=128
try nvme copy $N --sdlba=200 --slbs=0,64 --blocks=127,127
try nvme copy $N --sdlba=131071 --slbs=0 --blocks=7
try nvme copy $N --sdlba=200 --slbs=131071 --blocks=7
try nvme copy $N --sdlba=4 --slbs=0 --blocks=7
try nvme flush $N

echo "--- Write Zeroes, Dataset Management, Get LBA Status"
try nvme write-zeroes $N --start-block=0 --block-count=7
try nvme compare $N --start-block=0 --block-count=7 --data-size=4096 --data=zero4
try nvme write-zeroes $N --start-block=100 --block-count=15 --deac
try nvme compare $N --start-block=100 --block-count=7 --data-size=4096 --data=zero4
try nvme dsm $N --ad --slbs=8 --blocks=8
try nvme compare $N --start-block=8 --block-count=7 --data-size=4096 --data=zero4
try nvme dsm $N --idw --idr --slbs=0,64 --blocks=8,8 --ctx-attrs=1,2
try nvme dsm $N --ad --slbs=0xffffffffffffffff --blocks=1
try json .nuse id-ns $N
try nvme write $N --start-block=64 --block-count=7 --data-size=4096 --data=k4
try json .nuse id-ns $N
# (nvme-cli 2.3's get-lba-status brings no buffer, so that only its errors can be seen)
# lba_status ATYPE: of the first 1024 blocks
lba_status() {
	nvme admin-passthru $A --opcode=0x86 --namespace-id=1 --cdw12=63 --cdw13=$(($1 << 24 | 1024)) \
		--data-len=256 --read --raw-binary | od -An -tx1
}
try lba_status 0x11
try lba_status 0x10
try nvme get-lba-status $A --namespace-id=1 --start-lba=0xffffffffff --max-dw=63 --action=0x11 --range-len=1

echo "--- Write Uncorrectable, Verify"
try nvme verify $N --start-block=64 --block-count=7
try nvme write-uncor $N --start-block=66 --block-count=1
try nvme read $N --start-block=64 --block-count=7 --data-size=4096 --data=bad
try nvme verify $N --start-block=64 --block-count=7
try nvme compare $N --start-block=64 --block-count=7 --data-size=4096 --data=k4
try nvme copy $N --sdlba=500 --slbs=64 --blocks=7
try lba_status 0x10
try lba_status 0x11
try nvme read $N --start-block=64 --block-count=1 --data-size=1024 --data=good
try nvme write $N --start-block=66 --block-count=1 --data-size=1024 --data=k4
try nvme read $N --start-block=64 --block-count=7 --data-size=4096 --data=mended
try nvme verify $N --start-block=64 --block-count=7
try nvme verify $N --start-block=131071 --block-count=1

echo "--- metadata of its own, protection information of type 1"
P=/dev/nvmesim0n2
try nvme write $P --start-block=5 --block-count=7 --data-size=4096 --data=zero4 --prinfo=8 --ref-tag=5 \
	--app-tag=0x1234 --app-tag-mask=0xffff
try nvme read $P --start-block=5 --block-count=7 --data-size=4096 --data=data.back --metadata-size=64 \
	--metadata=tuples --prinfo=7 --ref-tag=5 --app-tag=0x1234 --app-tag-mask=0xffff
same zero4 data.back
try od -An -tx1 tuples
try nvme read $P --start-block=5 --block-count=7 --data-size=4096 --data=data.back --prinfo=0xf --ref-tag=5
try nvme read $P --start-block=5 --block-count=7 --data-size=4096 --data=data.back --metadata-size=64 \
	--metadata=tuples --prinfo=2 --app-tag=0x1235 --app-tag-mask=0xffff
try nvme read $P --start-block=5 --block-count=7 --data-size=4096 --data=data.back --metadata-size=64 \
	--metadata=tuples --prinfo=1 --ref-tag=6
try nvme verify $P --start-block=5 --block-count=7 --prinfo=7 --ref-tag=5 --app-tag=0x1234 --app-tag-mask=0xffff
try nvme compare $P --start-block=5 --block-count=7 --data-size=4096 --data=zero4 --metadata-size=64 \
	--metadata=tuples --prinfo=5 --ref-tag=5
# a guard that is wrong in the third block
cp tuples wrong
printf '\377\377' | dd of=wrong bs=1 seek=16 conv=notrunc 2>/dev/null
try nvme write $P --start-block=5 --block-count=7 --data-size=4096 --data=zero4 --metadata-size=64 \
	--metadata=wrong --prinfo=4
try nvme verify $P --start-block=5 --block-count=7 --prinfo=5 --ref-tag=5
try nvme write $P --start-block=5 --block-count=7 --data-size=4096 --data=zero4 --metadata-size=64 \
	--metadata=wrong --prinfo=0
try nvme read $P --start-block=5 --block-count=7 --data-size=4096 --data=data.back --metadata-size=64 \
	--metadata=tuples.back --prinfo=0
same wrong tuples.back
rm -f data.back
try nvme read $P --start-block=5 --block-count=7 --data-size=4096 --data=data.back --metadata-size=64 \
	--metadata=tuples.back --prinfo=4
try nvme verify $P --start-block=5 --block-count=7 --prinfo=4
try nvme write-zeroes $P --start-block=5 --block-count=7 --prinfo=8 --ref-tag=5
try nvme verify $P --start-block=5 --block-count=7 --prinfo=5 --ref-tag=5
try nvme copy $P --sdlba=50 --slbs=5 --blocks=7 --prinfor=8 --prinfow=8 --ref-tag=50 --expected-ref-tags=5
try nvme read $P --start-block=50 --block-count=7 --data-size=4096 --data=data.back --metadata-size=64 \
	--metadata=tuples --prinfo=5 --ref-tag=50
try od -An -tx1 tuples
try nvme read $P --start-block=5 --block-count=7 --data-size=4096 --data=data.back

echo "--- extended blocks, type 2 with a 64-bit guard first"
X=/dev/nvmesim0n3
head -c 4224 m1 >x8 # 8 x 528 bytes
try nvme write $X --start-block=0 --block-count=7 --data-size=4224 --data=x8 --prinfo=0
try nvme read $X --start-block=0 --block-count=7 --data-size=4224 --data=x8.back --prinfo=0
same x8 x8.back
try nvme verify $X --start-block=0 --block-count=7 --prinfo=4
try nvme write $X --start-block=0 --block-count=7 --data-size=4096 --data=zero4 --prinfo=8 --ref-tag=77
try nvme read $X --start-block=0 --block-count=0 --data-size=528 --data=x1 --prinfo=5 --ref-tag=77
try od -An -v -tx1 -j 512 x1
try nvme verify $X --start-block=0 --block-count=7 --prinfo=5 --ref-tag=77
try nvme verify $X --start-block=0 --block-count=7 --prinfo=1 --ref-tag=78
# 1500 x 528 bytes: one command
head -c 792000 m1 >xbig
try nvme write $X --start-block=64 --block-count=1499 --data-size=792000 --data=xbig --prinfo=0
try nvme read $X --start-block=64 --block-count=1499 --data-size=792000 --data=xbig.back --prinfo=0
same xbig xbig.back
try nvme write ${B}n3 --start-block=64 --block-count=1499 --data-size=792000 --data=xbig --prinfo=0
try nvme write $X --start-block=0 --block-count=7 --data-size=4224 --data=x8 --metadata-size=128 --metadata=x8

echo "--- reservations of two hosts"
printf 'host-a-identify!' >host-a
printf 'host-b-identify!' >host-b
try nvme set-feature $A --feature-id=0x81 --value=1 --data-len=16 --data=host-a
try nvme set-feature $B --feature-id=0x81 --value=1 --data-len=16 --data=host-b
try nvme get-feature $A --feature-id=0x81 --cdw11=1 --data-len=16
try nvme resv-report $N --eds
try nvme resv-register $N --nrkey=0xa --rrega=0
try nvme resv-register ${B}n1 --nrkey=0xb --rrega=0
try nvme resv-report $N --eds
try nvme resv-acquire $N --crkey=0xa --rtype=1 --racqa=0
try nvme resv-report ${B}n1 --eds
try nvme resv-acquire ${B}n1 --crkey=0xb --rtype=1 --racqa=0
try nvme write $N --start-block=0 --block-count=7 --data-size=4096 --data=k4
try nvme write ${B}n1 --start-block=0 --block-count=7 --data-size=4096 --data=other4
try nvme read ${B}n1 --start-block=0 --block-count=7 --data-size=4096 --data=data.back
same k4 data.back
try nvme resv-acquire ${B}n1 --crkey=0xb --prkey=0xa --rtype=2 --racqa=1
try nvme resv-report $N --eds
try nvme resv-notif-log $A
try nvme read $N --start-block=0 --block-count=7 --data-size=4096 --data=data.back
try nvme resv-release ${B}n1 --crkey=0xc --rtype=2 --rrela=0
try nvme resv-release ${B}n1 --crkey=0xb --rtype=2 --rrela=0
try nvme resv-register ${B}n1 --crkey=0xb --rrega=1
try nvme resv-report $N --eds
try nvme write $N --start-block=0 --block-count=7 --data-size=4096 --data=k4

echo "--- write protection"
try nvme set-feature $A --feature-id=0x84 --namespace-id=1 --value=1
try nvme get-feature $A --feature-id=0x84 --namespace-id=1
try nvme write $N --start-block=0 --block-count=7 --data-size=4096 --data=other4
try nvme write ${B}n1 --start-block=0 --block-count=7 --data-size=4096 --data=other4
try nvme format $N --lbaf=0 --force
try nvme compare $N --start-block=0 --block-count=7 --data-size=4096 --data=k4
try nvme set-feature $A --feature-id=0x84 --namespace-id=1 --value=0
try nvme write $N --start-block=0 --block-count=7 --data-size=4096 --data=other4

echo "--- asymmetric namespace access"
try nvme ana-log $A
try ctl ana
try ctl ana nvmesim1n1 inaccessible
try nvme ana-log $B
try nvme read ${B}n1 --start-block=0 --block-count=0 --data-size=512 --data=data.back
try nvme read $N --start-block=0 --block-count=0 --data-size=512 --data=data.back
try nodes $all
try ctl ana nvmesim1 optimized
try nvme read ${B}n1 --start-block=0 --block-count=0 --data-size=512 --data=data.back
try nvme ana-log $B

echo "--- until the identifiers are exhausted, and the end of them all"
try fill 0x400
try nvme delete-ns $A --namespace-id=0xffffffff
try nodes
try nvme list-ns $A --all
try sh -c "nvme id-ctrl $A | grep -E '^(tnvmcap|unvmcap)'"
