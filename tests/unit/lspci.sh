#!/bin/sh
# SPDX-License-Identifier: MIT
#
# lspci.sh DUMPER - pciutils reads what cfg_dump.c writes: every capability has a name, and what a
# person is shown of a PF and its VFs is right.

set -u
dump=$(mktemp) out=$(mktemp)
trap 'rm -f "$dump" "$out"' EXIT
bad=0

complain()
{
	echo "$1" >&2
	bad=1
}

"$1" >"$dump" || complain "$1 failed"
lspci -vvv -F "$dump" >"$out" 2>/dev/null || complain "lspci failed: is pciutils there?"

if grep -niE 'unknown|error:|<chain|!!!|access denied|capabilities: <' "$out" >&2; then
	complain "lspci cannot read the lines above"
fi

# of the function $1, lspci prints $3; $2 times
has()
{
	n=$(awk -v fn="$1" '/^[0-9a-f]/ { on = $1 == fn } on' "$out" | grep -cF -- "$3")
	[ "$n" = "$2" ] || complain "$1: \"$3\" $n times, not $2"
}

for fn in 01:00.0 01:00.1 01:00.2 02:00.0; do
	has $fn 1 'Non-Volatile memory controller'
	has $fn 1 '(prog-if 02 [NVM Express])'
	has $fn 1 '[40] MSI-X:'
	has $fn 1 '[60] Power Management version 3'
	has $fn 1 'Status: D0 NoSoftRst+ PME-Enable- DSel=0 DScale=0 PME-'
	has $fn 1 '[80] Express (v2) Endpoint'
	has $fn 1 'FLReset+'
	has $fn 1 'LnkSta:	Speed 2.5GT/s, Width x1'
	has $fn 1 '[100 v2] Advanced Error Reporting'
done
for fn in 01:00.0 02:00.0; do
	has $fn 1 'Red Hat, Inc. QEMU NVM Express Controller'
	has $fn 1 'pin A routed'
	has $fn 1 '[150 v1] Device Serial Number 52-54-00-'
	has $fn 1 'Region 0: Memory at feb'
	has $fn 1 'UESvrt:	DLP+ SDES- TLP- FCP+ CmpltTO- CmpltAbrt- UnxCmplt- RxOF+ MalfTLP+'
done
for fn in 01:00.1 01:00.2; do
	has $fn 1 'Device ffff'
	has $fn 0 'pin A routed'
	has $fn 0 'Region 0'
	has $fn 0 'Device Serial Number'
	has $fn 0 'SR-IOV'
	has $fn 1 '[160 v1] Alternative Routing-ID Interpretation (ARI)'
	has $fn 1 'MSI-X: Enable'
done
has 01:00.0 1 'MSI-X: Enable+ Count=61 Masked-'
has 02:00.0 1 'MSI-X: Enable+ Count=65 Masked-'
has 01:00.1 1 'MSI-X: Enable+ Count=1 Masked-'
has 01:00.2 1 'MSI-X: Enable- Count=1 Masked-'
has 01:00.0 1 '[160 v1] Alternative Routing-ID Interpretation (ARI)'
has 02:00.0 0 'ARI'
has 01:00.0 1 '[180 v1] Single Root I/O Virtualization (SR-IOV)'
has 01:00.0 1 'IOVCtl:	Enable+ Migration- Interrupt- MSE+'
has 01:00.0 1 'Initial VFs: 4, Total VFs: 4, Number of VFs: 2'
has 01:00.0 1 'VF offset: 1, stride: 1, Device ID: 0010'
has 01:00.0 1 'Region 0: Memory at 00000000feb40000 (64-bit, non-prefetchable)'
exit $bad
