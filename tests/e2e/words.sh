#!/bin/sh
# SPDX-License-Identifier: MIT
#
# words.sh - the command lines of QEMU's NVMe documentation, pasted; what is not supported yet is refused
. "$(dirname "$0")/tap.sh"
cd "$T" || exit 99

# --- "Adding NVMe Devices": the simplest way
truncate -s 32M nvm.img
runs "a controller with a drive" "$NVMESIM_RUN" \
	-drive file=nvm.img,if=none,id=nvm \
	-device nvme,serial=deadbeef,drive=nvm \
	-- nvme id-ns /dev/nvmesim0n1 --output-format=json
is "$(jq .nsze out)" 65536 "the namespace has the file's size"

# --- its general parameters
runs "max_ioqpairs, msix_qsize, mdts, use-intel-id" "$NVMESIM_RUN" \
	-drive file=nvm.img,if=none,id=nvm \
	-device nvme,serial=deadbeef,drive=nvm,max_ioqpairs=4,msix_qsize=5,mdts=5,use-intel-id=on \
	-- nvme id-ctrl /dev/nvmesim0 --output-format=json
is "$(jq -r '"\(.mdts) \(.vid)"' out)" "5 32902" "they show in Identify Controller"

# --- "Additional Namespaces"
truncate -s 8M nvm-1.img
truncate -s 16M nvm-2.img
# shellcheck disable=SC2016
runs "two namespaces" "$NVMESIM_RUN" \
	-device nvme,id=nvme-ctrl-0,serial=deadbeef \
	-drive file=nvm-1.img,if=none,id=nvm-1 \
	-device nvme-ns,drive=nvm-1 \
	-drive file=nvm-2.img,if=none,id=nvm-2 \
	-device nvme-ns,drive=nvm-2 \
	-- sh -c 'nvme id-ns /dev/nvmesim0n1 --output-format=json && nvme id-ns /dev/nvmesim0n2 --output-format=json'
is "$(jq -s -c 'map(.nsze)' out)" "[16384,32768]" "identifiers are allocated from 1"
runs "nsid, uuid, nguid, eui64 of a namespace" "$NVMESIM_RUN" \
	-device nvme,id=c,serial=deadbeef \
	-drive file=nvm-1.img,if=none,id=nvm-1 \
	-device nvme-ns,drive=nvm-1,bus=c,nsid=7,uuid=12345678-9abc-def0-1234-56789abcdef0,nguid=00112233445566778899aabbccddeeff,eui64=0x1122334455667788 \
	-- nvme ns-descs /dev/nvmesim0n7
like "$(cat out)" 'uuid *: *12345678-9abc-def0-1234-56789abcdef0' "the UUID descriptor"
like "$(cat out)" 'nguid *: *00112233445566778899aabbccddeeff' "the NGUID descriptor"
like "$(cat out)" 'eui64 *: *1122334455667788' "the EUI-64 descriptor"

# --- block properties
runs "logical_block_size=4096" "$NVMESIM_RUN" \
	-drive file=nvm.img,if=none,id=nvm \
	-device nvme,serial=deadbeef,drive=nvm,logical_block_size=4096,physical_block_size=4096 \
	-- nvme id-ns /dev/nvmesim0n1 --output-format=json
is "$(jq .nsze out)" 8192 "blocks of 4 KiB"
is "$(jq '.lbafs[.flbas % 16].ds' out)" 12 "LBADS 12 is the format in use"

# --- asking, as one asks QEMU
runs "-device help" "$NVMESIM_RUN" -device help
like "$(cat out)" 'name "nvme"' "-device help names nvme"
like "$(cat out)" 'name "nvme-ns"' "-device help names nvme-ns"
runs "-device nvme,help" "$NVMESIM_RUN" -device nvme,help
for key in serial max_ioqpairs msix_qsize mdts aerl use-intel-id logical_block_size; do
	like "$(cat out)" "^ *$key=<" "-device nvme,help lists $key"
done

# refused WORD DESCRIPTION [nvmesim-run arguments...]: exit code 2 and one line that has WORD in it
refused() {
	word=$1
	text=$2
	shift 2
	ends "$text: exit status 2" 2 "$NVMESIM_RUN" "$@" -- true
	is "$(wc -l <"$T/out")" 1 "$text: one line" || diag <"$T/out"
	like "$(cat "$T/out")" "$word" "$text: which names '$word'"
}

# --- the parts that other issues bring are refused, never ignored
for key in zoned=on ms=8 pi=1 mssrl=64 shared=off detached=on fdp.ruhs=0; do
	refused "${key%%=*}" "nvme-ns,$key" -device nvme,serial=s -drive if=none,id=d,size=8M \
		-device "nvme-ns,drive=d,$key"
	like "$(cat "$T/out")" 'not supported yet' "nvme-ns,$key: not supported yet"
done
for key in cmb_size_mb=64 sriov_max_vfs=1 zoned.zasl=1; do
	refused "${key%%=*}" "nvme,$key" -drive if=none,id=d,size=8M -device "nvme,serial=s,drive=d,$key"
	like "$(cat "$T/out")" 'not supported yet' "nvme,$key: not supported yet"
done

# --- what is wrong
refused serial "a controller without a serial" -device nvme
refused frobnicate "an unknown key" -device nvme,serial=s,frobnicate=1
refused mdts "mdts=10" -device nvme,serial=s,mdts=10
refused max_ioqpairs "max_ioqpairs=0" -device nvme,serial=s,max_ioqpairs=0
refused msix_qsize "msix_qsize=2049" -device nvme,serial=s,msix_qsize=2049
refused mqes "mqes=0" -device nvme,serial=s,mqes=0
refused aerl "aerl=x" -device nvme,serial=s,aerl=x
refused logical_block_size "logical_block_size=1000" -drive if=none,id=d,size=8M \
	-device nvme,serial=s,drive=d,logical_block_size=1000
refused nodrive "an unknown drive" -device nvme,serial=s,drive=nodrive
refused nvme-floppy "an unknown device" -device nvme-floppy
refused d "a drive id used twice" -drive if=none,id=d,size=8M -drive if=none,id=d,size=8M
refused nsid "nsid=300" -device nvme,serial=s -drive if=none,id=d,size=8M -device nvme-ns,drive=d,nsid=300

# --- the file reader: file, line, key
cat >bad.conf <<'CONF'
[controller a]
serial = s
mdts = 12
CONF
refused 'bad.conf:3:.*mdts' "a wrong value in a file" -c bad.conf
printf '[controler a]\nserial = s\n' >bad.conf
refused 'bad.conf:1:.*controler' "an unknown section" -c bad.conf
refused 'missing.conf' "a file that is not there" -c missing.conf

# --- and nothing is created
rm -f new.img
refused frobnicate "a wrong key after a drive" -drive file=new.img,if=none,id=d,size=8M \
	-device nvme,serial=s,drive=d,frobnicate=on
[ ! -e new.img ]
is $? 0 "a refused configuration makes no file"
tap_done
