#!/bin/sh
# SPDX-License-Identifier: MIT
#
# script_zns_doors.sh - zoned namespaces by nvme-cli and nvmesim-ctl: what they must say, and the same through both
# doors, to the byte
. "$(dirname "$0")/tap.sh"
. "$here/doors.sh"

run_door script_zns.conf script_zns.sh
A=/dev/nvmesim0
B=/dev/nvmesim1
Z=/dev/nvmesim0n1
O=/dev/nvmesim0n2
W=/dev/nvmesim0n3
P=/dev/nvmesim0n4
N=/dev/nvmesim0n5

# says COMMAND REGEX DESCRIPTION [N]: the command's Nth answer
says() { like "$(answer "$1" "${4:-1}")" "$2" "$3"; }
# works COMMAND [N]: it ended with 0
works() { is "$(answer "$1" "${2:-1}" | tail -n 1)" '-> 0' "$1"; }
# refused COMMAND STATUS [N]: with that status type and code, and Do Not Retry
refused() {
	status=$(answer "$1" "${3:-1}" | sed -n 's/^NVMe status:.*(0x\([0-9a-f]*\))$/\1/p')
	is "$(printf %x $((0x${status:-0} & 0x47ff)))" "4$2" "$1: $2"
}
# nvme-cli's own status word of Identify and Get Log Page has neither More nor Do Not Retry
refused_plainly() { says "$1" "\\(0x$2\\)$" "$1: $2" "${3:-1}"; }
# zones_are N LINES DESCRIPTION: what the Nth look at namespace 1 showed, "ZSLBA STATE WP ATTRIBUTES"
zones_are() {
	is "$(answer 'zones nvmesim0n1' "$1" | grep ^0x | cut -f 1-3,5 | tr '\t' ' ')" "$2" "$3"
}
# state_is N REGEX DESCRIPTION [NODE ZSLBA]
state_is() { says "state ${4:-nvmesim0n1 0}" "$2" "$3" "$1"; }

boundary=1b8 full=1b9 readonly=1ba offline=1bb invalid_write=1bc active=1bd open=1be transition=1bf
operation=1b6 no_zrwa=1b7 field=002 opcode=001 range=080 pi=181

# --- the keys
zid="nvme zns id-ns"
says "$zid ${A}n1 --human-readable" '^mar *: 6	' "zoned.max_active"
says "$zid ${A}n1 --human-readable" '^mor *: 4	' "zoned.max_open"
says "$zid ${A}n1 --human-readable" ' 0 : Zone Size: 0x800 LBAs - Zone Descriptor Extension Size: 64 bytes \(in use\)' \
	"zoned.zone_size, zoned.descr_ext_size"
says "$zid ${A}n1 --human-readable" 'Read Across Zone Boundaries: No' "zoned.cross_read is off by default"
says "$zid ${A}n2 --human-readable" 'Read Across Zone Boundaries: Yes' "zoned.cross_read=on"
says "$zid ${A}n2 --human-readable" 'No Active Resource Limit' "no zoned.max_active: no limit"
says "$zid ${A}n2 --human-readable" 'No Open Resource Limit' "no zoned.max_open: no limit"
says "$zid ${A}n2 --human-readable" ' 4 : Zone Size: 0x2ee LBAs .* 0 bytes \(in use\)' "zones of 750 blocks"
says "$zid ${A}n3 --human-readable" 'Zone Random Write Area: Yes' "zoned.zrwas"
says "$zid ${A}n3 --human-readable" '^mor *: 4	' "zoned.max_open is zoned.max_active where it is not given"
says "$zid ${A}n3 --human-readable" '^numzrwa *: 0x1$' "zoned.numzrwa, 0's based"
says "$zid ${A}n3 --human-readable" '^zrwasz *: 128$' "zoned.zrwas in blocks"
says "$zid ${A}n3 --human-readable" '^zrwafg *: 32$' "zoned.zrwafg"
says "$zid ${A}n4 --human-readable" '\(in use\)' "with metadata"
says "$zid ${A}n4 --human-readable" 'Zone Descriptor Extension Size: 16320 bytes \(in use\)' "the longest extension"
says "nvme zns report-zones $Z" 'SLBA: 0 .* Cap: 0x600 ' "zoned.zone_capacity"
says "nvme zns report-zones $O" 'SLBA: 0x2ee .* Cap: 0x271 ' "also where zones are no power of two"
says "nvme zns id-ctrl $A" '^zasl *: 3$' "zoned.zasl"
says "nvme zns id-ctrl $B" '^zasl *: 0$' "0 is mdts"
says "nvme ns-descs ${A}n1" '^csi *: 0x2$' "the command set identifier is a descriptor"
is "$(answer "nvme list-ns $A --csi=2" | grep -c :)" 4 "namespaces of the zoned command set"
is "$(answer "nvme list-ns $A --csi=2 --all" | grep -c :)" 4 "allocated ones, too"
is "$(answer "nvme list-ns $A --csi=0" | grep -c :)" 1 "and of the NVM command set"
says "nvme id-iocs $A" '\[0\]:5$' "a controller has both"
says "nvme effects-log $A --csi=2" 'IOCS125 *\[Zone Append' "the effects log has the zoned commands"
works "nvme zns id-ns $Z --output-format=json"
refused_plainly "nvme zns report-zones $N" 2

# --- reports
is "$(answer "nvme zns report-zones $Z" | grep -c SLBA)" 16 "a report of all"
for s in 1:12 2:1 3:1 4:1 5:1 6:0 7:0 0:16; do
	is "$(answer "nvme zns report-zones $Z --state=${s%:*}" | grep -c SLBA)" "${s#*:}" "filter ${s%:*}"
done
says "nvme zns report-zones $Z --extended --descs=4" '^0000: 31 0a 32 0a' "an extended report has the extension"
refused "nvme zns report-zones $Z --state=8" $field
refused "nvme zns report-zones $Z --start-lba=0x8000" $range
refused "nvme zns report-zones $O --extended" $field
says "nvme zns report-zones $Z --start-lba=0x1001 --descs=2" '^SLBA: 0x1000 ' "from the zone that has the block"
is "$(answer "bytes $Z 0 192 0 0 0" | sed -n 2p)" ' 10 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00' \
	"without Partial Report, the number is that of all that match"
is "$(answer "bytes $Z 0 192 0 0 1" | sed -n 2p)" ' 02 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00' \
	"with it, that of those that are there"
is "$(answer "bytes $Z 0x1801 64 0 0 0" | sed -n 2p)" ' 0d 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00' \
	"counted from where the report begins"
recv="nvme zns zone-mgmt-recv"
works "$recv $Z --start-lba=0 --zra=0 --zrasf=0 --data-len=1024"
refused "$recv $Z --start-lba=0 --zra=0 --zrasf=8 --data-len=64" $field
refused "$recv $Z --start-lba=0 --zra=2 --zrasf=0 --data-len=64" $field
refused "$recv $Z --start-lba=0x8000 --zra=0 --zrasf=0 --data-len=64" $range
refused "$recv $O --start-lba=0 --zra=1 --zrasf=0 --data-len=64" $field
refused "$recv $N --start-lba=0 --zra=0 --zrasf=0 --data-len=64" $opcode

# --- select-all
zones_are 1 '0x0 closed 0x8 -
0x800 closed 0x800 -
0x1000 full - -
0x1800 closed 0x1800 extension' "Close of all: those that are open"
zones_are 2 '0x0 explicitly-open 0x8 -
0x800 explicitly-open 0x800 -
0x1000 full - -
0x1800 explicitly-open 0x1800 extension' "Open of all: those that are closed"
zones_are 3 '0x0 full - -
0x800 full - -
0x1000 full - -
0x1800 full - extension' "Finish of all: those that are active"
is "$(answer 'zones nvmesim0n1' 4)" "$(answer 'zones nvmesim0n1' 3)" "Offline of all: those that are read only, so none"
zones_are 5 '' "Reset of all: every zone is empty, and has no extension"

# --- states and actions
for state in empty:1 explicit:2 closed:3 implicit:4; do
	refused "offline $Z 0" $transition "${state#*:}"
done
refused "close $Z 0" $transition
works "reset $Z 0"
works "finish $Z 0"
state_is 1 '	full	-	' "an empty zone can be finished"
like "$(cat "$T/run.txt")" '^zero4 = back$' "a zone that was reset reads as zeroes"
works "describe $Z 0"
state_is 2 '	closed	0x0	.*	extension$' "Set Zone Descriptor Extension: an empty zone becomes closed"
state_is 3 '	empty	0x0	.*	-$' "Reset takes the extension away"
state_is 4 '	explicitly-open	0x0	' "Open"
for n in 2 3 4 5; do
	refused "describe $Z 0" $transition $n
done
works "w $Z 8 8"
state_is 5 '	explicitly-open	0x10	' "written, it stays explicitly opened"
state_is 6 '	closed	0x10	' "Close"
works "close $Z 0" 3
works "w $Z 16 8"
state_is 7 '	implicitly-open	0x18	' "writing opens a closed zone"
works "open $Z 0" 3
state_is 8 '	explicitly-open	0x18	' "an implicitly opened zone can be opened"
works "finish $Z 0" 2
state_is 9 '	full	-	' "Finish"
refused "open $Z 0" $transition 4
refused "close $Z 0" $transition 4
works "finish $Z 0" 3
refused "offline $Z 0" $transition 5
refused "describe $Z 0" $transition 6
refused "w $Z 24 8" $full
refused "append $Z 0 4096" $full
refused "nvme write-zeroes $Z --start-block=24 --block-count=7" $full
refused "nvme copy $Z --sdlba=24 --slbs=0 --blocks=7" $full
works "r $Z 0 24"
state_is 10 '	empty	0x0	' "Reset of a full zone"

# --- where one can write
refused "w $Z 8 8" $invalid_write 2
refused "w $Z 0 8" $invalid_write 4
refused "w $Z 16 8" $invalid_write 2
refused "w $Z 0x7f8 16" $invalid_write
works "w $Z 8 1"
refused "r $Z 0x7f8 16" $boundary
works "r $Z 0x600 8"
refused "r $Z 0x7ff8 9" $range
refused "w $Z 0x8000 8" $range
works "fill $Z 9 64 23"
refused "w $Z 1481 56" $boundary
state_is 11 '	implicitly-open	0x5c9	' "after that the write pointer is where it was"
works "w $Z 1481 55"
state_is 12 '	full	-	' "written to its capacity, the zone is full"
like "$(cat "$T/run.txt")" '^wanted = crossed2$' "with zoned.cross_read, one read crosses zones"

# --- append
says "append $Z 0 4096" 'LBA 0$' "append to an empty zone" 2
says "append $Z 0 32768" 'LBA 8$' "and behind it"
refused "append $Z 0 33280" $field
says "append ${B}n1 0 65536" 'LBA 48$' "through the other controller, whose limit is mdts"
refused "append ${B}n1 0 66048" $field
refused "append $Z 8 4096" $field
refused "append $Z 0x8000 4096" $range
refused "append $N 0 4096" $opcode
state_is 13 '	implicitly-open	0xc8	' "what was refused has moved nothing"
says "append $Z 0x800 4096" 'LBA 808$' "append to a closed zone" 2
refused "append $Z 0x800 4096" $full 3
says "nvme io-passthru $Z --opcode=0x7d --namespace-id=1 --cdw10=0 --cdw12=7 --data-len=4096 --write --input-file=other4" \
	'result: 0x000000c8' "by hand"

# --- limits
refused "open $Z 0x2000" $open
refused "w $Z 0x2000 8" $open
refused "append $Z 0x2000 4096" $open
works "w $Z 0x2000 8" 2
refused "open $Z 0x3000" $active
refused "w $Z 0x3000 8" $active
refused "describe $Z 0x3000" $active
works "finish $Z 0x3000"
works "w $Z 0x3800 8"
refused "all open $Z" $open 2
is "$(answer 'zones nvmesim0n1' 10 | grep -c closed)" 6 "Open of all that finds too many opens none"
refused "w ${B}n1 0x2000 8" $open
works "w $Z 0x2000 8" 3
zones_are 11 '0x0 closed 0x8 -
0x800 implicitly-open 0x808 -
0x1000 implicitly-open 0x1008 -
0x1800 implicitly-open 0x1808 -
0x2000 implicitly-open 0x2008 -' "zoned.auto_transition: the zone opened first makes room; off: none does"
refused "open ${B}n1 0x2800" $open
works "open $Z 0x2800"

# --- random write areas
works "nvme zns open-zone $W --start-lba=0 --zrwaa"
works "w $W 64 32"
works "w $W 0 32" 2
state_is 1 '	explicitly-open	0x0	.*	zrwa$' "writes at random do not move the write pointer" "nvmesim0n3 0"
works "nvme zns zrwa-flush-zone $W --lba=31"
state_is 2 '	0x20	' "an explicit flush does" "nvmesim0n3 0"
refused "w $W 0 8" $invalid_write
works "w $W 32 8"
refused "nvme zns zrwa-flush-zone $W --lba=40" $field
refused "nvme zns zrwa-flush-zone $W --lba=287" $operation
refused "nvme zns zrwa-flush-zone $W --lba=0x800" $operation
works "w $W 160 32"
state_is 3 '	0x40	' "a write past the area flushes, in units of zoned.zrwafg" "nvmesim0n3 0"
refused "w $W 288 64" $invalid_write
refused "append $W 0 4096" $operation
refused "nvme zns open-zone $W --start-lba=0x1000 --zrwaa" $no_zrwa
works "nvme zns open-zone $W --start-lba=0x1800 --zrwaa"
refused "nvme zns open-zone $Z --start-lba=0 --zrwaa" $operation
refused "nvme zns zrwa-flush-zone $Z --lba=0" $operation

# --- protection information
for same in 'ext16k = report.ext' 'k4 = back' 'other4 = back'; do
	like "$(cat "$T/run.txt")" "^$same\$" "$same"
done
says "nvme zns zone-append $P --zslba=0 --data-size=4096 --data=other4 --prinfo=8 --piremap --ref-tag=0" 'LBA 8$' \
	"append with PIREMAP"
refused "nvme zns zone-append $P --zslba=0 --data-size=4096 --data=k4 --prinfo=8 --ref-tag=0" $pi
is "$(answer "od -An -tx1 tuples" | cut -c 13-24 | head -n 1)" ' 00 00 00 08' "reference tags are the block's"
works "nvme verify $P --start-block=0 --block-count=15 --prinfo=7 --ref-tag=0"

# --- the NVM command set's commands
refused "nvme compare $Z --start-block=0x7f8 --block-count=15 --data-size=8192 --data=m1" $boundary
refused "nvme verify $Z --start-block=0x7f8 --block-count=15" $boundary
refused "nvme write-zeroes $Z --start-block=0 --block-count=7" $invalid_write
works "nvme write-zeroes $Z --start-block=16 --block-count=7"
works "nvme copy $Z --sdlba=0x800 --slbs=8,0 --blocks=7,7"
refused "nvme copy $Z --sdlba=0x800 --slbs=0 --blocks=7" $invalid_write
refused "nvme copy $Z --sdlba=0x1000 --slbs=0x7f8 --blocks=15" $boundary
refused "nvme write-uncor $Z --start-block=0 --block-count=7" $invalid_write
works "nvme write-uncor $Z --start-block=24 --block-count=7"
refused "nvme dsm $Z --ad --slbs=0x8000 --blocks=8" $range

# --- what happens without a host's doing
report="nvme zns report-zones $Z --descs=3 --verbose"
says "$report" 'Reset Zone Recommended' "nvmesim-ctl zone recommend-reset"
says "$report" 'Finish Zone Recommended' "nvmesim-ctl zone recommend-finish"
says "$report" 'Zone Finished by Controller' "nvmesim-ctl zone finish"
says "nvme zns changed-zone-list $Z --rae" '^nrzid: *3$' "they are in the changed zone list"
says "nvme zns changed-zone-list $Z" '^nrzid: *3$' "retained"
says "nvme zns changed-zone-list $Z" '^nrzid: *0$' "and gone when it was read" 2
refused "w $Z 8 8" $readonly 3
refused "append $Z 0 4096" $readonly 3
like "$(answer "r $Z 0 8" 4)" 'Success' "a read-only zone reads"
refused "open $Z 0" $transition 6
refused "close $Z 0" $transition 6
refused "finish $Z 0" $transition 5
refused "reset $Z 0" $transition 6
refused "describe $Z 0" $transition 7
works "offline $Z 0" 6
refused "r $Z 0 8" $offline 5
refused "w $Z 8 8" $offline 4
refused "append $Z 0 4096" $offline 4
refused "open $Z 0" $transition 7
refused "reset $Z 0" $transition 7
works "offline $Z 0" 7
like "$(answer 'zones nvmesim0n1' 14)" '0x1800	offline' "Offline of all: those that are read only"
for command in "nvme compare $Z --start-block=0x2000 --block-count=7 --data-size=4096 --data=zero4" \
	"nvme verify $Z --start-block=0x2000 --block-count=7" "nvme dsm $Z --ad --slbs=0x2000 --blocks=8" \
	"nvme copy $Z --sdlba=0x2800 --slbs=0x2000 --blocks=7"; do
	refused "$command" $offline
done
for command in "read-only nvmesim0n1 0x2000" "finish nvmesim0n1 0x2000" "recommend-reset nvmesim0n1 0x7000" \
	"recommend-finish nvmesim0n1 0x7000"; do
	says "ctl zone $command" '^nvmesim-ctl: zone [0-9]+ is .*: it cannot ' "nvmesim-ctl zone $command: cannot be"
done
says "ctl zone melt nvmesim0n1 0" 'allowed: read-only' "an action that is none"
says "ctl zone offline nvmesim0n1 1" 'no zone begins at block 1$' "a block at which no zone begins"
says "ctl zone offline nvmesim0n5 0" 'no zoned namespace' "a namespace without zones"
is "$(answer 'ctl --json zones nvmesim0n1 0 3' | head -n 1 | jq -c '.result.cells | map(.state)')" \
	'["offline","implicitly-open","full"]' "--json has the zones"

# --- what is wrong
for action in open close finish reset offline describe; do
	refused "$action $Z 1" $field
	refused "$action $Z 0x8000" $range
	[ $action = describe ] || refused "$action $N 0" $opcode
done
for zsa in 6 0x0f 0x12 0xff; do
	refused "nvme zns zone-mgmt-send $Z --start-lba=0x2800 --zsa=$zsa" $field
done
refused "nvme zns zone-mgmt-send $Z --start-lba=0x2800 --zsa=3 --zsaso" $operation
refused "nvme zns zone-mgmt-send $Z --zsa=0x10 --select-all --data-len=64 --data=ext64" $field
refused "nvme zns zone-mgmt-send $Z --zsa=0x11 --select-all" $operation
works "nvme zns zone-mgmt-send $Z --start-lba=0x2800 --zsa=4"
refused "nvme zns zone-mgmt-send $O --start-lba=0 --zsa=0x10 --data-len=64 --data=ext64" $field
refused_plainly "nvme zns changed-zone-list $N" 2

# --- Format NVM
works "nvme format $Z --lbaf=4 --force"
says "nvme zns report-zones $Z --descs=3" '^SLBA: 0x200 .* Cap: 0xc0 .* State: 0x10 ' \
	"Format to blocks of 4 KiB: the same zones, all of them empty"
works "nvme format $Z --lbaf=0 --ses=1 --force"
is "$(answer 'zones nvmesim0n1' 16)" '-> 0' "and back"

# --- a zoned namespace that a host makes
made=/dev/nvmesim0n6
says "nvme create-ns $A --nsze=0x4000 --ncap=0x3000 --flbas=0 --nmic=1 --csi=2" 'created nsid:6$' "create-ns with CSI 2"
is "$(answer "nvme list-ns $A --csi=2 --all" 2 | grep -c :)" 5 "it is among those of its command set"
says "nvme zns report-zones $made" '^nr_zones: 8$' "it has zones"
says "nvme zns report-zones $made" '^SLBA: 0 .* WP: 0x8 .* Cap: 0x600 .* State: 0x20 ' "that can be appended to"
says "ctl zones nvmesim0n6" '^0x3800	empty	0x3800	0x600	-$' "and are on the map"
works "nvme delete-ns $A --namespace-id=6"
is "$(grep -c '^nodes:.*0n5 1n1.*1n5$' "$T/run.txt")" 1 "deleted, its node is gone"

GUEST_TIMEOUT=${GUEST_TIMEOUT:-400}
export GUEST_TIMEOUT
cuse_door script_zns.conf script_zns.sh
tap_done
