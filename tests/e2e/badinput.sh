#!/bin/sh
# SPDX-License-Identifier: MIT
#
# badinput.sh - media that are not what they should be: a clear error at start, an NVMe status at run time
. "$(dirname "$0")/tap.sh"
cd "$T" || exit 99

# cannot DESCRIPTION WORD COMMAND...: the drive is not made: exit status 2 and one line with WORD
cannot() {
	text=$1
	word=$2
	shift 2
	ends "$text: exit status 2" 2 "$@"
	is "$(wc -l <"$T/out")" 1 "$text: one line" || diag <"$T/out"
	like "$(cat "$T/out")" "$word" "$text: which names '$word'"
}

# --- at start
truncate -s 1M short.img
cannot "a file shorter than its size" short.img "$NVMESIM_RUN" \
	-drive file=short.img,if=none,id=d,size=2M -device nvme,serial=s,drive=d -- true
is "$(stat -c %s short.img)" 1048576 "and it was left alone"
cannot "a directory as a file" "$T" "$NVMESIM_RUN" -drive "file=$T,if=none,id=d" \
	-device nvme,serial=s,drive=d -- true
cannot "a folder that is not there" nowhere "$NVMESIM_RUN" \
	-drive file=nowhere/disk.img,if=none,id=d,size=1M -device nvme,serial=s,drive=d -- true
: >empty.img
cannot "an empty file" empty.img "$NVMESIM_RUN" -drive file=empty.img,if=none,id=d \
	-device nvme,serial=s,drive=d -- true

mkdir bin && cp "$NVMESIM_RUN" bin/ && chmod 755 bin bin/*
truncate -s 1M readonly.img
chmod 0444 readonly.img
if [ "$(id -u)" = 0 ]; then
	set -- setpriv --reuid=65534 --regid=65534 --clear-groups
else
	set --
fi
cannot "a file that may not be written" readonly.img "$@" "$T/bin/nvmesim-run" \
	-drive "file=$T/readonly.img,if=none,id=d" -device nvme,serial=s,drive=d -- true
runs "the same file with readonly=on" "$@" "$T/bin/nvmesim-run" \
	-drive "file=$T/readonly.img,if=none,id=d,readonly=on" -device nvme,serial=s,drive=d \
	-- nvme read /dev/nvmesim0n1 --block-count=0 --data-size=512
head -c 512 /dev/urandom >block
ends "a write to it fails" 1 "$NVMESIM_RUN" -drive "file=$T/readonly.img,if=none,id=d,readonly=on" \
	-device nvme,serial=s,drive=d -- nvme write /dev/nvmesim0n1 --block-count=0 --data-size=512 --data=block
like "$(cat out)" 'status: .*(Write Protected|Read Only|read only)' "with an NVMe status that says so"

truncate -s 1M shared.img
"$NVMESIM_RUN" -drive file=shared.img,if=none,id=d -device nvme,serial=s,drive=d -- \
	sh -c 'touch up; until [ -e done ]; do sleep 0.1; done' &
first=$!
wait_for 10 test -e up
cannot "a file that another drive has" shared.img "$NVMESIM_RUN" -drive file=shared.img,if=none,id=d \
	-device nvme,serial=s,drive=d -- true
touch done
wait $first

# --- at run time: the file loses its blocks under the drive; the daemon lives
truncate -s 4M cut.img
# shellcheck disable=SC2016
"$NVMESIM_RUN" -drive file=cut.img,if=none,id=d -device nvme,serial=s,drive=d -- sh -c '
	nvme write /dev/nvmesim0n1 --block-count=0 --data-size=512 --data=block || exit 10
	truncate -s 0 cut.img
	nvme read /dev/nvmesim0n1 --start-block=4096 --block-count=7 --data-size=4096 --data=got >read.txt 2>&1
	echo $? >read.rc
	nvme write /dev/nvmesim0n1 --start-block=64 --block-count=0 --data-size=512 --data=block >write.txt 2>&1
	nvme compare /dev/nvmesim0n1 --start-block=4096 --block-count=0 --data-size=512 --data=block >cmp.txt 2>&1
	nvme id-ctrl /dev/nvmesim0 >id.txt 2>&1
	echo $? >id.rc
	nvme smart-log /dev/nvmesim0 --output-format=json >smart.json' >out 2>&1
is $? 0 "a program whose drive's file is truncated" || diag <out
is "$(cat read.rc)" 1 "a read of what was cut off fails"
like "$(cat read.txt)" 'status: .*(Unrecovered Read Error|Internal Error)' "with a media or internal error"
like "$(cat cmp.txt)" 'status: .*(Unrecovered Read Error|Internal Error)' "so does a compare"
is "$(cat id.rc)" 0 "the drive still answers Identify"
[ "$(jq -r .media_errors smart.json)" -ge 1 ]
is $? 0 "SMART counts media errors"

# --- at run time: there is no place for a namespace that a host creates
# shellcheck disable=SC2016
"$NVMESIM_RUN" --state "$T/gone" -device nvme,serial=s,capacity=64M -- sh -c '
	nvme create-ns /dev/nvmesim0 --nsze=0x800 --ncap=0x800 --flbas=0 >made.txt 2>&1 || exit 10
	mv gone away
	nvme create-ns /dev/nvmesim0 --nsze=0x800 --ncap=0x800 --flbas=0 >not.txt 2>&1
	echo $? >not.rc
	nvme list-ns /dev/nvmesim0 --all >list.txt || exit 11
	mv away gone
	nvme create-ns /dev/nvmesim0 --nsze=0x800 --ncap=0x800 --flbas=0 >again.txt 2>&1 || exit 12' >out 2>&1
is $? 0 "a state directory that goes away" || diag <out
is "$(cat not.rc)" 1 "create-ns fails meanwhile"
like "$(cat not.txt)" 'status: .*(Internal|Capacity)' "with an NVMe status"
is "$(cat list.txt)" '[   0]:0x1' "nothing is left of it"
like "$(cat again.txt)" 'created nsid:2' "and it works again when there is a place"

# --- a full disk under a sparse file, in the guest: 1 MiB of space for an 8 MiB namespace
cat >job.sh <<JOB
#!/bin/sh
# the last line says what was seen
mkdir /tmp/small && mount -t tmpfs -o size=1M tmpfs /tmp/small && cd /tmp || exit 98
"$NVMESIM" --foreground --socket /tmp/socket -drive file=/tmp/small/d.img,if=none,id=d,size=8M \
	-device nvme,serial=s,drive=d &
daemon=\$!
tries=0
until [ -c /dev/nvmesim0n1 ]; do
	tries=\$((tries + 1))
	[ \$tries -lt 200 ] || exit 97
	sleep 0.05
done
head -c 131072 /dev/urandom >data
ok=0 bad=0
for at in 0 256 512 768 1024 1280 1536 1792 2048 2304 2560 2816; do
	if nvme write /dev/nvmesim0n1 --start-block=\$at --block-count=255 --data-size=131072 --data=data \
		>last 2>&1; then
		ok=\$((ok + 1)) good=\$at
	else
		bad=\$((bad + 1))
		cat last
	fi
done
nvme compare /dev/nvmesim0n1 --start-block=\$good --block-count=255 --data-size=131072 --data=data || exit 3
nvme dsm /dev/nvmesim0n1 --ad --slbs=0 --blocks=512 || exit 4
nvme write /dev/nvmesim0n1 --start-block=2816 --block-count=255 --data-size=131072 --data=data || exit 5
nvme id-ctrl /dev/nvmesim0 >/dev/null || exit 6
kill \$daemon
wait \$daemon || exit 7
echo "written \$ok failed \$bad"
[ \$ok -ge 6 ] && [ \$bad -ge 3 ]
JOB
chmod +x job.sh
runs "a full disk under a sparse file: writes fail, what was written stays, the daemon lives, space helps" \
	"$here/guest/run" "$T/job.sh"
like "$(cat out)" 'status: .*(Capacity Exceeded|Write Fault|Internal Error)' "a write without space has an NVMe status"
tap_done
