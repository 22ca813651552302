#!/bin/sh
# SPDX-License-Identifier: MIT
#
# virt.sh - every answer of Virtualization Management, as nvme-cli shows it; resources that add up; what
# survives the end of the simulator. (QEMU's documentation line for line is in sysfs_acts.sh.)
. "$(dirname "$0")/tap.sh"
cd "$T" || exit 99

pf=/sys/bus/pci/devices/0000:01:00.0

# answer ACTION TYPE CONTROLLER NUMBER WANT: WANT is a status, or "n=NUMBER": success, so many modified
# (nvme-cli 2.3 stores some of the numbers with the wrong width: in this order none spoils another)
answer() {
	got=$(nvme virt-mgmt /dev/nvme0 -c "$3" -r "$2" -a "$1" -n "$4" 2>&1)
	case $5 in
	n=*) like "$got" "success, Number of Controller Resources Modified \(NRM\): ?(0x)?${5#n=}$" "$6" ;;
	*) like "$got" "\\(0x(4|6)$5\\)" "$6" ;;
	esac
}

# field NAME: of the primary controller's capabilities
field() { nvme primary-ctrl-caps /dev/nvme0 | sed -n "s/^$1 *: //p"; }
# second N NAME: of entry N of the list of secondary controllers
second() {
	nvme list-secondary /dev/nvme0 --output-format=json |
		jq -r ".\"secondary-controllers\"[$1].\"$2\""
}

if [ "${1:-}" = inside ]; then
	is "$(field vqfrt) $(field vqrfap) $(field vqprt) $(field vqfrsm)" "8 8 57 4" "queue resources"
	is "$(field vifrt) $(field virfap) $(field viprt) $(field vifrsm)" "4 4 61 2" "interrupt resources"
	answer 1 0 0 9 121 "primary: more than there are: 21h"
	answer 1 0 1 0 11f "primary: another controller: 1Fh"
	answer 1 2 0 0 122 "primary: no such resource: 22h"
	answer 8 0 1 1 122 "assign: the primary has them: 22h"
	answer 1 0 0 0 n=0 "primary: none"
	answer 1 1 0 0 n=0 "primary: none of the other"
	is "$(field vqrfap)" 8 "not at once"
	runs "Controller Reset" nvme reset /dev/nvme0
	is "$(field vqrfap)" 8 "and not by a Controller Reset"
	runs "function level reset" sh -c "echo 1 >$pf/reset"
	is "$(field vqrfap) $(field virfap)" "0 0" "which does it"

	answer 8 0 0 1 11f "assign: the primary: 1Fh"
	answer 8 0 7 1 11f "assign: no such controller: 1Fh"
	answer 8 0 1 5 121 "assign: more than one can have: 21h"
	answer 8 1 1 3 121 "assign: of the other: 21h"
	answer 8 5 1 1 122 "assign: no such resource: 22h"
	answer 8 0 1 4 n=4 "assign: four"
	answer 8 0 2 4 n=4 "assign: the other four"
	answer 1 0 0 1 122 "primary: secondary controllers have them: 22h"
	answer 8 0 2 2 n=2 "assign: fewer"
	is "$(field vqrfa)" 6 "which adds up"
	answer 9 0 1 0 120 "online: the VF is not enabled: 20h"
	runs "one VF" sh -c "echo 1 >$pf/sriov_numvfs"
	answer 9 0 1 0 120 "online: no interrupt resource: 20h"
	answer 8 1 1 1 n=1 "assign: one"
	answer 8 1 2 1 n=1 "assign: one"
	answer 9 0 2 0 120 "online: NumVFs is 1: 20h"
	answer 9 0 7 0 11f "online: no such controller: 1Fh"
	answer 9 0 1 0 n=0 "online"
	answer 9 0 1 0 n=0 "online: it is"
	answer 8 0 1 2 120 "assign: it is online: 20h"
	is "$(second 0 secondary-controller-state)" 1 "the list says so"
	answer 7 0 0 0 11f "offline: the primary: 1Fh"
	answer 7 0 1 0 n=0 "offline"
	answer 7 0 1 0 n=0 "offline: it is"
	is "$(field vqrfa)" 2 "its resources are free"
	for act in 0 2 3 4 5 6 10 15; do
		answer $act 0 1 0 002 "action $act: Invalid Field"
	done
	tap_done
fi

set -- "$NVMESIM_RUN" --state "$T/state" -device nvme-subsys,id=subsys0 \
	-device nvme,serial=deadbeef,subsys=subsys0,sriov_max_vfs=2,sriov_vq_flexible=8,sriov_vi_flexible=4 \
	-drive if=none,id=d,size=64M -device nvme-ns,drive=d --
"$@" sh "$here/virt.sh" inside >inside 2>&1
is $? 0 "the checks behind the door" || diag <inside
grep -q '^1\.\.' inside || fail "they came to their end"
sed -n 's/^ok [0-9]* - //p' inside >shown
for i in $(seq "$(wc -l <shown)"); do pass "behind the door: $(sed -n "${i}p" shown)"; done

# figure 489: what the primary is to have is persistent; what secondary controllers had is not
"$@" nvme primary-ctrl-caps /dev/nvme0 >caps 2>&1
is "$(sed -n 's/^vqrfap *: //p; s/^vqrfa *: //p; s/^virfap *: //p' caps | tr '\n' ' ')" "0 0 0 " \
	"the next start has the primary's share as it was"

# what a configuration may not be
bad() {
	d=$1 want=$2
	shift 2
	"$NVMESIM_RUN" "$@" -- true >out 2>&1
	is $? 2 "$d"
	like "$(cat out)" "$want" "and why"
}
bad "no subsystem" 'linked to a subsystem' -drive if=none,id=a,size=1M \
	-device nvme,serial=a,drive=a,sriov_max_vfs=1,sriov_vq_flexible=2,sriov_vi_flexible=1
bad "no interrupt resources" 'both sriov_vq_flexible and sriov_vi_flexible' -device nvme-subsys,id=s \
	-device nvme,serial=a,subsys=s,sriov_max_vfs=1,sriov_vq_flexible=2
bad "too few queue resources" 'at least twice sriov_max_vfs, 4' -device nvme-subsys,id=s \
	-device nvme,serial=a,subsys=s,sriov_max_vfs=2,sriov_vq_flexible=3,sriov_vi_flexible=2
tap_done
