# shellcheck shell=sh disable=SC2034
# SPDX-License-Identifier: MIT
#
# guest.sh - for tests of the CUSE door; source it first: the rest of the script runs in the guest,
# with tap.sh at hand and the functions below.
if [ -z "${NVMESIM_IN_GUEST:-}" ]; then
	NVMESIM_SRC=${NVMESIM_SRC:-$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)}
	NVMESIM_BUILD=${NVMESIM_BUILD:-$NVMESIM_SRC/build}
	export NVMESIM_SRC NVMESIM_BUILD
	exec "$NVMESIM_SRC/tests/e2e/guest/run" "$0" "$@"
fi
. "$NVMESIM_SRC/tests/e2e/tap.sh"
[ -x "$NVMESIM" ] || {
	echo "Bail out! there is no $NVMESIM"
	exit 99
}
BADPTR=$NVMESIM_BUILD/tests/e2e/guest/badptr
cd "$T" || exit 99
at_exit 'stop >/dev/null 2>&1'
sock=/run/nvmesim.sock

# start DESCRIPTION ARGUMENT...: nvmesim in the background, as anybody starts it
start() {
	text=$1
	shift
	runs "$text" "$NVMESIM" "$@"
}

# stop: end it
stop() { "$NVMESIM_CTL" stop; }

# daemon: its process
daemon() { "$NVMESIM_CTL" --json show | jq .result.pid; }

# nodes: names of the device nodes there are, on one line
nodes() { (cd /dev && ls -d nvme* ng* 2>/dev/null) | tr '\n' ' ' | sed 's/ $//'; }

# gone: no node is there
gone() { [ -z "$(nodes)" ]; }

# nobody COMMAND...: as uid 65534, without capabilities
nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
