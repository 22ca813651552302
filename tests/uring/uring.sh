#!/bin/sh
# SPDX-License-Identifier: MIT
#
# uring.sh - the programs of tests/uring: on the kernel's own rings, which shows that what they expect is what
# Linux does; through the run door, as root and without privilege; attached to a daemon
. "$(dirname "$0")/../e2e/tap.sh"

mkdir "$T/bin"
cp "$NVMESIM" "$NVMESIM_RUN" "$NVMESIM_CTL" "$NVMESIM_BUILD"/tests/uring/test_* \
	"$NVMESIM_BUILD/tests/uring/uring_static" "$NVMESIM_BUILD/tests/uring/successor" \
	"$here/uring.conf" "$here/place.conf" "$T/bin" 2>/dev/null
chmod 755 "$T/bin" "$T"/bin/*
B=$T/bin
run=$B/nvmesim-run
cd "$T" || exit 99
nodes="/dev/nvmesim0 /dev/nvmesim0n1 /dev/nvmesim0n2"
all="setup io hand two rules chain time overflow register tags index mixed meta life signal bad"

if [ "$(id -u)" = 0 ]; then
	nobody="setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all"
	who="uid 65534 without capabilities"
else
	nobody=
	who="uid $(id -u)"
fi

# --- the model
# what Linux 6.18 does, on which it was checked; older kernels lack some of it
case $(uname -r) in
[0-5].* | 6.[0-9].* | 6.1[0-7].*) diag "the kernel's rings are left out: $(uname -r) is older than 6.18" ;;
*)
	for t in setup chain time overflow register tags index mixed life signal bad rules; do
		"$B/test_$t" >out 2>&1 </dev/null
		rc=$?
		if [ $rc = 77 ]; then
			diag "the kernel's rings are left out: io_uring is forbidden here"
			break
		fi
		is $rc 0 "the kernel's rings: $t" || diag <out
	done
	;;
esac

# --- the door
for t in $all; do
	# shellcheck disable=SC2086 # lists
	runs "run door: $t" "$run" -c "$B/uring.conf" -- "$B/test_$t" $nodes
done
for t in $all; do
	# shellcheck disable=SC2086
	runs "run door, $who: $t" $nobody "$run" -c "$B/uring.conf" -- "$B/test_$t" $nodes
done
runs "run door: place" "$run" -c "$B/place.conf" -- "$B/test_place" /dev/nvmesim0 /dev/nvmesim0n1 /dev/nvmesim1n1
# shellcheck disable=SC2086
runs "run door, $who: place" $nobody "$run" -c "$B/place.conf" -- "$B/test_place" /dev/nvmesim0 /dev/nvmesim0n1 \
	/dev/nvmesim1n1
runs "a static program" "$run" -c "$B/uring.conf" -- "$B/uring_static" /dev/nvmesim0 /dev/nvmesim0n1
for t in setup io life index; do
	# shellcheck disable=SC2086
	runs "where kcmp is forbidden: $t" "$NVMESIM_BUILD/tests/e2e/run_deny" kcmp \
		"$run" -c "$B/uring.conf" -- "$B/test_$t" $nodes
done

# --- a daemon that others use as well
# shellcheck disable=SC2086
$nobody "$B/nvmesim" -c "$B/uring.conf" --no-cuse --foreground --socket "$T/socket" >daemon.out 2>&1 &
daemon=$!
at_exit "kill $daemon 2>/dev/null"
wait_for 10 test -S socket
for t in io two register tags index life signal bad meta; do
	# shellcheck disable=SC2086
	runs "attached: $t" env UR_SUPERVISOR=$daemon $nobody "$run" --attach="$T/socket" -- "$B/test_$t" $nodes
done
pids=
for i in 1 2 3; do
	# shellcheck disable=SC2086
	$nobody "$run" --attach="$T/socket" -- "$B/uring_static" /dev/nvmesim0 /dev/nvmesim0n1 >"at$i" 2>&1 &
	pids="$pids $!"
done
bad=0
for p in $pids; do
	wait "$p" || bad=$((bad + 1))
done
# (they write the same blocks, so what one reads may be another's: the count alone is compared)
is "$(cat at? | grep -c 'checks passed')" 3 "three programs attached at once reach their ends"
kill $daemon
wait $daemon
is $? 0 "and the daemon ends in order" || diag <daemon.out
tap_done
