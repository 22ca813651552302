#!/bin/sh
# SPDX-License-Identifier: MIT
#
# script_fdp_doors.sh - Flexible Data Placement by nvme-cli: what it must say, and the same through both
# doors, to the byte
. "$(dirname "$0")/tap.sh"
. "$here/doors.sh"

run_door script_fdp.conf script_fdp.sh
A=/dev/nvmesim0
N=/dev/nvmesim0n1
M=/dev/nvmesim0n2

# says COMMAND REGEX DESCRIPTION [N]: the command's Nth answer
says() { like "$(answer "$1" "${4:-1}")" "$2" "$3"; }
# works COMMAND [N]: it ended with 0
works() { is "$(answer "$1" "${2:-1}" | tail -n 1)" '-> 0' "$1"; }
# numbers COMMAND KEY [N]: what stands behind KEY, in one line
numbers() { answer "$1" "${3:-1}" | sed -n "s/.*($2): //p" | tr '\n' ' '; }
# unit N [M]: unit N, the Mth time units were looked at
unit() { answer used "${2:-1}" | awk -v n="$1" '$1 == n { print $3, $4, $5, $6 }'; }

# --- the documentation's keys
configs="nvme fdp configs $A --endgrp-id=1 --human-readable"
says "nvme id-ctrl $A" '^ctratt *: 0x8' "CTRATT says that there is FDP"
says "nvme id-ctrl $A" '^endgidmax *: 1$' "one endurance group"
says "nvme id-ns $N" '^endgid *: 1$' "namespaces are in it"
says "$configs" '^Number of Reclaim Unit Handles: 6$' "fdp.nruh"
says "$configs" '^Reclaim Unit Nominal Size: 1048576$' "fdp.runs"
says "$configs" '^Number of Reclaim Groups: 1$' "fdp.nrg"
is "$(answer "$configs" | grep -c '^FDP Attributes')" 3 "three configurations to choose from"
usage="nvme fdp usage $A --endgrp-id=1"
is "$(answer "$usage" | sed -n 's/.*(\(.*\))/\1/p' | tr '\n' ,)" \
	'Host Specified,Controller Specified,Host Specified,Host Specified,Host Specified,Unused,' \
	"fdp.ruhs = 0;2;3-4 are the host's, one is the controller's for the namespace without"
says "nvme get-feature $A --feature-id=0x1d --cdw11=1 --human-readable" 'Enable \(FDPE\) *: Yes' "FDP is enabled"
says "nvme fdp status $M" 'Placement Identifier 0; Reclaim Unit Handle Identifier 1' \
	"a namespace without a list has one placement handle"

# --- directives
says "nvme dir-send $N --namespace-id=1 --dir-type=0 --dir-oper=1 --target-dir=1 --endir=1" 'Invalid Field' \
	"there are no streams"

# --- writing
stats="nvme fdp stats $A --endgrp-id=1"
# two commands, then what write_at wrote, one command more, and zeroes: in blocks of 512 bytes
written=$(((8 + 2048 + 1024 + 512 + 1024 + 8 + 8) * 512))
says "$stats" "HBMW\\): $written\$" "Host Bytes with Metadata Written are what was written" 2
says "$stats" "MBMW\\): $written\$" "and no more came to the media" 2
says "$stats" 'MBE\): 0$' "nothing was erased" 2
is "$(numbers "nvme fdp status $N" RUAMW 2)" '2032 1024 2040 1536 ' "RUAMW counts down, by handle"
is "$(numbers "nvme fdp status $M" RUAMW 2)" '1024 ' "and of the controller's handle"
is "$(unit 0)" 'written 0 1044480 1048576' "the first unit is full; a command's blocks elsewhere took its place"
is "$(unit 0 2)" 'written 0 0 1048576' "overwritten, nothing in it is valid"
is "$(unit 1 3)" 'written 0 4096 1048576' "deallocated, all but what is beside"
works "cmp -n 4096 back m1"

# --- events
host='events --host-events'
is "$(answer "$host" 2 | grep -c 'Event Type: 0x0')" 2 "two updates of units that were not full: two events"
says "$host" 'Event Type: 0x3' "an invalid placement identifier: an event" 2
says "$host" 'PID\): 0x9$' "which tells it" 2
is "$(answer "$host" 3)" "$(answer "$host" 2)" "an event that is disabled is not logged"
is "$(answer events 2 | grep -c Event)" 0 "the controller had nothing to tell"

# --- namespaces of hosts
says "nvme fdp status ${A}n3" 'Placement Identifier 1; Reclaim Unit Handle Identifier 2' \
	"create with a list: handle 2 is shared with the first namespace"
says "$usage" 'Handle 5 Attributes: 0x1' "handle 5 is a host's" 2
says "$usage" 'Handle 5 Attributes: 0x0' "until the namespace is deleted" 3
is "$(unit 0 4)" 'written 5 0 1048576' "it had the unit that held nothing; what it had written is not valid any more"

# --- refused
new="nvme admin-passthru $A --opcode=0x0d --cdw10=0 --data-len=4096 --write --input-file=new"
says "$stats" 'HBMW' "an endurance group there is"
says "nvme fdp stats $A --endgrp-id=2" 'Invalid Field' "and one there is not"
says "nvme fdp update $N --pids=9" 'Invalid Field' "an update of a placement identifier there is not"
says "nvme fdp update $M --pids=1" 'Invalid Field' "or of another namespace's"
says "nvme fdp set-events $N --namespace-id=1 --placement-handle=9 --enable --event-types=0" 'Invalid Field' \
	"events of a placement handle there is not"
says "nvme io-mgmt-send $N --namespace-id=1 --mo=5 --data-len=0" 'Invalid Field' "a management operation"
says "nvme set-feature $A --feature-id=0x1d --value=1 --cdw12=0 --save" 'Command Sequence Error' \
	"the mode cannot be switched while there are namespaces"
says "$new" 'Invalid Field' "create-ns in another endurance group" 2
says "$new" '0x602a' "create-ns with a handle there is not" 3

# --- the mode
works "nvme set-feature $A --feature-id=0x1d --value=1 --cdw12=0x101 --save"
is "$(answer "$usage" 4 | grep -c 0x)" 6 "a configuration with as many handles"
says "$stats" '0x29' "disabled: FDP Disabled" 3
works "nvme set-feature $A --feature-id=0x1d --value=1 --cdw12=1 --save"
says "$stats" 'HBMW\): 0$' "enabled again, it begins anew" 4

GUEST_TIMEOUT=${GUEST_TIMEOUT:-400}
export GUEST_TIMEOUT
cuse_door script_fdp.conf script_fdp.sh
tap_done
