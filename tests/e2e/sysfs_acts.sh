# shellcheck shell=sh disable=SC2154
# SPDX-License-Identifier: MIT
#
# sysfs_acts.sh - what can be done through the tree, whichever way it is served; sourced by sysfs.sh (the run
# door, in place) and by cuse_sysfs.sh (mounted, in the guest). $sys: where it is. The machine: $machine.

# QEMU's documentation, "Virtualization Enhancements and SR-IOV": its -device words and its commands
machine='-device nvme-subsys,id=subsys0
-device nvme,serial=deadbeef,subsys=subsys0,sriov_max_vfs=1,sriov_vq_flexible=2,sriov_vi_flexible=1
-drive if=none,id=d,size=64M -device nvme-ns,drive=d'

# what a write comes to: "ok" or an error's name
put() { "$sys_write" "$1" "$2"; }

nl='
'
dev=$sys/bus/pci/devices
drv=$sys/bus/pci/drivers/nvme
pf=$dev/0000:01:00.0
vf=$dev/0000:01:00.1

# virt NODE-OF-A-NAMESPACE: the documentation's sequence, line for line; then I/O through the VF
virt() {
	runs "virt-mgmt: no interrupt resources for the primary" nvme virt-mgmt /dev/nvme0 -c 0 -r 1 -a 1 -n 0
	runs "virt-mgmt: no queue resources for it" nvme virt-mgmt /dev/nvme0 -c 0 -r 0 -a 1 -n 0
	runs "echo 1 > .../reset" sh -c "echo 1 > $pf/reset"
	runs "echo 1 > .../sriov_numvfs" sh -c "echo 1 > $pf/sriov_numvfs"
	is "$(cat "$pf/sriov_numvfs")" 1 "the VF is enabled"
	is "$(ls "$dev" | grep -c '^0000:01:00\.1$')" 1 "and on its bus"
	is "$(readlink "$pf/virtfn0") $(readlink "$vf/physfn")" "../0000:01:00.1 ../0000:01:00.0" \
		"virtfn0 and physfn"
	is "$(test -e "$vf/driver" || echo none)" none "offline, the driver did not take it"
	is "$(put "$drv/bind" 0000:01:00.1)" ENODEV "and cannot"
	runs "virt-mgmt: an interrupt resource for the secondary" nvme virt-mgmt /dev/nvme0 -c 1 -r 1 -a 8 -n 1
	runs "virt-mgmt: two queue resources" nvme virt-mgmt /dev/nvme0 -c 1 -r 0 -a 8 -n 2
	runs "virt-mgmt: online" nvme virt-mgmt /dev/nvme0 -c 1 -r 0 -a 9 -n 0
	runs "echo 0000:01:00.1 > .../bind" sh -c "echo 0000:01:00.1 > $drv/bind"
	wait_for 10 test -c /dev/nvme1
	like "$(nvme id-ctrl /dev/nvme1 2>&1)" '^sn +: deadbeef' "the VF has a controller's node"
	like "$(nvme id-ctrl /dev/nvme1 2>&1)" '^cntlid +: (0x)?1$' "of the secondary controller"
	wait_for 10 test -e "$1"
	head -c 4096 /dev/urandom >w
	runs "nvme write through the VF's node" nvme write "$1" \
		--start-block=8 --block-count=7 --data-size=4096 --data=w
	runs "nvme read through it" nvme read "$1" --start-block=8 --block-count=7 --data-size=4096 --data=r
	same w r "reads what was written"
	rm -f r
	runs "nvme read through the PF's" nvme read /dev/ng0n1 \
		--start-block=8 --block-count=7 --data-size=4096 --data=r
	same w r "reads the same"
	is "$(basename "$(readlink "$vf/driver")") $(ls "$vf/nvme")" "nvme nvme1" "driver, nvme/nvme1"
}

# virt_end: the VF goes again, by each way there is
virt_end() {
	is "$(put "$drv/unbind" 0000:01:00.1)" ok "unbound,"
	wait_for 10 test ! -e /dev/nvme1
	is "$(test -e /dev/nvme1 || echo gone)" gone "it loses its nodes"
	is "$(put "$drv/bind" 0000:01:00.1)" ok "bound again,"
	wait_for 10 test -c /dev/nvme1
	is "$(test -c /dev/nvme1 && echo back)" back "it has the same ones"
	runs "offline" nvme virt-mgmt /dev/nvme0 -c 1 -r 0 -a 7 -n 0
	wait_for 10 test ! -e /dev/nvme1
	is "$(test -e "$vf/driver" || echo none)" none "an offline VF loses the driver"
	is "$(put "$drv/bind" 0000:01:00.1)" ENODEV "and does not get it"
	is "$(put "$pf/sriov_numvfs" 0)" ok "sriov_numvfs 0:"
	is "$(test -e "$vf" || echo gone)" gone "it is not on its bus any more"
}

# errors: each write that Linux refuses, with Linux's error
errors() {
	is "$(put "$pf/sriov_numvfs" 2)" ERANGE "sriov_numvfs above sriov_totalvfs"
	is "$(put "$pf/sriov_numvfs" x)" EINVAL "sriov_numvfs that is no number"
	is "$(put "$pf/sriov_numvfs" 70000)" ERANGE "sriov_numvfs of more than 16 bits"
	is "$(put "$pf/reset" 2)" EINVAL "reset with another number than 1"
	is "$(put "$pf/reset" '')" ok "reset with nothing: no write at all"
	is "$(put "$pf/remove" x)" EINVAL "remove that is no number"
	is "$(put "$pf/vendor" 1)" "open: EACCES" "an attribute that cannot be written"
	is "$(cat "$pf/reset" 2>&1 | grep -c 'Permission denied')" 1 "nor one read that cannot"
	is "$(put "$pf/enable" 0)" EBUSY "enable while the driver has it"
	is "$(put "$pf/uevent" nonsense)" EINVAL "no such event"
	is "$(put "$pf/reset_method" bus)" EINVAL "no such reset method"
	is "$(put "$drv/bind" 0000:01:00.0)" EBUSY "bind of what is bound"
	is "$(put "$drv/bind" 0000:7f:00.0)" ENODEV "bind of what is not there"
	is "$(put "$drv/bind" 0000:01:00.1)" ENODEV "bind of a VF that is not enabled"
	is "$(put "$drv/unbind" 0000:7f:00.0)" ENODEV "unbind of what is not there"
	is "$(put "$drv/new_id" x)" EINVAL "new_id that is none"
	is "$(put "$drv/new_id" '1b36 0010')" EEXIST "new_id the driver has"
	is "$(put "$drv/remove_id" '1b36 0010')" ENODEV "remove_id of none that was added"
	is "$(put "$sys/bus/pci/drivers_probe" 0000:7f:00.0)" ENODEV "drivers_probe of nothing"
}

# flight: a reset, an unbinding, a removal while a command is under way (an event request, which never ends by
# itself): it ends, and with an error
flight() {
	for way in "$pf/reset=1" "$drv/unbind=0000:01:00.0" "$pf/remove=1"; do
		nvme admin-passthru /dev/nvme0 --opcode=0x0c >flight.out 2>&1 &
		flying=$!
		tries=100
		# again until it was under way when that happened
		while kill -0 $flying 2>/dev/null && [ $tries -gt 0 ]; do
			sleep 0.05
			put "${way%%=*}" "${way#*=}" >/dev/null
			tries=$((tries - 1))
		done
		wait $flying
		is "$(test $? -ne 0 && [ $tries -gt 0 ] && echo ended)" ended "a command in flight ends at ${way##*/}"
		case $way in
		*unbind*) put "$drv/bind" 0000:01:00.0 >/dev/null ;;
		*remove*) put "$sys/bus/pci/rescan" 1 >/dev/null ;;
		esac
		wait_for 10 test -c /dev/nvme0
	done
	like "$(nvme id-ctrl /dev/nvme0 2>&1)" '^sn +: deadbeef' "and the drive works"
}

# cycle: unbind, sriov without a driver, driver_override, bind, remove, rescan
cycle() {
	is "$(put "$drv/unbind" 0000:01:00.0)" ok "unbind"
	wait_for 10 test ! -e /dev/nvme0
	is "$(ls "$sys/class/nvme" "$sys/class/nvme-subsystem" | grep -c '^nvme')" 0 "no controller, no subsystem"
	is "$(put "$drv/unbind" 0000:01:00.0)" ENODEV "unbind of what is not bound"
	is "$(put "$pf/sriov_numvfs" 1)" ENOENT "no VFs without a driver"
	is "$(put "$pf/reset" 1)" ok "a reset needs none"
	is "$(put "$pf/driver_override" vfio-pci)" ok "driver_override: another's"
	is "$(cat "$pf/driver_override")" vfio-pci "it says so"
	is "$(put "$drv/bind" 0000:01:00.0)" ENODEV "and the driver may not have it"
	is "$(put "$pf/driver_override" "$nl")" ok "driver_override: nobody's"
	is "$(cat "$pf/driver_override")" "(null)" "it says so"
	is "$(put "$drv/bind" 0000:01:00.0)" ok "bind"
	wait_for 10 test -c /dev/nvme0
	is "$(ls "$sys/class/nvme" | grep -c '^nvme0$')" 1 "the controller is back, under its number"
	is "$(put "$pf/remove" 1)" ok "remove"
	is "$(test -e "$pf" || echo gone)" gone "it is off its bus"
	is "$(put "$sys/bus/pci/rescan" 1)" ok "rescan"
	wait_for 10 test -c /dev/nvme0
	is "$(ls "$dev" | grep -c '^0000:01:00\.0$') $(ls "$pf/nvme")" "1 nvme0" "it is there, and has its driver"
	is "$(cat "$sys/class/nvme/nvme0/state")" live "and lives"
	is "$(put "$sys/class/nvme/nvme0/reset_controller" 1)" ok "reset_controller"
	is "$(put "$sys/class/nvme/nvme0/rescan_controller" 1)" ok "rescan_controller"
	is "$(cat "$sys/class/nvme/nvme0/state")" live "it lives on"
}

# reading: what tools look for
reading() {
	is "$(cat "$pf/vendor" "$pf/device" "$pf/class" "$pf/revision" | tr '\n' ' ')" \
		"0x1b36 0x0010 0x010802 0x02 " "vendor, device, class, revision"
	is "$(od -An -tx2 -N4 "$pf/config" | tr -d ' \n')" 1b360010 "config says the same"
	is "$(wc -c <"$pf/config")" 4096 "config has 4096 bytes"
	is "$(wc -l <"$pf/resource")" 13 "resource has a line for each BAR, the ROM, and the VFs' BARs"
	is "$(cat "$pf/sriov_totalvfs" "$pf/sriov_offset" "$pf/sriov_stride" "$pf/sriov_vf_device" | tr '\n' ' ')" \
		"1 1 1 10 " "sriov_totalvfs, sriov_offset, sriov_stride, sriov_vf_device"
	like "$(cat "$pf/uevent")" '^PCI_SLOT_NAME=0000:01:00.0$' "uevent"
	is "$(readlink -f "$sys/class/nvme/nvme0")" "$sys/devices/pci0000:00/0000:01:00.0/nvme/nvme0" \
		"class/nvme leads to the device"
	is "$(cat "$sys/class/nvme/nvme0/device/vendor")" 0x1b36 "and from there to its function"
	c=$sys/class/nvme/nvme0
	is "$(cat "$c/transport" "$c/address" "$c/cntlid" "$c/cntrltype" "$c/state" "$c/queue_count" | tr '\n' ' ')" \
		"pcie 0000:01:00.0 0 io live 4 " "a controller's transport, address, cntlid, cntrltype, state, queues"
	is "$(cat "$c/model" | sed 's/ *$//') $(cat "$c/serial" | tr -d ' ')" "QEMU NVMe Ctrl deadbeef" \
		"its model and serial"
	ns=$sys/class/nvme/nvme0/nvme0n1
	is "$(cat "$ns/nsid" "$ns/csi" "$ns/size" "$ns/metadata_bytes" "$ns/queue/logical_block_size" | tr '\n' ' ')" \
		"1 0 131072 0 512 " "a namespace's nsid, csi, size, metadata_bytes, block size"
	is "$(cat "$ns/wwid")" "uuid.$(cat "$ns/uuid")" "wwid and uuid"
	is "$(ls "$sys/class/nvme-generic")" ng0n1 "class/nvme-generic"
	is "$(cat "$sys/class/nvme-subsystem/nvme-subsys0/subsysnqn")" nqn.2019-08.org.qemu:subsys0 \
		"class/nvme-subsystem"
	# CAP, VS: what is read from the BAR is what the controller says
	cap=$(nvme get-property /dev/nvme0 --offset=0 2>/dev/null | sed 's/.*value: *//')
	is "$(od -An -tx8 -N8 "$pf/resource0" | tr -d ' ' | sed 's/^0*//')" "$cap" "resource0 has the registers"
	is "$(find "$pf/" | wc -l)" "$(find "$pf/" | sort -u | wc -l)" "find walks it"
}

# tools WORD...: pciutils, told where the tree is by WORD...
tools() {
	lspci "$@" -s 01:00.0 -vvv >lspci.out 2>lspci.err
	is $? 0 "lspci -vvv"
	like "$(cat lspci.out)" 'Non-Volatile memory controller.*NVM Express' "names the controller"
	like "$(cat lspci.out)" 'Kernel driver in use: nvme' "and its driver"
	like "$(cat lspci.out)" 'Single Root I/O Virtualization' "decodes SR-IOV"
	is "$(grep -ci 'unknown' lspci.out)" 0 "and knows everything" || diag <lspci.out
	like "$(lspci "$@" -s 01:00.0 -vv | grep 'Region 0')" 'size=16K' "Region 0"
	runs "setpci writes" setpci "$@" -s 01:00.0 INTERRUPT_LINE=2a
	is "$(setpci "$@" -s 01:00.0 INTERRUPT_LINE)" 2a "and reads it back"
	is "$(od -An -tx1 -j60 -N1 "$pf/config" | tr -d ' ')" 2a "as config does"
	setpci "$@" -s 01:00.0 VENDOR_ID.L=ffffffff
	is "$(setpci "$@" -s 01:00.0 VENDOR_ID.L)" 00101b36 "read-only bits stay"
	setpci "$@" -s 01:00.0 COMMAND=0000
	is "$(od -An -tx1 -N4 "$pf/resource0" | tr -d ' ')" ffffffff "without Memory Space Enable nobody answers"
	setpci "$@" -s 01:00.0 COMMAND=0406
	is "$(lspci "$@" -s 01:00.0 -vv | grep -c 'Mem+ BusMaster+')" 1 "lspci sees what setpci wrote"
}
