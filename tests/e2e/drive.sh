#!/bin/sh
# SPDX-License-Identifier: MIT
#
# drive.sh - what a user sees of a drive through the run door: nvme-cli, JSON, smartctl, an unprivileged
# user, the kinds of media
. "$(dirname "$0")/tap.sh"
cd "$T" || exit 99

set -- -drive if=none,id=d,format=raw,size=64M \
	-device "nvme,serial=SN-1234,model=A model,firmware-version=9.9,mdts=9,drive=d"

# --- JSON
"$NVMESIM_RUN" "$@" -- nvme id-ctrl /dev/nvmesim0 --output-format=json >id.json 2>err
is $? 0 "id-ctrl --output-format=json succeeds" || diag <err
# get KEY: a string of id.json, without its padding
get() { jq -r ".$1" id.json | sed 's/ *$//'; }
runs "its output is valid JSON" jq -e type id.json
is "$(get sn)" "SN-1234" "sn is the serial configured"
is "$(get mn)" "A model" "mn is the model configured"
is "$(get fr)" "9.9" "fr is the firmware-version configured"
is "$(get ver)" "131328" "VER is 2.1"
is "$(get mdts)" 9 "mdts is as configured"
# (nvme-cli 2.3 aborts on supported-log-pages as JSON, whatever the drive)
for log in smart-log error-log fw-log; do
	"$NVMESIM_RUN" "$@" -- nvme $log /dev/nvmesim0 --output-format=json >"$log.json" 2>err
	is $? 0 "$log --output-format=json succeeds" || diag <err
	runs "$log: valid JSON" jq -e type "$log.json"
done
"$NVMESIM_RUN" "$@" -- nvme id-ns /dev/nvmesim0n1 --output-format=json >ns.json
is "$(jq -r .nsze ns.json)" 131072 "NSZE is the 64 MiB configured"

# --- without privilege; the programs are copied, since the tree may lie where others may not look
mkdir bin && cp "$NVMESIM_RUN" bin/ && chmod 755 bin bin/*
if [ "$(id -u)" = 0 ]; then
	nobody="setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all"
	who="uid 65534 without capabilities"
else
	nobody=
	who="uid $(id -u)"
fi
# shellcheck disable=SC2086 # a command line
$nobody "$T/bin/nvmesim-run" "$@" -- nvme id-ctrl /dev/nvmesim0 --output-format=json >id.json 2>err
is $? 0 "id-ctrl as $who" || diag <err
is "$(get sn) $(get mn) $(get fr)" "SN-1234 A model 9.9" "the same drive for $who"
# shellcheck disable=SC2016,SC2086
ends "write, read and compare as $who" 0 $nobody "$T/bin/nvmesim-run" "$@" -- sh -c '
	d=$(mktemp -d) && cd "$d" && head -c 4096 /dev/urandom >a &&
	nvme write /dev/nvmesim0n1 --block-count=7 --data-size=4096 --data=a &&
	nvme read /dev/nvmesim0n1 --block-count=7 --data-size=4096 --data=b && cmp a b &&
	nvme compare /dev/nvmesim0n1 --block-count=7 --data-size=4096 --data=a; rc=$?; rm -r "$d"; exit $rc'

# --- smartctl
out=$("$NVMESIM_RUN" "$@" -- smartctl -a -d nvme /dev/nvmesim0 2>&1)
is $? 0 "smartctl -a -d nvme /dev/nvmesim0 succeeds" || diag "$out"
like "$out" '^Serial Number: +SN-1234$' "smartctl shows the serial number"
like "$out" '^Model Number: +A model$' "smartctl shows the model"
like "$out" 'self-assessment test result: PASSED' "smartctl calls the drive healthy"
like "$out" '^Temperature: +[1-9][0-9] Celsius$' "smartctl shows a temperature"
out=$("$NVMESIM_RUN" "$@" -- smartctl -i /dev/nvmesim0n1 2>&1)
like "$out" '^Namespace 1 Size/Capacity: +67[,.]?108[,.]?864' "smartctl -i finds the namespace by itself"

# --- no configuration: one controller with a namespace of 1 GiB
"$NVMESIM_RUN" -- nvme id-ns /dev/nvmesim0n1 --output-format=json >ns.json
is "$(jq -r .nsze ns.json)" 2097152 "without a configuration the namespace has 1 GiB"
ends "and no second namespace" 1 "$NVMESIM_RUN" -- nvme id-ns /dev/nvmesim0n2

# --- files: made sparse, and what is written stays
"$NVMESIM_RUN" -drive file=disk.img,if=none,id=d,format=raw,size=8G -device nvme,serial=s,drive=d -- sh -c '
	head -c 4096 /dev/urandom >data
	nvme write /dev/nvmesim0n1 --start-block=4096 --block-count=7 --data-size=4096 --data=data' >out 2>&1
is $? 0 "write to a file that did not exist" || diag <out
is "$(stat -c %s disk.img)" 8589934592 "it was made with the size asked for"
[ "$(stat -c %b disk.img)" -lt 4096 ]
is $? 0 "and is sparse"
dd if=disk.img of=data2 bs=512 skip=4096 count=8 2>/dev/null
same data data2 "the file holds the data at the place of its blocks"
runs "another run reads it back" "$NVMESIM_RUN" -drive file=disk.img,if=none,id=d,format=raw \
	-device nvme,serial=s,drive=d -- nvme compare /dev/nvmesim0n1 --start-block=4096 --block-count=7 \
	--data-size=4096 --data=data

# --- the program's own exit status is nvmesim-run's
ends "the program's exit status is returned" 7 "$NVMESIM_RUN" -- sh -c 'exit 7'
tap_done
