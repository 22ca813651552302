#!/bin/sh
# SPDX-License-Identifier: MIT
#
# script_nvm_doors.sh - namespaces and the NVM command set by nvme-cli: what it must say, and the same
# through both doors, to the byte
. "$(dirname "$0")/tap.sh"
. "$here/doors.sh"

run_door script_nvm.conf script_nvm.sh
out=$(cat "$T/run.txt")
A=/dev/nvmesim0
B=/dev/nvmesim1
N=/dev/nvmesim0n1

# says COMMAND REGEX DESCRIPTION [N]: the command's Nth answer
says() { like "$(answer "$1" "${4:-1}")" "$2" "$3"; }
# works COMMAND [N]: it ended with 0
works() { is "$(answer "$1" "${2:-1}" | tail -n 1)" '-> 0' "$1"; }
# nodes_are N DESCRIPTION: at the Nth look the nodes were those that had to be
nodes_are() {
	is "$(printf '%s\n' "$out" | awk -v nth="$1" '/^\$ nodes/ { on = ++n == nth } on && /^-> / { print; exit }')" \
		'-> 0' "$2"
}

# --- attachment
nodes_are 1 "shared namespaces are behind both controllers, the detached one behind none"
says "nvme list-ns $A --all" '0x9$' "but it is allocated"
says "nvme list-ctrl $A --namespace-id=1" '^\[ *1\]:0x1$' "list-ctrl lists the second controller"
says "nvme create-ns $A --nsze=0x8000 --ncap=0x8000 --flbas=0 --nmic=1" 'created nsid:4$' \
	"create-ns gives the lowest free NSID"
nodes_are 2 "a created namespace has no node"
nodes_are 3 "attach-ns to both: two nodes appear"
says "nvme attach-ns $A --namespace-id=4 --controllers=0" 'Namespace Already Attached' "not twice"
works "nvme compare ${B}n4 --start-block=16 --block-count=7 --data-size=4096 --data=k4"
works "nvme compare ${A}n4 --start-block=16 --block-count=7 --data-size=4096 --data=other4"
says "json .nuse id-ns ${A}n4" '^8$' "NUSE is what was written"
nodes_are 4 "detach-ns from one: its node vanishes, the other stays"
says "nvme detach-ns $A --namespace-id=4 --controllers=1" 'Namespace Not Attached' "not twice" 2
nodes_are 5 "detach-ns from the other: so does that"
works "nvme delete-ns $A --namespace-id=4"
says "nvme delete-ns $A --namespace-id=4" 'Invalid (Field|Namespace)' "a deleted namespace is not there" 2
nodes_are 6 "created and attached again"
works "nvme delete-ns ${A}n4"
nodes_are 7 "delete-ns of an attached namespace, on its own node: its nodes vanish"
nodes_are 8 "a private namespace is attached to one controller"
says "nvme attach-ns $B --namespace-id=9 --controllers=1" 'Namespace Is Private' "and not to a second"
nodes_are 9 "until the first lets go"

# --- what is refused, and leaves nothing
says "nvme create-ns $A --nsze=0x800 --ncap=0x800 --flbas=15" 'Invalid Format' "an LBA format that is not there"
says "nvme create-ns $A --nsze=0x800 --ncap=0x800 --flbas=0 --dps=1" 'Invalid Format' \
	"protection information without metadata"
says "nvme create-ns $A --nsze=0x10000000 --ncap=0x10000000 --flbas=0" 'Insufficient Capacity' \
	"more than there is"
says "nvme create-ns $A --nsze=0x800 --ncap=0x800 --flbas=0 --csi=1" 'command set is not supported' \
	"another command set"
says "nvme create-ns $A --nsze=0x800 --ncap=0x800 --flbas=0 --csi=2" 'Invalid Field' "less than a zone"
says "nvme attach-ns $A --namespace-id=9 --controllers=7" 'Controller List Invalid' "a controller that is not there"
is "$(answer "nvme list-ns $A --all" 1)" "$(answer "nvme list-ns $A --all" 4)" \
	"after that the same namespaces are allocated"
is "$(answer "nvme list-ns $A --all" 1)" "$(answer "nvme list-ns $A --all" 5)" "and after the loop below"
says "fill 0x20000" '^12 created.*Insufficient Capacity' "create-ns until the capacity is exhausted"
is "$(answer empty | grep -c 'deleted nsid')" 12 "delete-ns of each of them"
says "fill 0x400" '^252 created, the last is 256, then.*Identifier Unavailable' \
	"create-ns until the identifiers are"
capacity="sh -c nvme id-ctrl $A | grep -E '^(tnvmcap|unvmcap)'"
is "$(answer "$capacity" 1)" "$(answer "$capacity" 2)" "delete-ns gives the capacity back"
says "$capacity" '^tnvmcap *: *1073741824' "TNVMCAP is the capacity configured"
says "$capacity" '^unvmcap *: *838860800' "UNVMCAP is it less the configured namespaces"
nodes_are 10 "and no node is left over"

# --- formats
nodes_are 11 "a namespace to format is there"
nodes_are 12 "and gone when it was deleted"
is "$(answer "behavior get-feature $A" | grep -o '^0000: 00 00 01 00')" '0000: 00 00 01 00' \
	"the driver enables extended LBA formats, as Linux's does"
says "nvme create-ns $A --nsze=0x100 --ncap=0x100 --flbas=8 --nmic=1" 'Invalid Namespace or Format' \
	"without that there are no wide guards" 2
is "$(printf '%s\n' "$out" | grep -c '^\$ nvme format /dev/nvmesim0n4 --lbaf=[0-9]* --ms=[01] --force')" 23 \
	"Format NVM is tried with every LBA format"
for f in 0:512+0 1:512+8 2:512+16 3:512+64 4:4096+0 5:4096+8 6:4096+16 7:4096+64; do
	i=${f%%:*}
	says "format_of nvmesim1n4" "	$(echo "${f#*:}" | sed 's/+/[+]/')	" "format ${f#*:}, seen through the other controller" $((2 * i + 1))
done
says "format_of nvmesim1n4" '	4096\+64 extended	' "and with extended blocks" 16
is "$(printf '%s\n' "$out" | grep -c '^zero4 = formatted$')" 3 "Format with SES 0, 1 and 2 leaves nothing of the data"
says "nvme format ${A}n4 --lbaf=0 --pi=1 --force" 'Invalid Format' "protection information needs metadata"
says "nvme format ${A}n4 --lbaf=0 --ses=3 --force" 'Invalid Field' "SES 3 is reserved"
says "json [.flbas, .dps] id-ns ${A}n4" '^\[1,9\]$' "type 1, first"
says "json [.flbas, .dps] id-ns ${A}n4" '^\[1,11\]$' "type 3, first" 3

# --- data
for same in 'wanted = copied' 'k4 = data.back' 'zero4 = data.back' 'wrong = tuples.back' 'x8 = x8.back' \
	'xbig = xbig.back'; do
	like "$out" "^$same\$" "$same"
done
says "nvme copy $N --sdlba=200 --slbs=0 --blocks=128" 'Size Limit Exceeded' "Copy: a range past MSSRL"
says "nvme copy $N --sdlba=200 --slbs=0,64 --blocks=127,127" 'Size Limit Exceeded' "Copy: more than MCL"
says "nvme copy $N --sdlba=131071 --slbs=0 --blocks=7" 'LBA Out of Range' "Copy: past the end"
works "nvme compare $N --start-block=0 --block-count=7 --data-size=4096 --data=zero4"
works "nvme compare $N --start-block=100 --block-count=7 --data-size=4096 --data=zero4"
works "nvme compare $N --start-block=8 --block-count=7 --data-size=4096 --data=zero4"
says "json .nuse id-ns $N" '^136$' "deallocated blocks are not used"
says "json .nuse id-ns $N" '^144$' "written ones are" 2
says "lba_status 0x10" '^ 01 00 00 00 02 00 00 00 42 00' "Get LBA Status: blocks 66 and 67 are bad" 2
bad='Unrecovered Read Error'
says "nvme read $N --start-block=64 --block-count=7 --data-size=4096 --data=bad" "$bad" \
	"Write Uncorrectable makes blocks that cannot be read"
says "nvme verify $N --start-block=64 --block-count=7" "$bad" "nor verified" 2
says "nvme compare $N --start-block=64 --block-count=7 --data-size=4096 --data=k4" "$bad" "nor compared"
says "nvme copy $N --sdlba=500 --slbs=64 --blocks=7" "$bad" "nor copied"
works "nvme read $N --start-block=64 --block-count=1 --data-size=1024 --data=good"
works "nvme read $N --start-block=64 --block-count=7 --data-size=4096 --data=mended"
works "nvme verify $N --start-block=64 --block-count=7" 3

# --- protection information
P=${A}n2
is "$(answer "od -An -tx1 tuples" | head -n 1)" ' 00 00 12 34 00 00 00 05 00 00 12 34 00 00 00 06' \
	"PRACT makes tuples: the guard of zeroes is 0, the tags are the command's"
rd="nvme read $P --start-block=5 --block-count=7 --data-size=4096 --data=data.back --metadata-size=64"
says "$rd --metadata=tuples --prinfo=2 --app-tag=0x1235 --app-tag-mask=0xffff" 'Application Tag Check' \
	"a wrong application tag"
says "$rd --metadata=tuples --prinfo=1 --ref-tag=6" 'Invalid Protection Information' \
	"type 1: the reference tag is the block's"
says "$rd --metadata=tuples.back --prinfo=4" 'Guard Check' "a wrong guard, reading"
says "nvme write $P --start-block=5 --block-count=7 --data-size=4096 --data=zero4 --metadata-size=64 --metadata=wrong --prinfo=4" \
	'Guard Check' "a wrong guard, writing"
works "nvme verify $P --start-block=5 --block-count=7 --prinfo=5 --ref-tag=5"
is "$(answer "od -An -tx1 tuples" 2 | head -n 1)" ' 00 00 00 00 00 00 00 32 00 00 00 00 00 00 00 33' \
	"Copy makes reference tags anew"
# the CRC-64 of 512 zeroes, in the specification's bit order
is "$(answer "od -An -v -tx1 -j 512 x1" | head -n 1 | cut -c 25-)" ' 00 00 00 00 00 00 00 4d' \
	"a 64-bit guard's tuple ends with the reference tag"
says "nvme verify ${A}n3 --start-block=0 --block-count=7 --prinfo=4" 'Guard Check' "data that is no tuple has no guard"
says "nvme verify ${A}n3 --start-block=0 --block-count=7 --prinfo=1 --ref-tag=78" 'Reference Tag Check' \
	"a wrong reference tag"
says "nvme write ${B}n3 --start-block=64 --block-count=1499 --data-size=792000 --data=xbig --prinfo=0" \
	'Invalid Field' "extended blocks past the other controller's MDTS"
says "nvme write ${A}n3 --start-block=0 --block-count=7 --data-size=4224 --data=x8 --metadata-size=128 --metadata=x8" \
	'Invalid argument' "extended blocks have no metadata pointer"

# --- reservations
report="nvme resv-report $N --eds"
says "$report" '^regctl *: 2$' "two registrants" 2
says "$report" 'hostid *: 686f73742d622d6964656e7469667921$' "the host identifiers are those set" 2
says "nvme resv-acquire ${B}n1 --crkey=0xb --rtype=1 --racqa=0" 'Reservation Conflict' "one holder"
says "nvme write ${B}n1 --start-block=0 --block-count=7 --data-size=4096 --data=other4" 'Reservation Conflict' \
	"Write Exclusive keeps another host from writing"
works "nvme read ${B}n1 --start-block=0 --block-count=7 --data-size=4096 --data=data.back"
works "nvme resv-acquire ${B}n1 --crkey=0xb --prkey=0xa --rtype=2 --racqa=1"
says "$report" '^regctl *: 1$' "preempted: the first is no registrant any more" 3
says "nvme resv-notif-log $A" 'Log Page Count.*: 1$' "and was told"
says "nvme read $N --start-block=0 --block-count=7 --data-size=4096 --data=data.back" 'Reservation Conflict' \
	"Exclusive Access keeps it from reading"
says "nvme resv-release ${B}n1 --crkey=0xc --rtype=2 --rrela=0" 'Reservation Conflict' "the key must be right"
says "$report" '^regctl *: 0$' "released and unregistered" 4

# --- write protection
for command in "nvme write $N --start-block=0 --block-count=7 --data-size=4096 --data=other4" \
	"nvme format $N --lbaf=0 --force"; do
	says "$command" 'Write Protected' "write protected: $command"
done

# --- asymmetric namespace access
is "$(answer 'ctl ana' | head -n 1)" '/dev/nvmesim0n1	optimized' "nvmesim-ctl ana shows every path"
says "nvme ana-log $B" 'inaccessible' "what it sets is in the log"
read1="nvme read ${B}n1 --start-block=0 --block-count=0 --data-size=512 --data=data.back"
says "$read1" 'Inaccessible' "a path that is inaccessible"
works "nvme read $N --start-block=0 --block-count=0 --data-size=512 --data=data.back"
nodes_are 13 "its node stays"
works "$read1" 2

# --- all
nodes_are 14 "delete-ns of all: no node is left"
says "$capacity" '^unvmcap *: *1073741824' "and all capacity is free" 3

# hundreds of commands, in a guest that may be slow
GUEST_TIMEOUT=${GUEST_TIMEOUT:-400}
export GUEST_TIMEOUT
cuse_door script_nvm.conf script_nvm.sh
tap_done
