# shellcheck shell=sh
# SPDX-License-Identifier: MIT
#
# tap.sh - a small library for tests written in shell; source it: . "$(dirname "$0")/tap.sh"
#
# Every check prints one line of the Test Anything Protocol; tests/run counts them. A test ends
# with tap_done, whose exit status says whether everything held. A script that ends before that is
# a failed test: the plan comes last.
#
# Gives: $NVMESIM $NVMESIM_RUN $NVMESIM_CTL (programs), $NVMESIM_SRC (the tree), $NVMESIM_BUILD (the build
# tree), $T (a scratch directory, removed at the end; world-writable like /tmp).

tap_n=0
tap_failed=0
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
: "${NVMESIM_SRC:=$(CDPATH='' cd -- "$here/../.." && pwd)}"
: "${NVMESIM_BUILD:=$NVMESIM_SRC/build}"
: "${NVMESIM:=$NVMESIM_BUILD/cuse/nvmesim}"
: "${NVMESIM_RUN:=$NVMESIM_BUILD/tools/nvmesim-run/nvmesim-run}"
: "${NVMESIM_CTL:=$NVMESIM_BUILD/tools/nvmesim-ctl/nvmesim-ctl}"
export NVMESIM_SRC NVMESIM_BUILD NVMESIM NVMESIM_RUN NVMESIM_CTL
export LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin # where nvme and smartctl are
export PATH
unset NVMESIM_SOCKET

T=$(mktemp -d) || exit 99
chmod 1777 "$T"
export T
tap_cleanup=
trap 'eval "$tap_cleanup"; rm -rf "$T"' EXIT
trap 'exit 130' INT TERM HUP

# at_exit COMMAND: also do this at the end (the last one given is done first)
at_exit() { tap_cleanup="$1; $tap_cleanup"; }

# diag [TEXT]: a remark; standard input when there is no text
diag() {
	if [ $# -gt 0 ]; then
		printf '%s\n' "$*" | sed 's/^/# /'
	else
		sed 's/^/# /'
	fi
}

# pass, fail DESCRIPTION
pass() {
	tap_n=$((tap_n + 1))
	printf 'ok %d - %s\n' "$tap_n" "$*"
}
fail() {
	tap_n=$((tap_n + 1))
	tap_failed=$((tap_failed + 1))
	printf 'not ok %d - %s\n' "$tap_n" "$*"
}

# skip DESCRIPTION REASON: one check that cannot be made here (in CI that is a failure)
skip() {
	tap_n=$((tap_n + 1))
	printf 'ok %d - %s # SKIP %s\n' "$tap_n" "$1" "$2"
}

# runs DESCRIPTION COMMAND...: it ends with 0; its output is in $T/out and, on failure, shown
runs() {
	tap_d=$1
	shift
	"$@" >"$T/out" 2>&1 </dev/null
	tap_rc=$?
	if [ "$tap_rc" = 0 ]; then
		pass "$tap_d"
	else
		fail "$tap_d"
		diag "exit status $tap_rc: $*"
		head -n 60 "$T/out" | diag
	fi
	return "$tap_rc"
}

# ends DESCRIPTION STATUS COMMAND...: it ends with exactly that status; output as with runs
ends() {
	tap_d=$1
	tap_want=$2
	shift 2
	"$@" >"$T/out" 2>&1 </dev/null
	tap_rc=$?
	if [ "$tap_rc" = "$tap_want" ]; then
		pass "$tap_d"
	else
		fail "$tap_d"
		diag "exit status $tap_rc instead of $tap_want: $*"
		head -n 60 "$T/out" | diag
		return 1
	fi
}

# is GOT WANTED DESCRIPTION
is() {
	if [ "$1" = "$2" ]; then
		pass "$3"
	else
		fail "$3"
		diag "got:    $1"
		diag "wanted: $2"
		return 1
	fi
}

# like TEXT REGEX DESCRIPTION: some line of the text matches (extended regular expression)
like() {
	if printf '%s\n' "$1" | grep -Eq -e "$2"; then
		pass "$3"
	else
		fail "$3"
		diag "no line matches: $2"
		printf '%s\n' "$1" | head -n 40 | diag
		return 1
	fi
}

# same FILE FILE DESCRIPTION: byte for byte
same() {
	if cmp -s -- "$1" "$2"; then
		pass "$3"
	else
		fail "$3"
		diff -- "$1" "$2" 2>&1 | head -n 40 | diag
		return 1
	fi
}

# wait_for SECONDS COMMAND...: until the command succeeds. Return: 1 when it never did
wait_for() {
	tap_tries=$(($1 * 10))
	shift
	until "$@" >/dev/null 2>&1; do
		tap_tries=$((tap_tries - 1))
		[ "$tap_tries" -gt 0 ] || return 1
		sleep 0.1
	done
}

# tap_done - the end of every test
tap_done() {
	printf '1..%d\n' "$tap_n"
	[ "$tap_failed" = 0 ]
	exit
}
