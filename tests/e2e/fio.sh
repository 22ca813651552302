#!/bin/sh
# SPDX-License-Identifier: MIT
#
# fio.sh - unmodified fio on a node, by its io_uring_cmd engine: every option of the engine, block sizes, depths,
# jobs that fork and threads, zones; what is written is verified. As root and without privilege. Protection
# information, data placement and commands other than Read and Write are tried where this fio has options for them
# (3.33, Debian 12's, has none of them; 3.39, Debian 13's, all). NVMESIM_FIO names another fio.
. "$(dirname "$0")/tap.sh"

mkdir "$T/bin" "$T/w"
chmod 1777 "$T/w"
cp "$NVMESIM_RUN" "$T/bin" && chmod 755 "$T/bin" "$T/bin/nvmesim-run"
cd "$T/w" || exit 99
# fio looks for its files' directory and for /sys entries that are not there
export HOME="$T/w"

if [ "$(id -u)" = 0 ]; then
	nobody="setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all"
else
	nobody=
fi
as=

fio=${NVMESIM_FIO:-fio}
# has OPTION: of fio itself or of the engine
has() {
	{ "$fio" --cmdhelp=all; "$fio" --enghelp=io_uring_cmd; } 2>/dev/null | grep -q "^$1 "
}

# fio_runs DESCRIPTION OPTION...: jobs on $drive must end without an error, a verification failure or a word on stderr
plain="-drive if=none,id=d,size=64M -device nvme,serial=fio,drive=d,mdts=9"
zoned="-drive if=none,id=d,size=64M -device nvme,serial=fio,mdts=9 -device nvme-ns,drive=d,zoned=on"
formatted="-drive if=none,id=d,size=64M -device nvme,serial=fio,mdts=9 -device nvme-ns,drive=d"
placement="-device nvme-subsys,id=s,fdp=on,fdp.nruh=4,fdp.runs=1M -drive if=none,id=d,size=64M"
placement="$placement -device nvme,serial=fio,subsys=s,mdts=9 -device nvme-ns,drive=d,fdp.ruhs=0;1;2;3"
drive=$plain
fio_runs() {
	fio_d=$1
	shift
	# shellcheck disable=SC2086 # a command line or nothing
	timeout 60 $as "$T/bin/nvmesim-run" $drive -- \
		"$fio" --name=j --ioengine=io_uring_cmd --cmd_type=nvme --filename=/dev/nvmesim0n1 \
		--group_reporting --output-format=json --output="$T/w/fio.json" "$@" >"$T/out" 2>&1
	fio_rc=$?
	if [ $fio_rc = 0 ] && [ ! -s "$T/out" ] &&
		sed -n '/^{/,$p' fio.json | jq -e '[.jobs[] | .error == 0 and
			(.read.total_ios + .write.total_ios + .trim.total_ios) > 0] | all' >"$T/jq" 2>&1; then
		pass "$fio_d"
	else
		fail "$fio_d"
		diag "exit status $fio_rc; fio $*"
		head -n 30 "$T/out" | diag
		head -n 20 fio.json | diag
	fi
	rm -f fio.json ./*.state
}

verified="--rw=randwrite --verify=crc32c --verify_fatal=1 --verify_state_save=0 --do_verify=1"
mixed="--rw=randrw --verify=crc32c --verify_fatal=1 --verify_state_save=0"

# shellcheck disable=SC2086 # lists of options
each() {
	fio_runs "$who: random reads" --rw=randread --bs=4k --iodepth=32 --io_size=32m --size=32m
	for bs in 512 4k 16k 128k 256k 1m; do
		case $bs in
		512) size=1m ;;
		*) size=16m ;;
		esac
		fio_runs "$who: random writes of $bs, verified" $verified --bs=$bs --iodepth=16 --size=$size
	done
	for depth in 1 4 64 256; do
		fio_runs "$who: queue depth $depth, verified" $mixed --bs=4k --iodepth=$depth --size=4m
	done
	fio_runs "$who: in batches of 16" $mixed --bs=4k --iodepth=32 --iodepth_batch_submit=16 \
		--iodepth_batch_complete_min=8 --iodepth_batch_complete_max=16 --size=4m
	fio_runs "$who: hipri" $mixed --bs=4k --iodepth=32 --size=4m --hipri
	fio_runs "$who: sqthread_poll" $mixed --bs=4k --iodepth=32 --size=4m --sqthread_poll
	fio_runs "$who: fixedbufs" $mixed --bs=4k --iodepth=32 --size=4m --fixedbufs
	fio_runs "$who: registerfiles" $mixed --bs=4k --iodepth=32 --size=4m --registerfiles
	fio_runs "$who: fixedbufs, registerfiles, hipri" $mixed --bs=4k --iodepth=32 --size=4m --fixedbufs \
		--registerfiles --hipri
	fio_runs "$who: nonvectored=0" $mixed --bs=16k --iodepth=32 --size=4m --nonvectored=0
	fio_runs "$who: nonvectored=1" $mixed --bs=16k --iodepth=32 --size=4m --nonvectored=1
	fio_runs "$who: force_async" $mixed --bs=4k --iodepth=32 --size=4m --force_async=2
	fio_runs "$who: four processes" $verified --bs=4k --iodepth=16 --numjobs=4 --size=4m --offset_increment=4m
	fio_runs "$who: four threads" $verified --bs=4k --iodepth=16 --numjobs=4 --thread --size=4m \
		--offset_increment=4m
	fio_runs "$who: four threads, sqthread_poll" $verified --bs=4k --iodepth=16 --numjobs=4 --thread --size=4m \
		--offset_increment=4m --sqthread_poll
}

# zbd PREFIX: zones of sizes that are and are not powers of two, and limits that fio must keep or the drive has to
# shellcheck disable=SC2086 # lists of options
zbd() {
	for zones in "4 MiB" "4 MiB of which 3 are written" "3008 KiB"; do
		four=16m
		case $zones in
		"4 MiB") keys=zoned.zone_size=4M,zoned.max_open=8,zoned.max_active=8 ;;
		4*) keys=zoned.zone_size=4M,zoned.zone_capacity=3M ;;
		*) keys=zoned.zone_size=3008k,zoned.max_open=4,logical_block_size=4k four=12032k ;;
		esac
		drive=$zoned,$keys who="$1zones of $zones"
		z="--zonemode=zbd --verify=crc32c --verify_fatal=1 --verify_state_save=0"
		fio_runs "$who: sequential writes, verified" $z --rw=write --bs=64k --iodepth=8
		fio_runs "$who: random writes, verified" $z --rw=randwrite --bs=16k --iodepth=16 --io_size=16m \
			--max_open_zones=4
		fio_runs "$who: reads and writes, verified" $z --rw=randrw --bs=4k --iodepth=4 --io_size=4m \
			--max_open_zones=4
		fio_runs "$who: more than there is, with resets" --zonemode=zbd --rw=randwrite --bs=64k --iodepth=4 \
			--io_size=128m --max_open_zones=4
		fio_runs "$who: random reads of what was written" --zonemode=zbd --rw=randrw --rwmixread=70 --bs=4k \
			--iodepth=16 --io_size=8m --max_open_zones=4
		for how in --thread ""; do
			fio_runs "$who: four jobs with zones of their own${how:+, }$how" $z $how --rw=write --bs=64k \
				--iodepth=4 --numjobs=4 --size=$four --offset_increment=$four --max_open_zones=4
			fio_runs "$who: four jobs in the same zones${how:+, }$how" --zonemode=zbd $how --rw=randwrite \
				--bs=16k --iodepth=4 --numjobs=4 --io_size=4m --max_open_zones=4
		done
	done
	drive=$plain
}

# pi PREFIX: metadata in a buffer of its own and behind each block, guards that fio makes and checks and those that
# the controller does
# shellcheck disable=SC2086 # lists of options
pi() {
	has md_per_io_size || return
	for type in 1 2 3; do
		chk=GUARD,APPTAG,REFTAG
		[ $type = 3 ] && chk=GUARD,APPTAG
		for act in 0 1; do
			drive=$formatted,ms=8,pi=$type
			fio_runs "$1type $type, pi_act=$act, metadata in a buffer, verified" $verified --bs=4k \
				--iodepth=32 --size=4m --md_per_io_size=64 --pi_act=$act --pi_chk=$chk
			drive=$formatted,ms=8,pi=$type,mset=1
			# of blocks that are longer fio verifies nothing but their tuples
			if [ $act = 0 ]; then
				fio_runs "$1type $type, tuples behind the blocks, written" --rw=write --bs=4160 \
					--iodepth=8 --size=2080k --pi_act=0 --pi_chk=$chk --name=back \
					--ioengine=io_uring_cmd --cmd_type=nvme --filename=/dev/nvmesim0n1 --stonewall \
					--rw=read --bs=4160 --iodepth=8 --size=2080k --pi_act=0 --pi_chk=$chk
			else
				fio_runs "$1type $type, pi_act=1, extended blocks, verified" $verified --bs=4k \
					--iodepth=32 --size=4m --pi_act=1 --pi_chk=$chk
			fi
		done
	done
	drive=$formatted,ms=16,pi=1,pif=2,logical_block_size=4096
	fio_runs "$1a 64-bit guard, verified" $verified --bs=16k --iodepth=32 --size=4m --md_per_io_size=64 \
		--pi_act=0 --pi_chk=GUARD,APPTAG,REFTAG
	drive=$formatted,ms=64,pi=1,pil=1,logical_block_size=4096
	fio_runs "$1tuples at the end of 64 bytes, verified" $verified --bs=16k --iodepth=32 --size=4m \
		--md_per_io_size=256 --pi_act=0 --pi_chk=GUARD,APPTAG,REFTAG
	drive=$formatted,ms=16,logical_block_size=4096
	fio_runs "$1metadata without tuples, verified" $verified --bs=16k --iodepth=32 --size=4m --md_per_io_size=64
	drive=$plain
}

# placed PREFIX: data placement
# shellcheck disable=SC2086 # lists of options
placed() {
	has fdp || return
	drive=$placement
	fio_runs "$1fdp=1, verified" $verified --bs=64k --iodepth=32 --size=16m --fdp=1
	has dataplacement || return
	fio_runs "$1dataplacement=fdp, verified" $verified --bs=4k --iodepth=32 --size=8m --dataplacement=fdp
	fio_runs "$1dataplacement=fdp, two handles, verified" $verified --bs=64k --iodepth=32 --size=16m \
		--dataplacement=fdp --plids=1,3 --plid_select=random
	fio_runs "$1dataplacement=fdp, sqthread_poll, verified" $verified --bs=4k --iodepth=32 --size=8m \
		--dataplacement=fdp --sqthread_poll
	drive=$plain
}

# others PREFIX: Dataset Management, Write Zeroes, Write Uncorrectable, Verify, Compare
# shellcheck disable=SC2086 # lists of options
others() {
	has write_mode || return
	drive=$plain
	fio_runs "$1trim" --rw=randtrim --bs=64k --iodepth=32 --size=16m
	fio_runs "$1trimwrite" --rw=trimwrite --bs=64k --iodepth=32 --size=16m
	for mode in zeroes "zeroes --deac=1" uncor verify; do
		fio_runs "$1write_mode=$mode" --rw=write --bs=64k --iodepth=8 --size=16m --write_mode=$mode
	done
	fio_runs "$1verify_mode=compare" --rw=randwrite --bs=4k --iodepth=32 --size=4m --verify=pattern \
		--verify_pattern=%o --verify_fatal=1 --verify_state_save=0 --verify_mode=compare
	fio_runs "$1readfua, writefua" $mixed --bs=4k --iodepth=8 --size=4m --readfua=1 --writefua=1
}

command -v "$fio" >/dev/null || {
	skip "fio" "it is not installed"
	tap_done
}
who=$(id -un 2>/dev/null || id -u)
each
zbd ""
pi ""
placed ""
others ""
if [ -n "$nobody" ]; then
	as=$nobody who="uid 65534"
	each
	zbd "uid 65534: "
	pi "uid 65534: "
	placed "uid 65534: "
	others "uid 65534: "
fi

# a time-based run ends in time, also by a signal to fio, which has a handler
as=
begun=$(date +%s)
fio_runs "two seconds of reads" --rw=randread --bs=4k --iodepth=32 --time_based --runtime=2
is "$(($(date +%s) - begun < 10))" 1 "take about two seconds"
timeout -s INT 2 "$T/bin/nvmesim-run" -drive if=none,id=d,size=64M -device nvme,serial=fio,drive=d -- \
	"$fio" --name=j --ioengine=io_uring_cmd --cmd_type=nvme --filename=/dev/nvmesim0n1 --rw=randread --bs=4k \
	--iodepth=8 --time_based --runtime=60 >"$T/out" 2>&1
like "$(cat "$T/out")" 'read: IOPS=' "interrupted, fio still says what it measured"
tap_done
