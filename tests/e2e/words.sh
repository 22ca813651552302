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

# both TEXT COMMAND WORD...: COMMAND (for sh) sees the same behind the words and behind the file conf; its
# output is in $T/out
both() {
	text=$1
	command=$2
	shift 2
	runs "$text" "$NVMESIM_RUN" "$@" -- sh -c "$command"
	cp out words.out
	runs "$text: as a file" "$NVMESIM_RUN" -c conf -- sh -c "$command"
	same words.out out "$text: the same"
}

# --- "NVM Subsystems"
set -- -device nvme-subsys,id=nvme-subsys-0,nqn=subsys0 \
	-device nvme,serial=deadbeef,subsys=nvme-subsys-0 \
	-device nvme,serial=deadbeef,subsys=nvme-subsys-0
cat >conf <<'CONF'
[subsystem nvme-subsys-0]
nqn = subsys0
[controller a]
serial = deadbeef
subsys = nvme-subsys-0
[controller b]
serial = deadbeef
subsys = nvme-subsys-0
CONF
both "two controllers of one subsystem" \
	'for c in 0 1; do nvme id-ctrl /dev/nvmesim$c --output-format=json; done' "$@"
is "$(jq -s -c 'map(.subnqn, .cntlid, .cmic % 4 >= 2)' out)" \
	'["nqn.2019-08.org.qemu:subsys0",0,true,"nqn.2019-08.org.qemu:subsys0",1,true]' \
	"one NQN, two controller identifiers, CMIC says that there are several"

set -- "$@" -drive file=nvm-1.img,if=none,id=nvm-1 -device nvme-ns,drive=nvm-1,nsid=1 \
	-drive file=nvm-2.img,if=none,id=nvm-2 \
	-device nvme-ns,drive=nvm-2,nsid=3,shared=off,detached=on
cat >>conf <<'CONF'
[drive nvm-1]
file = nvm-1.img
[namespace one]
drive = nvm-1
nsid = 1
[namespace three]
file = nvm-2.img
nsid = 3
shared = off
detached = on
CONF
# shellcheck disable=SC2016
both "shared and detached namespaces" '
	there() { for n in 0n1 1n1 0n3 1n3; do [ -c /dev/nvmesim$n ] && printf "%s " $n; done; echo; }
	there
	nvme list-ns /dev/nvmesim0
	nvme list-ns /dev/nvmesim1 --all
	nvme attach-ns /dev/nvmesim0 --namespace-id=3 --controllers=0; there
	nvme attach-ns /dev/nvmesim0 --namespace-id=3 --controllers=1; there
	nvme detach-ns /dev/nvmesim0 --namespace-id=3 --controllers=0; there' "$@"
is "$(grep -c '^0n1 1n1 $' out) $(grep -c '^0n1 1n1 0n3 $' out)" "2 2" \
	"NSID 1 is behind both controllers; NSID 3 behind none, then one, then none" || diag <out
like "$(cat out)" '(P|p)rivate' "and not behind two: it is private" || diag <out

# --- "Simple Copy"
cat >conf <<'CONF'
[controller nvme-ctrl-0]
serial = deadbeef
[namespace n]
file = nvm-1.img
mssrl = 16
mcl = 24
msrc = 3
CONF
both "mssrl, mcl, msrc" '
	nvme id-ns /dev/nvmesim0n1 --output-format=json | jq -c "[.mssrl, .mcl, .msrc]"
	nvme copy /dev/nvmesim0n1 --sdlba=100 --slbs=0 --blocks=15
	nvme copy /dev/nvmesim0n1 --sdlba=100 --slbs=0 --blocks=16
	nvme copy /dev/nvmesim0n1 --sdlba=100 --slbs=0,20,40,60,80 --blocks=0,0,0,0,0
	nvme copy /dev/nvmesim0n1 --sdlba=100 --slbs=0,20 --blocks=15,9; true' \
	-device nvme,id=nvme-ctrl-0,serial=deadbeef -drive file=nvm-1.img,if=none,id=nvm-1 \
	-device nvme-ns,drive=nvm-1,mssrl=16,mcl=24,msrc=3
is "$(head -n 1 out)" '[16,24,3]' "they show in Identify Namespace"
is "$(grep -c 'success' out) $(grep -c 'Size Limit' out)" "1 3" "and Copy is held to them" || diag <out
printf '[controller c]\nserial = s\n[namespace n]\nfile = nvm-1.img\n' >conf
both "the limits' defaults" \
	'nvme id-ns /dev/nvmesim0n1 --output-format=json | jq -c "[.mssrl, .mcl, .msrc]"' \
	-device nvme,id=c,serial=s -drive file=nvm-1.img,if=none,id=d -device nvme-ns,drive=d
is "$(cat out)" '[128,128,127]' "are QEMU's"

# --- "Metadata", "End-to-End Data Protection"
# formatted WORDS WANTED: [LBADS, MS, extended, DPS, PIF] of a namespace with them
formatted() {
	tr , '\n' >conf <<CONF
[controller c]
serial = s
[namespace n]
file = nvm-1.img
$1
CONF
	# shellcheck disable=SC2016
	both "nvme-ns,$1" '
		lbaf=$(nvme id-ns /dev/nvmesim0n1 --output-format=json | jq ".flbas % 16")
		nvme id-ns /dev/nvmesim0n1 --output-format=json | jq -c \
			"[.lbafs[.flbas % 16].ds, .lbafs[.flbas % 16].ms, .flbas / 16 % 2 >= 1, .dps]"
		nvme nvm-id-ns /dev/nvmesim0n1 | grep "in use" | sed "s/.*pif:\([0-9]*\).*/pif \1/"' \
		-device nvme,id=c,serial=s -drive file=nvm-1.img,if=none,id=d \
		-device "nvme-ns,drive=d,$1"
	is "$(tr '\n' ' ' <out)" "$2 " "nvme-ns,$1: as configured"
}
formatted ms=8 '[9,8,false,0] pif 0'
formatted ms=64,mset=1 '[9,64,true,0] pif 0'
formatted ms=16,logical_block_size=4096 '[12,16,false,0] pif 0'
formatted ms=8,pi=1 '[9,8,false,1] pif 0'
formatted ms=8,pi=2,pil=1 '[9,8,false,10] pif 0'
formatted ms=8,mset=1,pi=3 '[9,8,true,3] pif 0'
formatted ms=16,pi=1,pif=1 '[9,16,false,1] pif 1'
formatted ms=16,pi=1,pif=2 '[9,16,false,1] pif 2'
formatted ms=64,mset=1,pi=2,pil=1,pif=2 '[9,64,true,10] pif 2'

# --- atomicity and hints, of QEMU 10.2
printf '[controller c]\nserial = s\natomic.awun = 3\natomic.awupf = 1\nctratt.mem = on\natomic.dn = on\n[namespace n]\nfile = nvm-1.img\n' >conf
cat >>conf <<'CONF'
atomic.nawun = 7
atomic.nawupf = 7
atomic.nabsn = 15
atomic.nabspf = 15
atomic.nabo = 8
min_io_size = 8k
opt_io_size = 64k
discard_granularity = 16k
CONF
both "atomic.*, min_io_size, opt_io_size, discard_granularity" '
	nvme id-ctrl /dev/nvmesim0 --output-format=json | jq -c "[.awun, .awupf, .ctratt]"
	nvme get-feature /dev/nvmesim0 --feature-id=0x0a
	nvme id-ns /dev/nvmesim0n1 --output-format=json |
		jq -c "[.nawun, .nawupf, .nabsn, .nabspf, .nabo, .npwg, .nows, .npdg]"' \
	-device nvme,id=c,serial=s,atomic.awun=3,atomic.awupf=1,ctratt.mem=on,atomic.dn=on \
	-drive file=nvm-1.img,if=none,id=d \
	-device nvme-ns,drive=d,atomic.nawun=7,atomic.nawupf=7,atomic.nabsn=15,atomic.nabspf=15,atomic.nabo=8,min_io_size=8k,opt_io_size=64k,discard_granularity=16k
is "$(jq -c -n "$(sed -n 1p out) | [.[0], .[1], .[2] / 65536 % 2 >= 1]")" '[3,1,true]' "AWUN, AWUPF, CTRATT.MEM"
like "$(cat out)" 'Current value: ?0x0*1$' "Disable Normal is set at power on" || diag <out
is "$(tail -n 1 out)" '[7,7,15,15,8,15,127,31]' "the namespace's, 0's based"

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
for key in spdm_port=1; do
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
refused pi "pi=4" -device nvme,serial=s -drive if=none,id=d,size=8M -device nvme-ns,drive=d,ms=8,pi=4
refused 'at least 8 bytes' "pi without metadata" -device nvme,serial=s -drive if=none,id=d,size=8M \
	-device nvme-ns,drive=d,pi=1
refused 'at least 16 bytes' "a wide guard in 8 bytes" -device nvme,serial=s -drive if=none,id=d,size=8M \
	-device nvme-ns,drive=d,ms=8,pi=1,pif=2
refused atomic.nawun "nawun below awun" -device nvme,serial=s,atomic.awun=7 -drive if=none,id=d,size=8M \
	-device nvme-ns,drive=d,atomic.nawun=3
refused min_io_size "min_io_size=1000" -device nvme,serial=s -drive if=none,id=d,size=8M \
	-device nvme-ns,drive=d,min_io_size=1000
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
