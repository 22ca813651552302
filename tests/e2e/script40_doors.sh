#!/bin/sh
# SPDX-License-Identifier: MIT
#
# script40_doors.sh - the same nvme-cli script says the same through both doors, to the byte
. "$(dirname "$0")/tap.sh"
. "$here/doors.sh"

run_door script40.conf script40.sh
calls=$(grep -c '^\$ nvme ' "$T/run.txt")
[ "$calls" -ge 40 ]
is $? 0 "it makes at least 40 nvme-cli calls ($calls)"

# what it must say, whichever the door
out=$(cat "$T/run.txt")
like "$out" '^sn +: SIM40 *$' "id-ctrl says the configured serial number"
like "$out" '^mn +: nvmesim forty *$' "id-ctrl says the configured model"
like "$out" '^fr +: 4\.0 *$' "id-ctrl says the configured firmware revision"
like "$out" '^mdts +: 9$' "id-ctrl says the configured MDTS"
like "$out" '^k4 = k4\.back$' "4 KiB read back are those written"
like "$out" '^m1 = m1\.back$' "1 MiB read back is that written"
like "$out" '^zero4 = nothing$' "nothing of a write past MDTS was written"
like "$out" '^zero4 = zeroed$' "Write Zeroes leaves zeroes"
like "$out" 'Compare Failure' "Compare finds a difference"
like "$out" 'LBA Out of Range' "a read past the end is LBA Out of Range"
like "$out" 'get-namespace-id: Inappropriate ioctl' "NVME_IOCTL_ID on the controller is ENOTTY"

like "$(answer 'nvme write /dev/nvmesim0n1 --start-block=8192 --block-count=4103 --data-size=2101248 --data=past')" \
	'Invalid Field' "a write past MDTS is Invalid Field"
like "$(answer 'nvme io-passthru /dev/nvmesim0n1 --opcode=0x7e --namespace-id=1')" \
	'Invalid (Command )?Opcode' "an unknown I/O opcode is Invalid Opcode"
like "$(answer 'nvme admin-passthru /dev/nvmesim0 --opcode=0xdf')" \
	'Invalid (Command )?Opcode' "an unknown admin opcode is Invalid Opcode"
like "$(answer 'nvme io-passthru /dev/nvmesim0n1 --opcode=0x02 --namespace-id=2 --data-len=512 --read')" \
	'Invalid argument' "another namespace's NSID on a namespace node is EINVAL"
like "$(answer 'nvme get-log /dev/nvmesim0 --log-id=0xc0 --log-len=512')" \
	'Invalid Log Page' "an unknown log is Invalid Log Page"
like "$(answer 'nvme id-ns /dev/nvmesim0 --namespace-id=0xfffffffe')" \
	'Invalid Namespace' "an NSID past NN is Invalid Namespace or Format"
like "$(answer 'nvme list-ns /dev/nvmesim0')" '^\[ *0\]: *0x1$' "list-ns lists namespace 1"

cuse_door script40.conf script40.sh
tap_done
