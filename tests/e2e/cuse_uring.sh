#!/bin/sh
# SPDX-License-Identifier: MIT
#
# cuse_uring.sh - io_uring commands of programs attached to a daemon that has CUSE nodes
. "${NVMESIM_SRC:-$(dirname "$0")/../..}/tests/e2e/guest/guest.sh"

# the first device of the guest has the first number: a node of it that is older than the device
start "a daemon with CUSE nodes" -c "$NVMESIM_SRC/tests/uring/uring.conf"
number=$(stat -c '0x%t 0x%T' /dev/nvmesim0n1)
runs "it ends" stop
# shellcheck disable=SC2086 # two numbers
mknod -m 666 old c $number
mkdir sys
start "and another one" -c "$NVMESIM_SRC/tests/uring/uring.conf" --sysfs "$T/sys"
is "$(stat -c '0x%t 0x%T' /dev/nvmesim0n1)" "$number" "has devices of the same numbers"
sleep 0.1 # longer than a tick
# shellcheck disable=SC2086
mknod -m 666 young c $number
for t in io tags index; do
	runs "attached to it: $t" "$NVMESIM_RUN" --attach="$sock" -- "$NVMESIM_BUILD/tests/uring/test_$t" \
		/dev/nvmesim0 /dev/nvmesim0n1
done
# descriptors that a program did not open itself
test=$NVMESIM_BUILD/tests/uring/test_given
runs "descriptors from outside" "$test" start /dev/nvmesim0 /dev/nvmesim0n1 "$T/young" "$T/old" \
	"$NVMESIM_RUN" --attach="$sock" -- setpriv --reuid=65534 --regid=65534 --clear-groups \
	"$test" /dev/nvmesim0 /dev/nvmesim0n1
diag <out
runs "and in a namespace of process ids" "$test" start /dev/nvmesim0 /dev/nvmesim0n1 "$T/young" "$T/old" \
	"$NVMESIM_RUN" --attach="$sock" -- unshare --pid --fork setpriv --reuid=65534 --regid=65534 --clear-groups \
	"$test" /dev/nvmesim0 /dev/nvmesim0n1
runs "and of root" "$test" start /dev/nvmesim0 /dev/nvmesim0n1 "$T/young" "$T/old" \
	"$NVMESIM_RUN" --attach="$sock" -- "$test" /dev/nvmesim0 /dev/nvmesim0n1 "$T/sys/bus/pci/devices/0000:01:00.0/vendor"
diag <out
# its CUSE nodes are as they were for everybody else
runs "the node still answers ioctls" nvme id-ctrl /dev/nvmesim0
runs "and the daemon ends in order" stop
tap_done
