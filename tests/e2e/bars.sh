#!/bin/sh
# SPDX-License-Identifier: MIT
#
# bars.sh - memory behind BARs and its neighbours as programs see them: /sys's resourceN, nvme-cli, nvmesim-ctl
# shellcheck disable=SC2016
. "$(dirname "$0")/tap.sh"
cd "$T" || exit 99

F=/sys/bus/pci/devices/0000:01:00.0
export F

# register OFFSET: a dword of BAR 0; enable: PMRCTL.EN
cat >lib.sh <<'END'
register() { dd if="$F/resource0" bs=4 skip="$(($1 / 4))" count=1 2>/dev/null | od -An -tx4 | tr -d ' '; }
enable() { printf '\1\0\0\0' | dd of="$F/resource0" bs=4 seek="$((0xe04 / 4))" conv=notrunc 2>/dev/null; }
END

pmr_run() {
	"$NVMESIM_RUN" -object memory-backend-file,id=p,mem-path=pmr.img,size=1M,share=on \
		-drive if=none,id=d,size=64M \
		-device nvme,serial=x,drive=d,pmrdev=p,cmb_size_mb=4,hmb_size=16M,ocp=on -- sh -c ". ./lib.sh; $1"
}

# --- Persistent Memory Region
runs "a region is enabled and written" pmr_run 'register 0xe08; enable; register 0xe08
	echo persistent | dd of=$F/resource4 bs=4096 seek=7 conv=notrunc 2>/dev/null; register 0xe08'
is "$(tr '\n' ' ' <out)" '00000100 00000000 00000000 ' "PMRSTS: not ready before"
is "$(dd if=pmr.img bs=4096 skip=7 count=1 2>/dev/null | head -c 10)" persistent "it is in the file"
runs "it is there after a restart" pmr_run 'enable; dd if=$F/resource4 bs=4096 skip=7 count=1 2>/dev/null | head -c 10'
is "$(cat out)" persistent "as it was"
pmr_run 'enable; echo killed | dd of=$F/resource4 conv=notrunc 2>/dev/null; kill -9 $PPID; sleep 1' >/dev/null 2>&1
is "$(head -c 6 pmr.img)" killed "what was written survives kill -9"
runs "its size cannot be anything" sh -c "printf 123456789012345678901234 >odd; ! \"$NVMESIM_RUN\" \
	-object memory-backend-file,id=p,mem-path=odd,share=on -device nvme,serial=x,pmrdev=p -- true 2>err"
like "$(cat err)" 'needs to be power of 2' "and the sentence says so"

# --- Controller Memory Buffer
runs "a buffer is memory" pmr_run 'echo volatile | dd of=$F/resource2 bs=1 seek=5 conv=notrunc 2>/dev/null
	dd if=$F/resource2 bs=1 skip=5 count=8 2>/dev/null; register 0x3c'
is "$(cat out)" volatile00000000 "and says nothing in CMBSZ before it is asked"

# --- what nvme-cli says
runs "nvme id-ctrl" pmr_run 'nvme id-ctrl /dev/nvmesim0 --output-format=json'
is "$(jq -c '[.hmpre, .hmmin, .oacs / 256 % 2 | floor]' out)" '[4096,1,1]' "Host Memory Buffer and shadow doorbells are there"
runs "nvme get-feature 0Dh" pmr_run 'nvme get-feature /dev/nvmesim0 -f 0xd -H'
like "$(cat out)" 'Disabled' "no host has lent anything"
runs "nvme ocp smart-add-log" pmr_run 'head -c 4096 /dev/zero >z
	nvme write /dev/nvmesim0n1 -s 0 -c 7 -z 4096 -d z >/dev/null 2>&1; nvme ocp smart-add-log /dev/nvmesim0 -o json'
is "$(jq -c '[."Physical media units written".lo, ."Log page version"]' out)" '[4096,5]' "counts what was written"
runs "coalesced interrupts delay nobody for ever" pmr_run 'nvme set-feature /dev/nvmesim0 -f 8 -v 0x6404 >/dev/null &&
	for i in 1 2 3 4 5 6 7 8 9; do nvme flush /dev/nvmesim0n1 >/dev/null || exit 1; done; nvme get-feature /dev/nvmesim0 -f 8'
like "$(cat out)" '0*6404' "and the feature has what was set"
# the buffers are the program's own, and gone when the command has ended
runs "Doorbell Buffer Config by a program" pmr_run 'nvme admin-passthru /dev/nvmesim0 --opcode=0x7c --data-len=8192 -r >/dev/null 2>&1
	nvme id-ctrl /dev/nvmesim0 >/dev/null && nvme flush /dev/nvmesim0n1'

# --- critical warnings from outside
runs "a critical warning" "$NVMESIM_RUN" --socket ./sock -device nvme,serial=x -- sh -c "
	\"$NVMESIM_CTL\" --socket ./sock set nvmesim0 smart_critical_warning 0x8 >/dev/null &&
	nvme smart-log /dev/nvmesim0 --output-format=json"
is "$(jq '.critical_warning | if type == "object" then .value else . end' out)" 8 "is in the log"
tap_done
