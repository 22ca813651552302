#!/bin/sh
# SPDX-License-Identifier: MIT
#
# ctl.sh - a daemon without nodes, nvmesim-ctl, and programs that attach to it
. "$(dirname "$0")/tap.sh"
cd "$T" || exit 99
sock=$T/socket
ctl() { "$NVMESIM_CTL" --socket "$sock" "$@"; }

# --- the background daemon: it returns when it can be reached
runs "nvmesim --no-cuse goes to the background" "$NVMESIM" --no-cuse --socket "$sock" \
	-drive if=none,id=d,size=32M -device nvme,serial=CTL-1,drive=d
at_exit '"$NVMESIM_CTL" --socket "$sock" stop >/dev/null 2>&1'
is "$(stat -c %a "$sock")" 600 "its control socket is 0600"

# --- list, show, help
runs "list" ctl list
like "$(cat out)" nvmesim0 "list has the controller"
like "$(cat out)" nvmesim0n1 "list has the namespace"
ctl --json list >list.json 2>err
is $? 0 "--json list" || diag <err
runs "it is valid JSON" jq -e type list.json
like "$(jq -r '.. | .serial? // empty' list.json)" '^CTL-1$' "with the serial number"
for command in show help; do
	runs "$command" ctl $command
	ctl --json $command >answer.json 2>err
	is $? 0 "--json $command" || diag <err
	runs "$command: valid JSON" jq -e type answer.json
done

# --- what is wrong
ends "an unknown command: exit status 2" 2 ctl frobnicate
is "$(wc -l <out)" 1 "with one line" || diag <out
ends "no command: exit status 2" 2 ctl
ends "nobody on the socket: exit status 3" 3 "$NVMESIM_CTL" --socket "$T/nowhere" list
is "$(wc -l <out)" 1 "with one line" || diag <out
ends "a second daemon on the socket: exit status 1" 1 "$NVMESIM" --no-cuse --socket "$sock"
is "$(wc -l <out)" 1 "with one line" || diag <out

# --- programs share the drive
head -c 4096 /dev/urandom >data
runs "a program attaches and writes" "$NVMESIM_RUN" --attach="$sock" -- \
	nvme write /dev/nvmesim0n1 --block-count=7 --data-size=4096 --data=data
runs "another attaches and reads the same" "$NVMESIM_RUN" --attach="$sock" -- \
	nvme compare /dev/nvmesim0n1 --block-count=7 --data-size=4096 --data=data
runs "the socket may come from the environment" env NVMESIM_SOCKET="$sock" "$NVMESIM_RUN" --attach -- \
	nvme id-ctrl /dev/nvmesim0
ends "nobody to attach to: exit status 125" 125 "$NVMESIM_RUN" --attach="$T/nowhere" -- true
is "$(wc -l <out)" 1 "with one line" || diag <out

# --- stop
runs "stop" ctl stop
[ ! -e "$sock" ]
is $? 0 "and the socket is gone"
ends "after that nobody answers" 3 ctl list

# --- in the foreground, by signals
for signal in TERM INT; do
	# (a shell starts background jobs with SIGINT ignored)
	env --default-signal "$NVMESIM" --no-cuse --foreground --socket "$sock" >log 2>&1 &
	daemon=$!
	wait_for 10 "$NVMESIM_CTL" --socket "$sock" list
	is $? 0 "nvmesim --foreground answers" || diag <log
	kill -$signal $daemon
	wait $daemon
	is $? 0 "SIG$signal ends it with 0" || diag <log
	[ ! -e "$sock" ]
	is $? 0 "and removes the socket"
done
# a daemon that was killed leaves its socket behind; the next one takes it
"$NVMESIM" --no-cuse --foreground --socket "$sock" >log 2>&1 &
daemon=$!
wait_for 10 "$NVMESIM_CTL" --socket "$sock" list
kill -9 $daemon
wait $daemon 2>/dev/null
runs "a dead daemon's socket is no obstacle" "$NVMESIM" --no-cuse --socket "$sock"
runs "stop" ctl stop
tap_done
