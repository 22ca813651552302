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
ends "--watch of what cannot be watched: exit status 2" 2 ctl --watch stop
ends "--watch of no time: exit status 2" 2 ctl --watch=0 list
ends "nobody on the socket: exit status 3" 3 "$NVMESIM_CTL" --socket "$T/nowhere" list
is "$(wc -l <out)" 1 "with one line" || diag <out
ends "a second daemon on the socket: exit status 1" 1 "$NVMESIM" --no-cuse --socket "$sock"
is "$(wc -l <out)" 1 "with one line" || diag <out

# --- asymmetric namespace access, of a subsystem with two controllers
two=$T/two
runs "a daemon with two paths to a namespace" "$NVMESIM" --no-cuse --socket "$two" \
	-device nvme-subsys,id=s,capacity=64M -device nvme,id=x,serial=P,subsys=s -device nvme,serial=P,subsys=s \
	-drive if=none,id=d,size=32M -device nvme-ns,drive=d -drive if=none,id=e,size=8M \
	-device nvme-ns,drive=e,bus=x,shared=off,ms=8,pi=1
at_exit '"$NVMESIM_CTL" --socket "$two" stop >/dev/null 2>&1'
runs "ana" "$NVMESIM_CTL" --socket "$two" ana
is "$(cut -f 2 out | sort -u)" optimized "every path is optimized at first"
is "$(wc -l <out)" 3 "of two controllers to a shared namespace, and of one to a private one"
runs "ana NODE STATE" "$NVMESIM_CTL" --socket "$two" ana /dev/nvmesim1n1 inaccessible
is "$(cat out)" "/dev/nvmesim1n1	inaccessible" "it shows what it set"
ends "a read there fails" 1 "$NVMESIM_RUN" --attach="$two" -- nvme read /dev/nvmesim1n1 --block-count=0 --data-size=512
like "$(cat out)" 'Inaccessible' "with Asymmetric Access Inaccessible"
runs "the other path works" "$NVMESIM_RUN" --attach="$two" -- nvme read /dev/nvmesim0n1 --block-count=0 --data-size=512
"$NVMESIM_CTL" --socket "$two" --json ana nvmesim1 change >ana.json
is "$(jq -c .result ana.json)" '[{"node":"nvmesim1n1","nsid":1,"state":"change"}]' "--json, of a whole controller"
is "$("$NVMESIM_CTL" --socket "$two" --json show nvmesim0n1 | jq -c '[.result.paths, .result.ana]')" \
	'[["nvmesim0n1","nvmesim1n1"],"optimized"]' "show names a namespace's paths"
is "$("$NVMESIM_CTL" --socket "$two" --json show nvmesim0n2 |
	jq -c '[.result.metadata, .result.metadata_size, .result.pi_type, .result.pi_place, .result.shared]')" \
	'["separate",8,1,"last",false]' "and says what its blocks are like"
is "$("$NVMESIM_CTL" --socket "$two" --json show nvmesim1 |
	jq -c '[.result.allocated_nsids, .result.capacity, .result.unallocated_capacity]')" \
	'[[1,2],67108864,25165824]' "a controller's capacity and allocated namespaces"
"$NVMESIM_CTL" --socket "$two" list >out
like "$(cat out)" '	512\+8 PI type 1	' "list shows the format"
ends "a state that is none: exit status 1" 1 "$NVMESIM_CTL" --socket "$two" ana nvmesim1 perfect
like "$(cat out)" 'allowed: optimized' "and what there is"
ends "a node that is none: exit status 1" 1 "$NVMESIM_CTL" --socket "$two" ana nvmesim7 optimized
ends "too many arguments: exit status 2" 2 "$NVMESIM_CTL" --socket "$two" ana nvmesim1 optimized now
ends "a controller with a subsystem to itself reports none: exit status 1" 1 ctl ana nvmesim0 inaccessible
like "$(cat out)" 'does not report' "and says so"

# --- zones: lines in a pipe, a map on a terminal, JSON that does not grow with the zones
zns=$T/zns
zctl() { "$NVMESIM_CTL" --socket "$zns" "$@"; }
# on_terminal COMMAND...: of 80 columns and 24 rows; colours are left out
on_terminal() { script -qec "$*" /dev/null </dev/null | tr -d '\r' | sed 's/\x1b\[[0-9;]*[A-Za-z]//g'; }
runs "a daemon with zoned namespaces of 6 and of a million zones" "$NVMESIM" --no-cuse --socket "$zns" \
	-device nvme,serial=Z -drive if=none,id=d,size=6M -drive if=none,id=e,size=4000000k -drive if=none,id=f,size=1M \
	-device nvme-ns,drive=d,zoned=on,zoned.zone_size=1M,zoned.zone_capacity=768k,zoned.max_open=3 \
	-device nvme-ns,drive=e,zoned=on,zoned.zone_size=4k -device nvme-ns,drive=f
at_exit '"$NVMESIM_CTL" --socket "$zns" stop >/dev/null 2>&1'
head -c 393216 /dev/zero >384k
runs "zones are used" "$NVMESIM_RUN" --attach="$zns" -- sh -c '
	nvme write /dev/nvmesim0n1 --start-block=0 --block-count=767 --data-size=393216 --data=384k &&
	nvme zns finish-zone /dev/nvmesim0n1 --start-lba=0x800 &&
	nvme zns open-zone /dev/nvmesim0n1 --start-lba=0x1000'
zctl zone offline nvmesim0n1 0x2000 >out
is "$(cat out)" '0x2000	offline	-	0x600	-' "zone shows what has become of it"
zctl zone recommend-reset nvmesim0n1 0x800 >out
zctl zones /dev/nvmesim0n1 >out
printf '0x%x\t%s\t%s\t0x600\t%s\n' 0 implicitly-open 0x300 - 0x800 full - reset-recommended \
	0x1000 explicitly-open 0x1000 - 0x1800 empty 0x1800 - 0x2000 offline - - 0x2800 empty 0x2800 - >want
same want out "zones, in a pipe: a line each"
zctl list >out
like "$(cat out)" '	512\+0 zoned	' "list says which namespaces are zoned"
LC_ALL=C.UTF-8 on_terminal "$NVMESIM_CTL" --socket "$zns" zones nvmesim0n1 >out
like "$(cat out)" '^/dev/nvmesim0n1  6 zones of 1 MiB, capacity 768 KiB, blocks of 512 B$' "on a terminal: the geometry"
like "$(cat out)" '^open 2/3, active 2, 1.12 MiB of 4.50 MiB written \(25%\)$' "the limits"
like "$(cat out)" '^     0  I███▌··· F███████ O······· E······· X░░░░░░░ E······· $' \
	"the map, filled as far as the write pointers have come" || diag <out
like "$(cat out)" '^X offline 1   O explicitly open 1   I implicitly open 1   F full 1   E empty 2$' "the legend"
like "$(cat out)" '^reversed  the drive recommends' "and what the drive recommends"
on_terminal "$NVMESIM_CTL" --socket "$zns" zones nvmesim0n1 >out
like "$(cat out)" '^     0  I###-[.]{3} F#{7} ' "in ASCII where the terminal knows no other"
LC_ALL=C.UTF-8 on_terminal "$NVMESIM_CTL" --socket "$zns" zones nvmesim0n2 >out
is "$(awk 'length > 80 { n++ } END { print n + 0, NR <= 23 }' out)" '0 1' "a million zones fit on it" || diag <out
like "$(cat out)" '^A cell is [0-9,]+ zones' "in groups"
is "$(zctl --json zones nvmesim0n2 | wc -c | awk '{ print $1 < 200000 }')" 1 "their JSON is short"
is "$(zctl --json zones nvmesim0n2 | jq -c '.result | [.nr_zones, .states, (.cells | length), (.cells | map(.zones) | add)]')" \
	'[1000000,{"empty":1000000},1024,1000000]' "and counts each of them" || zctl --json zones nvmesim0n2 | head -c 300 | diag
is "$(zctl zones nvmesim0n2 7200000 | wc -l)" 100000 "in a pipe there is a line for each"
is "$(zctl zones nvmesim0n2 7999992 5000 | cut -f 1)" 0x7a11f8 "from any on"
is "$(zctl zones nvmesim0n2 17 5000 | sed -n '1p; $p' | cut -f 1 | tr '\n' ' ')" '0x10 0x9c48 ' "and as many as one wants"
ends "a namespace without zones: exit status 1" 1 zctl zones nvmesim0n3
like "$(cat out)" 'no zoned namespace' "and says so"
ends "a zone that is none: exit status 1" 1 zctl zone offline nvmesim0n1 3
ends "an action that is none: exit status 1" 1 zctl zone explode nvmesim0n1 0
like "$(cat out)" 'allowed: read-only, offline' "and what there is"

# --- data placement: handles, units and write amplification
fdp=$T/fdp
fctl() { "$NVMESIM_CTL" --socket "$fdp" "$@"; }
runs "a daemon with data placement" "$NVMESIM" --no-cuse --socket "$fdp" \
	-device nvme-subsys,id=s,fdp=on,fdp.nruh=3,fdp.runs=256k,fdp.op=25 -device nvme,serial=F,subsys=s \
	-drive if=none,id=d,size=1M -device 'nvme-ns,drive=d,fdp.ruhs=0;1'
at_exit '"$NVMESIM_CTL" --socket "$fdp" stop >/dev/null 2>&1'
# each half through a handle of its own, and the second one again
runs "units are written" "$NVMESIM_RUN" --attach="$fdp" -- sh -c '
	for at in 0 512; do
		nvme write /dev/nvmesim0n1 --start-block=$at --block-count=511 --data-size=262144 --data=384k \
			--dir-type=2 --dir-spec=$((at / 512)) || exit
	done
	nvme write /dev/nvmesim0n1 --start-block=512 --block-count=255 --data-size=131072 --data=384k --dir-type=2 --dir-spec=1'
fctl fdp >out
printf '%s\t0\t%s\t%s\t%s\t%s\n' 0 written 0 262144 262144 1 written 1 131072 262144 2 open 1 131072 131072 >want
head -n 3 out >got
same want got "fdp, in a pipe: a line for each unit"
is "$(fctl --json fdp nvmesim0 | jq -c '.result | [.host_bytes, .media_bytes, .write_amplification == 1, (.handles | map(.host_bytes))]')" \
	'[655360,655360,true,[262144,393216,0]]' "its JSON has the statistics" || fctl --json fdp | head -c 600 | diag
is "$(fctl --json fdp | jq -c '.result | [(.units | length) == .nr_units, .history[-1]]')" '[true,[655360,655360]]' \
	"all units, and how it came to be so"
LC_ALL=C.UTF-8 on_terminal "$NVMESIM_CTL" --socket "$fdp" fdp /dev/nvmesim0n1 >out
like "$(cat out)" 'write amplification 1.000$' "on a terminal: write amplification"
like "$(cat out)" '^1 handle 1  host, 393.22 kB written, 131.07 kB left in its unit$' "the handles"
like "$(cat out)" '^     0  0█1▄1▄[.] ' "and the map: what was written through which, and what is valid of it" || diag <out
ends "a subsystem without it: exit status 1" 1 zctl fdp
like "$(cat out)" 'no subsystem has flexible data placement' "and says so"

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

# --- watching, until the daemon ends
ctl --watch=0.01 list >watched 2>watch.err &
watcher=$!
twice() { [ "$(grep -c nvmesim0n1 watched)" -ge 2 ]; }
wait_for 10 twice
is $? 0 "--watch asks again and again"

# --- stop
runs "stop" ctl stop
wait $watcher
is $? 3 "--watch ends with the daemon: exit status 3"
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
