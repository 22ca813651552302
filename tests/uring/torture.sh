#!/bin/sh
# SPDX-License-Identifier: MIT
#
# torture.sh - closes, forks, signals and kills at random while commands fly, NVMESIM_TORTURE seconds long (30);
# NVMESIM_SEED repeats a run
. "$(dirname "$0")/../e2e/tap.sh"

cp "$NVMESIM_RUN" "$NVMESIM_BUILD/tests/uring/torture" "$T"
chmod 755 "$T/nvmesim-run" "$T/torture"
cd "$T" || exit 99
: "${NVMESIM_TORTURE:=30}"
# half of the time as root, half as somebody
half=$(((NVMESIM_TORTURE + 1) / 2))
torture() {
	d=$1
	shift
	# shellcheck disable=SC2086 # a number or nothing
	"$@" "$T/nvmesim-run" -drive if=none,id=d,size=64M -device nvme,serial=torture,drive=d -- \
		"$T/torture" /dev/nvmesim0 /dev/nvmesim0n1 $half ${NVMESIM_SEED:-} >"$T/out" 2>&1
	is $? 0 "$d, $half s"
	diag <"$T/out"
}
torture "run door" env
if [ "$(id -u)" = 0 ]; then
	torture "run door, uid 65534" \
		setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all
fi
tap_done
