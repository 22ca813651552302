#!/bin/sh
# SPDX-License-Identifier: MIT
#
# script_fdp.sh - Flexible Data Placement by nvme-cli, with everything it says
#
# The same script runs behind both doors (script_fdp_doors.sh), and what it prints must not differ by a
# byte. It is a job, not a test: it judges nothing. Works in the current directory.
A=/dev/nvmesim0
N=/dev/nvmesim0n1
M=/dev/nvmesim0n2
. "$(dirname "$0")/job.sh"

seq 1 1000000 | head -c 1048576 >m1
head -c 4096 m1 >k4

# when something happened is left out
events() { nvme fdp events $A --endgrp-id=1 "$@" | grep -v Timestamp; }
# used: what each reclaim unit was written through, and what is valid of it
used() { "$NVMESIM_CTL" fdp $N | grep -v '	free	'; }
# write_at NODE BLOCK BLOCKS PLACEMENT: through a placement identifier; more than a command's worth in pieces
write_at() {
	fdp_at=$2 fdp_left=$3
	while [ "$fdp_left" -gt 0 ]; do
		fdp_n=$((fdp_left < 256 ? fdp_left : 256))
		head -c $((fdp_n * 512)) m1 >piece
		nvme write "$1" --start-block=$fdp_at --block-count=$((fdp_n - 1)) --data-size=$((fdp_n * 512)) \
			--data=piece --dir-type=2 --dir-spec="$4" >/dev/null || return
		fdp_at=$((fdp_at + fdp_n)) fdp_left=$((fdp_left - fdp_n))
	done
}

echo "--- what is there"
try nvme id-ctrl $A
try nvme effects-log $A
try nvme id-endurance-grp-list $A --endgrp-id=0
try nvme id-ns $N
try nvme fdp configs $A --endgrp-id=1 --human-readable
try nvme get-feature $A --feature-id=0x1d --cdw11=1 --human-readable
try nvme fdp usage $A --endgrp-id=1
try nvme fdp stats $A --endgrp-id=1
try nvme fdp status $N
try nvme fdp status $M
try events
try events --host-events

echo "--- directives"
try nvme dir-receive $N --namespace-id=1 --dir-type=0 --dir-oper=1 --data-len=4096 --human-readable
try nvme dir-send $N --namespace-id=1 --dir-type=0 --dir-oper=1 --target-dir=2 --endir=0
try nvme write $N --start-block=0 --block-count=7 --data-size=4096 --data=k4 --dir-type=2 --dir-spec=1
try nvme dir-receive $N --namespace-id=1 --dir-type=0 --dir-oper=1 --data-len=4096 --human-readable
try nvme dir-send $N --namespace-id=1 --dir-type=0 --dir-oper=1 --target-dir=2 --endir=1
try nvme dir-send $N --namespace-id=1 --dir-type=0 --dir-oper=1 --target-dir=1 --endir=1
try nvme write $N --start-block=0 --block-count=7 --data-size=4096 --data=k4 --dir-type=1 --dir-spec=1

echo "--- writing through handles"
try write_at $N 0 2048 0
try write_at $N 2048 1024 1
try write_at $N 4096 512 3
try write_at $M 0 1024 0
try nvme write $N --start-block=8192 --block-count=7 --data-size=4096 --data=k4
try nvme io-passthru $N --namespace-id=1 --opcode=8 --cdw10=9000 --cdw12=0x200007 --cdw13=0x20000
try nvme fdp stats $A --endgrp-id=1
try nvme fdp status $N
try nvme fdp status $M
try used
try nvme io-mgmt-recv $N --namespace-id=1 --mo=1 --data-len=4096 --data=ruhs
try od -An -tx1 -N 112 ruhs
try nvme read $N --start-block=0 --block-count=7 --data-size=4096 --data=back
try cmp -n 4096 back m1

echo "--- overwritten and deallocated: units die, and are erased when they are needed"
try write_at $N 0 2048 0
try used
try nvme dsm $N --ad --slbs=0 --blocks=2048
try used

echo "--- events"
try nvme get-feature $N --namespace-id=1 --feature-id=0x1e --cdw11=0xff0000 --data-len=32
try nvme fdp set-events $N --namespace-id=1 --placement-handle=1 --enable --event-types=0,3
try nvme fdp set-events $N --namespace-id=1 --placement-handle=0 --enable --event-types=3
try nvme get-feature $N --namespace-id=1 --feature-id=0x1e --cdw11=0xff0001 --data-len=32
try nvme fdp update $N --pids=1
try write_at $N 2048 256 1
try nvme fdp update $N --pids=1
try nvme write $N --start-block=0 --block-count=7 --data-size=4096 --data=k4 --dir-type=2 --dir-spec=9
try events --host-events
try events
try nvme fdp set-events $N --namespace-id=1 --placement-handle=1 --event-types=0
try write_at $N 2048 256 1
try nvme fdp update $N --pids=1
try events --host-events
try nvme fdp status $N

echo "--- namespaces of hosts"
# placement handles 0 and 1 of it are the group's 5 and 2
{
	printf '\0\200\0\0\0\0\0\0\0\200\0\0\0\0\0\0' # NSZE, NCAP
	head -c 86 /dev/zero
	printf '\001\0' # ENDGID
	head -c 280 /dev/zero
	printf '\0\0\0\0\0\0\0\0\002\0' # LBSTM, NPHNDLS
	head -c 118 /dev/zero
	printf '\005\0\002\0'
	head -c 3580 /dev/zero
} >new
try nvme admin-passthru $A --opcode=0x0d --cdw10=0 --data-len=4096 --write --input-file=new
try nvme attach-ns $A --namespace-id=3 --controllers=0
try appears ${A}n3
try nvme fdp status ${A}n3
try nvme fdp usage $A --endgrp-id=1
try write_at ${A}n3 0 2048 0
try nvme fdp status ${A}n3
try nvme delete-ns $A --namespace-id=3
try nvme create-ns $A --nsze=0x1000 --ncap=0x1000 --flbas=0
try nvme fdp usage $A --endgrp-id=1
try used

echo "--- what is refused"
try nvme fdp stats $A --endgrp-id=2
try nvme fdp usage $A --endgrp-id=0
try nvme fdp configs $A --endgrp-id=7
try nvme fdp update $N --pids=9
try nvme fdp update $N --pids=1,77
try nvme fdp update $M --pids=1
try nvme fdp set-events $N --namespace-id=1 --placement-handle=9 --enable --event-types=0
try nvme io-mgmt-send $N --namespace-id=1 --mo=5 --data-len=0
try nvme io-mgmt-recv $N --namespace-id=1 --mo=5 --data-len=64 --data=ruhs
try nvme set-feature $A --feature-id=0x1d --value=1 --cdw12=0
try nvme set-feature $A --feature-id=0x1d --value=1 --cdw12=0 --save
printf '\002' | dd of=new bs=1 seek=102 conv=notrunc 2>/dev/null
try nvme admin-passthru $A --opcode=0x0d --cdw10=0 --data-len=4096 --write --input-file=new
printf '\001' | dd of=new bs=1 seek=102 conv=notrunc 2>/dev/null
printf '\006' | dd of=new bs=1 seek=514 conv=notrunc 2>/dev/null
try nvme admin-passthru $A --opcode=0x0d --cdw10=0 --data-len=4096 --write --input-file=new
printf '\005' | dd of=new bs=1 seek=514 conv=notrunc 2>/dev/null
try nvme admin-passthru $A --opcode=0x0d --cdw10=0 --data-len=4096 --write --input-file=new

echo "--- without namespaces the mode can be switched"
try nvme delete-ns $A --namespace-id=1
try nvme delete-ns $A --namespace-id=2
try nvme delete-ns $A --namespace-id=3
try nvme set-feature $A --feature-id=0x1d --value=1 --cdw12=0x101 --save
try nvme fdp configs $A --endgrp-id=1
try nvme fdp usage $A --endgrp-id=1
try nvme set-feature $A --feature-id=0x1d --value=1 --cdw12=0 --save
try nvme fdp stats $A --endgrp-id=1
try nvme fdp usage $A --endgrp-id=1
try nvme set-feature $A --feature-id=0x1d --value=1 --cdw12=1 --save
try nvme fdp stats $A --endgrp-id=1
