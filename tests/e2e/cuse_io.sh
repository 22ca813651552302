#!/bin/sh
# SPDX-License-Identifier: MIT
#
# cuse_io.sh - commands through real CUSE nodes: directly, and with the kernel carrying the bytes
. "${NVMESIM_SRC:-$(dirname "$0")/../..}/tests/e2e/guest/guest.sh"

head -c 4096 /dev/urandom >k4
head -c 65536 /dev/urandom >k64
head -c 131072 /dev/urandom >k128
head -c 1048576 /dev/urandom >m1
head -c 2097664 /dev/urandom >past
cat >conf <<CONF
[daemon]
mode = 0666
[controller c]
serial = IO-1
mdts = 9
[namespace n]
bus = c
size = 64M
CONF

# bytes NAME BLOCK: write the file there, read it back, compare
bytes() {
	size=$(stat -c %s "$1")
	blocks=$((size / 512 - 1))
	runs "write $1" nvme write /dev/nvmesim0n1 --start-block="$2" --block-count=$blocks \
		--data-size="$size" --data="$1" &&
		runs "read $1" nvme read /dev/nvmesim0n1 --start-block="$2" --block-count=$blocks \
			--data-size="$size" --data="$1.back" &&
		same "$1" "$1.back" "$1: the same bytes come back" &&
		runs "compare $1" nvme compare /dev/nvmesim0n1 --start-block="$2" \
			--block-count=$blocks --data-size="$size" --data="$1"
}

# both ways must do all of this
common() {
	runs "id-ctrl" nvme id-ctrl /dev/nvmesim0 --output-format=json
	is "$(jq -r '.sn | rtrimstr(" ")' out | tr -d ' ')" "IO-1" "the configured serial number, in valid JSON"
	runs "id-ns" nvme id-ns /dev/nvmesim0n1
	runs "smart-log" nvme smart-log /dev/nvmesim0
	bytes k4 8
	bytes k64 256
	ends "compare finds a difference" 1 nvme compare /dev/nvmesim0n1 --start-block=9 \
		--block-count=7 --data-size=4096 --data=k4
	like "$(cat out)" 'Compare Failure' "and says so"
	ends "an unknown opcode" 1 nvme admin-passthru /dev/nvmesim0 --opcode=0xdf
	like "$(cat out)" 'Invalid (Command )?Opcode' "is Invalid Opcode"
	ends "a read past the end" 1 nvme read /dev/nvmesim0n1 --start-block=131072 --block-count=0 \
		--data-size=512
	like "$(cat out)" 'LBA Out of Range' "is LBA Out of Range"
	runs "show-regs" nvme show-regs /dev/nvmesim0 -H
	runs "reset" nvme reset /dev/nvmesim0
	runs "ns-rescan" nvme ns-rescan /dev/nvmesim0
	runs "bad pointers, lengths and numbers" "$BADPTR" /dev/nvmesim0 /dev/nvmesim0n1
	diag <out
	runs "smartctl" smartctl -a -d nvme /dev/nvmesim0

	# who may: as Linux decides for callers without CAP_SYS_ADMIN
	runs "uid 65534 may identify" nobody nvme id-ctrl /dev/nvmesim0
	ends "but not read logs" 1 nobody nvme smart-log /dev/nvmesim0
	like "$(cat out)" 'Permission denied' "which is EACCES"
	ends "nor reset" 1 nobody nvme reset /dev/nvmesim0
	runs "root of a new user namespace is nobody here" sh -c \
		'! setpriv --reuid=65534 --regid=65534 --clear-groups unshare -Ur nvme smart-log /dev/nvmesim0'
	runs "uid 65534 may read blocks" nobody nvme read /dev/nvmesim0n1 --start-block=8 --block-count=7 \
		--data-size=4096 --data=/dev/null
}

diag "--- directly"
start "start" -c conf
common
bytes k128 1024
bytes m1 2048
ends "past MDTS" 1 nvme write /dev/nvmesim0n1 --start-block=8192 --block-count=4096 \
	--data-size=2097664 --data=past
like "$(cat out)" 'Invalid Field' "is Invalid Field"
nvme read /dev/nvmesim0n1 --start-block=8192 --block-count=7 --data-size=4096 --data=back >/dev/null 2>&1
head -c 4096 /dev/zero >zero
same back zero "and nothing was written"
runs "stop" stop

diag "--- carried by the kernel"
start "start" -c conf --no-process-vm
common
ends "a transfer past what FUSE carries" 1 nvme write /dev/nvmesim0n1 --start-block=1024 \
	--block-count=255 --data-size=131072 --data=k128
like "$(cat out)" 'Message too long' "is EMSGSIZE"
ends "reading as well" 1 nvme read /dev/nvmesim0n1 --start-block=1024 \
	--block-count=2047 --data-size=1048576 --data=/dev/null
like "$(cat out)" 'Message too long' "is EMSGSIZE"
runs "and the next command works" nvme id-ctrl /dev/nvmesim0
runs "stop" stop

diag "--- a caller in another PID namespace"
# the daemon cannot see callers outside its own: their process number is 0 for it
unshare --pid --fork --kill-child "$NVMESIM" --foreground -c conf >log 2>&1 &
inner=$!
wait_for 10 test -c /dev/nvmesim0n1
is $? 0 "a daemon in a PID namespace of its own" || diag <log
bytes k64 512
runs "smart-log" nvme smart-log /dev/nvmesim0
kill "$(pgrep -P $inner)"
wait $inner
is $? 0 "as process 1 of it, SIGTERM ends it with 0"
gone
is $? 0 "and its nodes are gone"
tap_done
