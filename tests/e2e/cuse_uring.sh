#!/bin/sh
# SPDX-License-Identifier: MIT
#
# cuse_uring.sh - io_uring commands of programs attached to a daemon that has CUSE nodes
. "${NVMESIM_SRC:-$(dirname "$0")/../..}/tests/e2e/guest/guest.sh"

start "a daemon with CUSE nodes" -c "$NVMESIM_SRC/tests/uring/uring.conf"
for t in io tags index; do
	runs "attached to it: $t" "$NVMESIM_RUN" --attach="$sock" -- "$NVMESIM_BUILD/tests/uring/test_$t" \
		/dev/nvmesim0 /dev/nvmesim0n1
done
# its CUSE nodes are as they were for everybody else
runs "the node still answers ioctls" nvme id-ctrl /dev/nvmesim0
runs "and the daemon ends in order" stop
tap_done
