#!/bin/sh
# SPDX-License-Identifier: MIT
#
# script40.sh - more than 40 nvme-cli calls on /dev/nvmesim0 and /dev/nvmesim0n1, with everything they say
#
# The same script runs behind both doors (script40_doors.sh), and what it prints must not differ by a
# byte. It is a job, not a test: it judges nothing. Works in the current directory.
C=/dev/nvmesim0
N=/dev/nvmesim0n1
. "$(dirname "$0")/job.sh"

seq 1 1000000 | head -c 1048576 >m1 # 1 MiB
head -c 4096 m1 >k4
seq 7 1000000 | head -c 4096 >other4
cat m1 m1 k4 >past # one page past MDTS (2^9 * 4 KiB)

# --- who are you
try nvme id-ctrl $C
try nvme id-ctrl $C --human-readable
try nvme id-ctrl $C --output-format=json
try nvme id-ctrl $C --vendor-specific
try nvme id-ctrl $N
try nvme id-ns $N
try nvme id-ns $N --human-readable
try nvme id-ns $N --output-format=json
try nvme id-ns $C --namespace-id=1
try nvme id-ns $C --namespace-id=1 --force
try nvme id-ns $C --namespace-id=2
try nvme id-ns $C --namespace-id=0xfffffffe
try nvme id-ns $C
try nvme list-ns $C
try nvme list-ns $C --all
try nvme list-ns $C --namespace-id=0xfffffffe
try nvme list-ctrl $C
try nvme list-ctrl $C --namespace-id=1
try nvme ns-descs $N
try nvme ns-descs $C --namespace-id=9
try nvme nvm-id-ctrl $C
try nvme nvm-id-ns $N
try nvme cmdset-ind-id-ns $N
try nvme id-iocs $C
try nvme id-uuid $C
try nvme id-nvmset $C
try nvme id-domain $C
try nvme list-endgrp $C
try nvme primary-ctrl-caps $C
try nvme get-ns-id $N
try nvme get-ns-id $C

# --- registers, through Fabrics Property Get
try nvme show-regs $C
try nvme show-regs $C --human-readable
try nvme get-property $C --offset=0x0
try nvme get-property $C --offset=0x8 --human-readable
try nvme get-property $C --offset=0x14
try nvme get-property $C --offset=0x1c
try nvme get-property $C --offset=0xff0

# --- data
try nvme write $N --start-block=0 --block-count=7 --data-size=4096 --data=k4
try nvme read $N --start-block=0 --block-count=7 --data-size=4096 --data=k4.back
same k4 k4.back
try nvme compare $N --start-block=0 --block-count=7 --data-size=4096 --data=k4
try nvme compare $N --start-block=0 --block-count=7 --data-size=4096 --data=other4
try nvme write $N --start-block=2048 --block-count=2047 --data-size=1048576 --data=m1
try nvme read $N --start-block=2048 --block-count=2047 --data-size=1048576 --data=m1.back
same m1 m1.back
try nvme compare $N --start-block=2048 --block-count=2047 --data-size=1048576 --data=m1
try nvme write $N --start-block=8192 --block-count=4103 --data-size=2101248 --data=past
try nvme read $N --start-block=8192 --block-count=7 --data-size=4096 --data=nothing
head -c 4096 /dev/zero >zero4
same zero4 nothing
try nvme read $N --start-block=131072 --block-count=0 --data-size=512 --data=beyond
try nvme read $N --start-block=131071 --block-count=7 --data-size=4096 --data=beyond
try nvme write $N --start-block=131072 --block-count=7 --data-size=4096 --data=k4
try nvme write $N --start-block=0xffffffffffffffff --block-count=0 --data-size=512 --data=k4
try nvme write $N --start-block=16 --block-count=7 --data-size=4096 --data=k4 --force-unit-access
try nvme flush $N
try nvme flush $N --namespace-id=0xffffffff
try nvme write-zeroes $N --start-block=0 --block-count=7
try nvme read $N --start-block=0 --block-count=7 --data-size=4096 --data=zeroed
same zero4 zeroed
try nvme write-zeroes $N --start-block=131071 --block-count=7
try nvme dsm $N --ad --slbs=16,2048 --blocks=8,2048
try nvme dsm $N --ad --slbs=131071 --blocks=8
try nvme io-passthru $N --opcode=0x02 --namespace-id=1 --data-len=512 --read --cdw10=16 --cdw12=0
try nvme io-passthru $N --opcode=0x7e --namespace-id=1
try nvme io-passthru $N --opcode=0x02 --namespace-id=2 --data-len=512 --read
try nvme admin-passthru $C --opcode=0x06 --data-len=4096 --read --cdw10=1 --namespace-id=0
try nvme admin-passthru $C --opcode=0x06 --data-len=4096 --read --cdw10=0xee
try nvme admin-passthru $C --opcode=0xdf
try nvme admin-passthru $C --opcode=0x18
try nvme admin-passthru $C --opcode=0x08 --cdw10=0x00010000

# --- features
# all of them; the time of day (Timestamp's data) is left out
sweep() { nvme get-feature "$1" | awk '/^get-feature:/ { time = /Timestamp/; print; next } !time'; }
try sweep $C
try sweep $N
for fid in 0x01 0x02 0x04 0x05 0x06 0x07 0x08 0x09 0x0a 0x0b; do
	try nvme get-feature $C --feature-id=$fid --human-readable
done
for sel in 0 1 2 3; do
	try nvme get-feature $C --feature-id=0x04 --sel=$sel
done
try nvme get-feature $C --feature-id=0x7b
try nvme get-feature $N --feature-id=0x05 --namespace-id=1
try nvme set-feature $C --feature-id=0x04 --value=0x14e
try nvme get-feature $C --feature-id=0x04
try nvme set-feature $C --feature-id=0x06 --value=0
try nvme get-feature $C --feature-id=0x06
try nvme set-feature $C --feature-id=0x06 --value=1
try nvme set-feature $C --feature-id=0x07 --value=0x30003
try nvme set-feature $C --feature-id=0x7b --value=1

# --- resets: what Set Features said without Save is gone
try nvme ns-rescan $C
try nvme reset $C
try nvme get-feature $C --feature-id=0x04
try nvme subsystem-reset $C
try nvme id-ns $N
try nvme reset $N

# --- logs, after everything above
try nvme smart-log $C
try nvme smart-log $C --human-readable
try nvme smart-log $C --output-format=json
try nvme smart-log $C --namespace-id=1
try nvme smart-log $C --namespace-id=5
try nvme error-log $C --log-entries=4
try nvme error-log $C --output-format=json
try nvme fw-log $C
try nvme changed-ns-list-log $C
try nvme supported-log-pages $C
try nvme effects-log $C
try nvme effects-log $C --csi=0
try nvme effects-log $C --human-readable
try nvme fid-support-effects-log $C
try nvme self-test-log $C
try nvme get-log $C --log-id=0xc0 --log-len=512
try nvme get-log $C --log-id=0x02 --log-len=512
try nvme get-log $C --log-id=0x02 --log-len=64 --lpo=512
try nvme get-log $C --log-id=0x03 --log-len=64
