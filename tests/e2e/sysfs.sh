#!/bin/sh
# SPDX-License-Identifier: MIT
#
# sysfs.sh - /sys under the run door: QEMU's documentation line for line, nvme list, lspci and setpci,
# bad input; a program's own /sys stays what it is
. "$(dirname "$0")/tap.sh"
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
# shellcheck source=tests/e2e/sysfs_acts.sh
sys=/sys
sys_write=$NVMESIM_BUILD/tests/e2e/sys_write
. "$here/sysfs_acts.sh"
cd "$T" || exit 99

if [ "${1:-}" = inside ]; then
	# behind the door: the rest of the script as the program
	reading
	errors
	virt /dev/nvme1n1
	like "$(nvme list)" '^/dev/nvme1n1 +/dev/ng1n1 +deadbeef' "nvme list shows the VF's namespace"
	virt_end
	cycle
	flight
	tools
	# programs' own ways of writing
	is "$(printf 1 | tee "$pf/reset")" 1 "tee"
	runs "bash's echo" bash -c "echo 1 > $pf/reset"
	is "$(bash -c "echo 3 > $pf/reset" 2>&1 | grep -c 'Invalid argument')" 1 "and its error"
	runs "dd" sh -c "printf 1 | dd of=$pf/reset bs=1 2>/dev/null"
	runs "a descriptor of its own" sh -c "exec 3>$pf/reset; echo 1 >&3"
	is "$(bash -c "exec 3>$pf/reset; head -c 100 /dev/zero >&3" 2>&1 | grep -c 'not permitted')" 1 \
		"what cannot act is refused, not lost"
	is "$(find /sys/class/nvme-subsystem/nvme-subsys0/ -name subsysnqn -execdir cat {} +)" \
		nqn.2019-08.org.qemu:subsys0 "paths relative to a directory of ours"
	is "$(ls /sys/class | grep -c -e '^net$' -e '^nvme$')" 2 "/sys/class has the machine's own, too"
	is "$(ls -d /sys/devices/system/cpu/cpu0 /sys/kernel 2>&1 | grep -c '^/sys')" 2 "and the rest of /sys is there"
	tap_done
fi

# --- the documentation's machine
# shellcheck disable=SC2086 # words
"$NVMESIM_RUN" $machine -- sh "$here/sysfs.sh" inside >inside 2>&1
is $? 0 "the checks behind the door" || diag <inside
grep -q '^1\.\.' inside || fail "they came to their end"
# shown as ours, numbered on
grep -v '^1\.\.' inside | sed 's/^\(not ok\|ok\) [0-9]* - /\1 - /' | while read -r line; do
	case $line in
	ok*) echo "ok - ${line#ok - }" ;;
	esac
done >shown
for i in $(seq "$(wc -l <shown)"); do pass "behind the door: $(sed -n "${i}s/^ok - //p" shown)"; done

# --- rings whose function is reset, unbound, removed under them
cat >rings.sh <<'END'
pf=/sys/bus/pci/devices/0000:01:00.0 drv=/sys/bus/pci/drivers/nvme
for poll in 0 1; do
	for way in reset unbind remove; do
		fio --name=x --ioengine=io_uring_cmd --cmd_type=nvme --filename=/dev/nvmesim0n1 --rw=randwrite --bs=4k \
			--iodepth=32 --size=16m --time_based --runtime=60 --sqthread_poll=$poll >fio.out 2>&1 &
		sleep 0.3
		case $way in
		reset) echo 1 >$pf/reset ;;
		unbind) echo 0000:01:00.0 >$drv/unbind && echo 0000:01:00.0 >$drv/bind ;;
		remove) echo 1 >$pf/remove && echo 1 >/sys/bus/pci/rescan ;;
		esac || exit 1
		kill $! 2>/dev/null
		wait $!
	done
done
nvme id-ns /dev/nvmesim0n1
END
runs "commands of rings in flight when their function goes and comes" timeout 60 "$NVMESIM_RUN" -- sh rings.sh

# --- nvme-cli finds drives by itself
"$NVMESIM_RUN" -- sh -c 'nvme list; echo; nvme list -v; nvme list-subsys; nvme show-topology' >out 2>&1
is $? 0 "nvme list, list -v, list-subsys, show-topology" || diag <out
like "$(cat out)" '^/dev/nvme0n1 +/dev/ng0n1 +NVMESIM0001 +QEMU NVMe Ctrl +1 ' "list has the namespace"
like "$(cat out)" '^nvme0 +NVMESIM0001 .* pcie +0000:01:00.0 +nvme-subsys0 nvme0n1' "list -v the controller"
like "$(cat out)" '\+- nvme0 pcie 0000:01:00.0 live' "list-subsys its path"
like "$(cat out)" '\+- ns 1' "show-topology the namespace"
is "$("$NVMESIM_RUN" -- nvme list --output-format=json | jq -r '.Devices[0].DevicePath')" /dev/nvme0n1 "as JSON"
"$NVMESIM_RUN" -- nvme show-regs /dev/nvme0 >regs 2>&1
"$NVMESIM_RUN" -- nvme show-regs /dev/nvmesim0 2>/dev/null >props
is "$(grep -c '^version : 20100' regs) $(grep -c '^version : 20100' props)" "1 1" \
	"show-regs through resource0, and without it"

# --- Linux's names of nodes
cat >names.sh <<'END'
set -e
[ -c /dev/nvme0 ] && [ -c /dev/ng0n1 ] && [ -b /dev/nvme0n1 ]
[ ! -e /dev/nvme1 ] && [ ! -e /dev/nvme00 ] && [ ! -e /dev/nvme0n01 ] && [ ! -e /dev/ng0 ] && [ ! -e /dev/nvme0n1p1 ]
[ ! -e '/dev/nvme 0' ] && [ ! -e /dev/nvme0n0 ] && [ ! -e /dev/nvme0x ]
nvme id-ns /dev/nvme0n1 >/dev/null
nvme id-ctrl /dev/nvme0 >/dev/null
exec 3</dev/ng0n1
END
runs "nvme0, ng0n1, nvme0n1" "$NVMESIM_RUN" -- sh names.sh
"$NVMESIM_RUN" -- sh -c 'nvmesim=$(stat -c %t,%T /dev/nvmesim0n1); test "$nvmesim" = "$(stat -c %t,%T /dev/nvme0n1)"'
is $? 0 "they are the same devices"

"$NVMESIM_RUN" -- sh -c 'nvme format /dev/nvme0n1 --lbaf=4 --force && blockdev --getsize64 --getss --getpbsz --getsz --getro /dev/nvme0n1
	blockdev --setbsz 512 /dev/nvme0n1; blockdev --setbsz 4096 /dev/nvme0n1 && blockdev --rereadpt /dev/nvme0n1 && echo done' >out 2>&1
is "$(grep -v Success out | grep -x '[0-9]*' | tr '\n' ' ')" "1073741824 4096 4096 2097152 0 " \
	"nvme format of the block device, and what blockdev asks" || diag <out
is "$(grep -c 'Invalid argument' out) $(tail -n 1 out)" "1 done" "a block size below the format's is refused"

# --- where functions are
"$NVMESIM_RUN" -device nvme,serial=a,bus=pcie.0,addr=6 -device nvme,serial=b \
	-device nvme,serial=c,bus=x,addr=1.0,multifunction=on -device nvme,serial=d,bus=x,addr=1.1 -- \
	sh -c 'cd / && for n in 0 1 2 3; do cat /sys/class/nvme/nvme$n/address; done' >out 2>&1
is "$(tr '\n' ' ' <out)" "0000:00:06.0 0000:01:00.0 0000:02:01.0 0000:02:01.1 " "bus=, addr=, multifunction="
ends "two functions at one address: 2" 2 "$NVMESIM_RUN" -device nvme,serial=a,bus=x,addr=1 \
	-device nvme,serial=b,bus=x,addr=1 -- true
like "$(cat out)" 'taken' "and it is said"
ends "function 1 without multifunction=on: 2" 2 "$NVMESIM_RUN" -device nvme,serial=a,bus=x,addr=1 \
	-device nvme,serial=b,bus=x,addr=1.1 -- true
like "$(cat out)" 'single function device' "and it is said"

# --- by command
cat >ctl.sh <<'END'
c=$1
$c hotplug add nvme,serial=deadbeef,subsys=subsys0
test -b /dev/nvme1n1 && echo attached
$c pci vfs 01:00.0 1
$c hotplug add if=none,id=h,size=16M nvme,serial=other,drive=h
$c hotplug remove nvmesim1 && test ! -e /dev/nvme1 && echo removed
$c hotplug unplug nvmesim2 && test ! -e /dev/nvme2 && echo unplugged
$c hotplug add if=none,id=h,size=16M nvme,serial=other,drive=h
$c hotplug add nvme,serial=wrong,subsys=subsys0
$c hotplug add nvme,serial=other
$c hotplug add nvme,nonsense=1
$c hotplug remove 01:00.1
$c pci bind 01:00.1
$c pci unbind 0000:01:00.0
$c pci reset nowhere
$c pci dance 01:00.0
END
# shellcheck disable=SC2086 # words
"$NVMESIM_RUN" $machine -- sh ctl.sh "$NVMESIM_CTL" >out 2>&1
like "$(cat out)" '^0000:02:00.0.*/dev/nvmesim1' "hotplug add"
like "$(cat out)" '^attached' "a shared namespace comes with it"
like "$(cat out)" '1/1' "pci vfs"
like "$(cat out)" '^removed' "hotplug remove"
like "$(cat out)" '^unplugged' "hotplug unplug"
like "$(cat out)" '/dev/nvmesim2.*live' "the drive can be plugged in again"
like "$(cat out)" "invalid controller serial; all controllers of subsystem 'subsys0' have 'deadbeef'" "a wrong serial"
like "$(cat out)" "there is a subsystem of the NQN 'nqn.2019-08.org.qemu:other'" "one that is taken"
like "$(cat out)" "nonsense: no such key" "a wrong key"
like "$(cat out)" "remove 0000:01:00.1: that goes with a physical function only" "a VF cannot be pulled out"
like "$(cat out)" "bind 0000:01:00.1: the controller does not respond: it may be offline" "binding an offline VF"
like "$(cat out)" "there is no function or node 'nowhere'" "no such function"
like "$(cat out)" "'dance' is no action" "no such action"

# --- who may not write, by other ways than opening; under a daemon of root's that is his who attaches
cat >forge.sh <<'END'
attribute=/sys/bus/pci/devices/0000:01:00.0/driver_override
for way in '' -r -o -f; do echo "$("$1" $way $attribute x$way) $(cat $attribute)"; done
END
cp "$sys_write" "$T/sys_write"
is "$("$NVMESIM_RUN" -- sh forge.sh "$T/sys_write" | tr '\n' ' ')" "ok x EBADF x ok x-o ok x-f " \
	"its owner may write by any way, but for a descriptor that reads"
if [ "$(id -u)" = 0 ]; then
	"$NVMESIM" --no-cuse --foreground --socket "$T/socket" >daemon.out 2>&1 &
	at_exit "kill $! 2>/dev/null"
	wait_for 10 test -S "$T/socket"
	"$NVMESIM_RUN" --attach="$T/socket" -- setpriv --reuid=65534 --regid=65534 --clear-groups \
		sh forge.sh "$T/sys_write" >out 2>&1
	is "$(tr '\n' ' ' <out)" "open: EACCES (null) EBADF (null) open: EACCES (null) ok (null) " \
		"others may not: what they write to a file of their own stays there"
	"$NVMESIM_CTL" --socket "$T/socket" stop >out 2>&1
fi

# --- a daemon's mount and programs that attach to it: it must not wait for itself
if [ "$(id -u)" = 0 ] && [ -w /dev/fuse ]; then
	mkdir "$T/mnt"
	ln -s "$T/mnt" "$T/link"
	"$NVMESIM" --no-cuse --foreground --socket "$T/socket" --sysfs "$T/mnt" >daemon.out 2>&1 &
	at_exit "kill $! 2>/dev/null; umount -l $T/mnt 2>/dev/null"
	wait_for 10 test -e "$T/mnt/class/nvme/nvme0/state"
	# shellcheck disable=SC2016 # for the inner shell
	timeout 20 "$NVMESIM_RUN" --attach="$T/socket" -- sh -c '
		for p in mnt link link/../mnt ./mnt/bus/..; do cat $p/class/nvme/nvme0/state; stat -c %F $p/class/nvme/nvme0; done
		cd mnt/class/nvme && stat -c %F nvme0 ./nvme0 ../nvme/nvme0 && stat -c %F /dev/nvme0' >out 2>&1
	is $? 0 "a program looks into the mount of the daemon that it is attached to" || diag <out
	is "$(grep -c -x live out) $(grep -c -x 'symbolic link' out) $(tail -n 1 out)" \
		"4 7 character special file" "and finds what is there, and the nodes"
	"$NVMESIM_CTL" --socket "$T/socket" stop >out 2>&1
	is "$(mountpoint -q "$T/mnt" || echo unmounted)" unmounted "it is unmounted at the end"
fi

# --- nothing is left behind
is "$(ls -d "${TMPDIR:-/tmp}"/nvmesim-sys.* 2>/dev/null | wc -l)" 0 "no directory of ours is left"
tap_done
