#!/bin/sh
# SPDX-License-Identifier: MIT
#
# cuse_sysfs.sh - the tree mounted with --sysfs, beside the CUSE door; in the guest
. "${NVMESIM_SRC:-$(dirname "$0")/../..}/tests/e2e/guest/guest.sh"
here=$NVMESIM_SRC/tests/e2e
sys=$T/sys
sys_write=$NVMESIM_BUILD/tests/e2e/sys_write
# shellcheck source=tests/e2e/sysfs_acts.sh
. "$here/sysfs_acts.sh"
mkdir "$sys"
printf '[daemon]\nnode_names = linux\n' >conf

# shellcheck disable=SC2086 # words
start "nvmesim --sysfs" -c conf $machine --sysfs "$sys"
is "$(mountpoint -q "$sys" && echo mounted)" mounted "is mounted"
reading
errors
virt /dev/ng1n1
virt_end
cycle
flight
tools -O "sysfs.path=$sys/bus/pci"
is "$(touch "$sys/class/new" 2>&1 | grep -c 'Permission denied')" 1 "nothing can be made there"
is "$(put "$pf/no_such_thing" 1)" "open: ENOENT" "what is not there is not there"
nobody cat "$pf/vendor" >out 2>err
is "$(cat out)" 0x1b36 "anybody may look"
is "$(nobody "$sys_write" "$pf/reset" 1)" "open: EACCES" "but not act"
runs "hotplug add" "$NVMESIM_CTL" hotplug add nvme,serial=deadbeef,subsys=subsys0
wait_for 10 test -c /dev/ng1n1
is "$(nodes)" "ng0n1 ng1n1 nvme0 nvme1" "nodes for it, and for the shared namespace"
is "$(cat "$sys/class/nvme/nvme1/address")" 0000:02:00.0 "and a place in the tree"
runs "hotplug remove" "$NVMESIM_CTL" hotplug remove nvme1
is "$(nodes) $(ls "$sys/class/nvme")" "ng0n1 nvme0 nvme0" "gone again"
runs "stop" stop
is "$(mountpoint -q "$sys" || echo unmounted)" unmounted "it is unmounted at the end"

# shellcheck disable=SC2086 # words
start "again" -c conf $machine --sysfs "$sys"
kill -9 "$(daemon)"
wait_for 10 sh -c "! test -e /dev/nvme0"
# shellcheck disable=SC2086 # words
start "after kill -9, on the directory it left mounted" -c conf $machine --sysfs "$sys"
is "$(cat "$pf/vendor")" 0x1b36 "works"
runs "stop" stop
ends "a directory that is not there" 1 "$NVMESIM" --sysfs "$T/none"
like "$(cat "$T/out")" 'none: No such file' "is said"
tap_done
