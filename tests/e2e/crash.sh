#!/bin/sh
# SPDX-License-Identifier: MIT
#
# crash.sh - the daemon is killed in the middle of a load, NVMESIM_KILLS times (200): what was acknowledged is there
. "$(dirname "$0")/tap.sh"
cd "$T" || exit 99

cat >crash.conf <<CONF
[controller nvme0]
serial = crash
capacity = 64M

[namespace plain]
nsid = 1
file = $T/plain.img
size = 1M

[namespace protected]
nsid = 2
file = $T/protected.img
size = 2M
ms = 16
pi = 1

[namespace formatted]
nsid = 3
file = $T/formatted.img
size = 4M
CONF
if runs "a daemon killed ${NVMESIM_KILLS:=200} times has lost nothing" \
	"$NVMESIM_BUILD/tests/e2e/crash" run "$NVMESIM_KILLS" "$NVMESIM" "$NVMESIM_RUN" "$T" blocks; then
	diag <out
	like "$(cat out)" '^[0-9]+ kills: [1-9][0-9]{3,} commands' "and there was a load"
fi
tap_done
