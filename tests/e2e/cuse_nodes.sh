#!/bin/sh
# SPDX-License-Identifier: MIT
#
# cuse_nodes.sh - device nodes appear when the daemon is ready and vanish however it ends
. "${NVMESIM_SRC:-$(dirname "$0")/../..}/tests/e2e/guest/guest.sh"

# --- they are there when the command returns, and gone when stop does
start "nvmesim starts in the background" -drive if=none,id=a,size=16M \
	-device nvme,serial=A,drive=a -device nvme,serial=B,id=b \
	-drive if=none,id=c,size=32M -device nvme-ns,bus=b,drive=c,nsid=3
is "$(nodes)" "nvmesim0 nvmesim0n1 nvmesim1 nvmesim1n3" "a node per controller and namespace"
is "$(stat -c '%F %a %u %g' /dev/nvmesim0)" "character special file 600 0 0" "a character device, 0600 root"
is "$(stat -c '%a %u %g' /dev/nvmesim1n3)" "600 0 0" "the namespace's, too"
runs "nvme id-ctrl on the first" nvme id-ctrl /dev/nvmesim0
like "$(cat out)" '^sn +: A *$' "it is the first"
runs "nvme id-ns on the second's namespace" nvme id-ns /dev/nvmesim1n3
like "$(nvme get-ns-id /dev/nvmesim1n3)" '3' "NVME_IOCTL_ID says its NSID"

# --- a name that is taken
ends "a second daemon on the same names" 1 "$NVMESIM" --socket "$T/second"
like "$(cat out)" '/dev/nvmesim0' "says which name is taken"
is "$(wc -l <out)" 1 "in one line" || diag <out
[ ! -e "$T/second" ]
is $? 0 "and leaves no socket"
is "$(nodes)" "nvmesim0 nvmesim0n1 nvmesim1 nvmesim1n3" "the first daemon's nodes are untouched"
truncate -s 1M exists.img
ends "a taken name leaves no new file behind" 1 "$NVMESIM" --socket "$T/second" \
	-drive file=exists.img,if=none,id=e -drive file=made.img,if=none,id=m,size=1M \
	-device nvme,serial=S,id=s,drive=e -device nvme-ns,bus=s,drive=m
is "$(ls -- *.img)" exists.img "and what was there stays"
runs "the first still answers" nvme smart-log /dev/nvmesim0
runs "nvmesim-ctl stop" stop
gone
is $? 0 "the nodes are gone when it returns"
[ ! -e "$sock" ]
is $? 0 "so is the socket"

# --- signals and a crash
for signal in TERM INT HUP; do
	start "start, for SIG$signal" -drive if=none,id=a,size=16M -device nvme,serial=A,drive=a
	pid=$(daemon)
	kill -$signal "$pid"
	wait_for 5 gone
	is $? 0 "SIG$signal: the nodes vanish"
	wait_for 5 test ! -e "$sock"
	is $? 0 "SIG$signal: the socket, too"
done
start "start, for SIGKILL"
sleep 60 <>/dev/nvmesim0 &
holder=$!
kill -9 "$(daemon)"
wait_for 5 gone
is $? 0 "kill -9: the kernel removes the nodes, open ones included"
kill $holder
start "the next daemon takes names and socket over"

# --- a client in a command that does not end by itself
"$BADPTR" --event /dev/nvmesim0 &
waiting=$!
sleep 0.3
kill -9 $waiting
wait $waiting 2>/dev/null
is $? 137 "a client that waits for an event can be killed"
runs "and the drive answers others" nvme id-ctrl /dev/nvmesim0
"$BADPTR" --event /dev/nvmesim0 >event 2>&1 &
waiting=$!
sleep 0.3
runs "stop while a client waits" stop
wait $waiting
is "$(cat event)" "ENODEV" "the client gets ENODEV"

# --- mode, group, names
cat >conf <<CONF
[daemon]
mode = 0640
group = disk
node_names = linux
[controller c]
serial = L
[namespace n]
bus = c
size = 16M
CONF
start "mode, group and node_names are configured" -c conf
is "$(nodes)" "ng0n1 nvme0" "node_names = linux"
is "$(stat -c '%a %U %G' /dev/nvme0)" "640 root disk" "mode and group of the controller's node"
is "$(stat -c '%a %U %G' /dev/ng0n1)" "640 root disk" "and of the namespace's"
runs "nvme id-ns /dev/ng0n1" nvme id-ns /dev/ng0n1
runs "stop" stop

# --- in the foreground
"$NVMESIM" --foreground >log 2>&1 &
pid=$!
wait_for 10 grep -q ready log
is $? 0 "--foreground says when it is ready" || diag <log
is "$(nodes)" "nvmesim0 nvmesim0n1" "the default drive: a controller with a namespace"
kill $pid
wait $pid
is $? 0 "SIGTERM ends it with 0" || diag <log
gone
is $? 0 "and no node is left"

# --- no CUSE
rm /dev/cuse
ends "without /dev/cuse: exit status 1" 1 "$NVMESIM"
for word in 'modprobe cuse' nvmesim-run no-cuse; do
	like "$(cat out)" "$word" "which names a way out: $word"
done
is "$(wc -l <out)" 1 "in one line" || diag <out
tap_done
