#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run_door.sh - what the run door does to programs: paths, descriptors, threads, signals, exit codes, job
# control, survivors; as root and without privilege, with and without kcmp
. "$(dirname "$0")/tap.sh"

# copied, since the tree may lie where others may not look
mkdir "$T/bin"
cp "$NVMESIM" "$NVMESIM_RUN" "$NVMESIM_CTL" "$NVMESIM_BUILD"/tests/e2e/run_* "$T/bin" 2>/dev/null
chmod 755 "$T/bin" "$T"/bin/*
B=$T/bin
pids=
run=$B/nvmesim-run
cd "$T" || exit 99

# quiet COMMAND...: in a session of its own, so that signals to the group stay there
quiet() { setsid -w "$@" >"$T/out" 2>&1 </dev/null; }

# is there a process of ours? (the bracket: not grep itself)
# -q: a match counts, whatever process went away meanwhile
supervisor() { grep -qszx "$B/nvmesim-ru[n]" /proc/[0-9]*/cmdline; }
no_supervisor() { ! supervisor; }

if [ "$(id -u)" = 0 ]; then
	nobody="setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all"
	who="uid 65534 without capabilities"
else
	nobody=
	who="uid $(id -u)"
fi

# --- system calls, from a dynamic and a static program
for p in run_paths run_paths_static; do
	runs "$p: path calls on the controller node" "$run" -- "$B/$p" /dev/nvmesim0
	runs "$p: path calls on the namespace node" "$run" -- "$B/$p" /dev/nvmesim0n1
	# shellcheck disable=SC2086 # a command line
	runs "$p: path calls as $who" $nobody "$run" -- "$B/$p" /dev/nvmesim0
done
for p in run_ioctl run_ioctl_static; do
	runs "$p: descriptors, threads, signals, killed callers" \
		"$run" -- "$B/$p" /dev/nvmesim0 /dev/nvmesim0n1
	# shellcheck disable=SC2086 # a command line
	runs "$p: the same as $who" \
		$nobody "$run" -- "$B/$p" /dev/nvmesim0 /dev/nvmesim0n1
done
runs "descriptors are recognised where kcmp is forbidden" \
	env NO_KCMP=1 "$B/run_deny" kcmp "$run" -- "$B/run_ioctl" /dev/nvmesim0 /dev/nvmesim0n1

# --- ordinary programs
cat >tools.sh <<'END'
set -e
[ -e /dev/nvmesim0 ] && [ -c /dev/nvmesim0n1 ] && test -r /dev/nvmesim0 && test ! -d /dev/nvmesim0
[ ! -e /dev/nvmesim7 ] && [ ! -e /dev/nvmesim0n9 ]
ls -l /dev/nvmesim0 /dev/nvmesim0n1 | grep -c '^crw-------' | grep -qx 2
ls -ld --time-style=+%s /dev/nvmesim0 >/dev/null
[ "$(stat -c '%F %a' /dev/nvmesim0)" = 'character special file 600' ]
[ "$(stat -c %i /dev/nvmesim0)" != "$(stat -c %i /dev/nvmesim0n1)" ]
[ "$(realpath /dev/nvmesim0)" = /dev/nvmesim0 ]
cd /dev && stat nvmesim0 ./nvmesim0 >/dev/null
exec 3</dev/nvmesim0
exec 4<>/dev/nvmesim0n1
[ -c /dev/fd/3 ]
case $(ls /dev) in *nvmesim0*) exit 1 ;; esac
find /dev/nvmesim0 -type c | grep -q .
END
runs "test, ls, stat, realpath, redirections, find see character devices" "$run" -- sh tools.sh
if command -v bash >/dev/null; then
	runs "the same under bash" "$run" -- bash tools.sh
fi
if command -v python3 >/dev/null; then
	runs "python's os.stat, open and ioctl" "$run" -- python3 -c '
import os, stat, fcntl
assert stat.S_ISCHR(os.stat("/dev/nvmesim0").st_mode)
assert os.access("/dev/nvmesim0", os.R_OK)
f = os.open("/dev/nvmesim0n1", os.O_RDWR)
assert fcntl.ioctl(f, 0x4e40) == 1'
fi
# shellcheck disable=SC2016 # for the inner shell
"$run" -- sh -c 'printf "%s\n" "$NVMESIM_SOCKET"; "$0" list' "$B/nvmesim-ctl" >out 2>err
like "$(cat out)" 'nvmesim0n1' "nvmesim-ctl works inside" || diag <err
is "$(test -e "$(head -n 1 out)" || echo gone)" gone "and its socket is gone afterwards"
"$run" -- sh -c '"$0" stop && test ! -e /dev/nvmesim0 && exec cat /etc/passwd' "$B/nvmesim-ctl" \
	>out 2>err
is $? 0 "nvmesim-ctl stop takes the drive away and leaves the program" || diag <err

# --- ends
ends "the program's exit status" 42 "$run" -- sh -c 'exit 42'
ends "a program that is not there: 127" 127 "$run" -- /nonexistent/program
like "$(cat out)" '^nvmesim-run: /nonexistent/program: No such file' "and it is said"
ends "a file that is no program: 126" 126 "$run" -- /etc/passwd
ends "no program: 2" 2 "$run" --
ends "an unknown option: 2" 2 "$run" --no-such-option -- true
ends "a wrong key: 2" 2 "$run" -device nvme,nonsense=1 -- touch made
is "$(test -e made || echo no)" no "and the program was not started"
ends "a drive that cannot be made: 2" 2 \
	"$run" -drive file=/nonexistent/x,if=none,id=d,size=1M -device nvme,serial=x,drive=d -- true

# a shell shows the end by signal N as 128 + N; that it is one, run_tty checks
for s in KILL:9 TERM:15 SEGV:11 USR1:10; do
	quiet sh -c '"$@"; exit $?' sh "$run" -- sh -c "kill -${s%:*} \$\$"
	is $? $((128 + ${s#*:})) "killed by SIG${s%:*}, it ends by SIG${s%:*}"
done
# shellcheck disable=SC2016
quiet "$run" -- sh -c 'trap "exit 7" TERM; kill -TERM 0; sleep 10 & wait'
is $? 7 "a signal that the program sends to its own group arrives once, and the handler rules"

# shellcheck disable=SC2016
"$run" -- sh -c 'trap "exit 9" TERM; echo up >up; while :; do sleep 0.1; done' &
wait_for 10 test -s up
kill -TERM $!
wait $!
is $? 9 "SIGTERM reaches the program, whose handler has the last word"
rm -f up
"$run" -- sh -c 'trap "echo 1 >usr1" USR1; echo up >up; while :; do sleep 0.1; done' &
wait_for 10 test -s up
kill -USR1 $!
wait_for 10 test -s usr1
is $? 0 "SIGUSR1 reaches the program"
kill -TERM $!
wait $! 2>/dev/null
is $? 143 "and SIGTERM's default action is its end"
quiet timeout 1 "$run" -- sleep 20
is $? 124 "timeout ends it"
rm -f up
# shellcheck disable=SC2016
"$run" -- sh -c 'echo $$ >up; exec sleep 60' &
wait_for 10 test -s up
kill -KILL $!
wait $! 2>/dev/null
wait_for 5 sh -c '! kill -0 "$(cat up)" 2>/dev/null'
is $? 0 "killed by SIGKILL, it takes the program along"
runs "job control: ^Z, fg, ^C" "$B/run_tty" "$run" -- sh -c 'echo ready; exec sleep 60'
# (in a subshell: a shell that waits in vfork does not stop at ^Z, here or anywhere)
runs "job control with a shell between" "$B/run_tty" "$run" -- sh -c '(echo ready; exec sleep 60); :'
# shellcheck disable=SC2016
ends "an ignored SIGINT stays ignored" 0 \
	sh -c 'trap "" INT; exec "$@"' sh "$run" -- sh -c 'kill -INT $$'
ends "an inherited SIG_IGN of SIGCHLD does no harm" 5 \
	env --ignore-signal=CHLD "$run" -- sh -c 'exit 5'
# shellcheck disable=SC2016
ends "standard input is the program's" 0 \
	sh -c 'echo word | "$0" -- sh -c "read x && test \$x = word"' "$run"

# --- background tasks
cat >bg.sh <<'END'
(
	exec >/dev/null 2>&1 </dev/null
	while [ ! -e "$1/go" ]; do sleep 0.1; done
	setsid sh -c 'stat -c %F /dev/nvmesim0 >"$0/late.new"; mv "$0/late.new" "$0/late"' "$1"
) &
echo started
exit 3
END
"$run" -- sh bg.sh "$T" | cat >out
is "$(cat out)" started "a pipe from the program closes though background tasks go on"
ends "it ends with the program, not with the background tasks" 3 "$run" -- sh bg.sh "$T"
supervisor
is $? 0 "the supervisor stays for them"
touch go
wait_for 10 test -s late
is "$(cat late)" "character special file" "which go on being served"
wait_for 10 no_supervisor
is $? 0 "and when the last has ended, nothing is left"

# --- the drive
"$run" -drive file=d.img,if=none,id=d,size=16M -device nvme,serial=x,drive=d -- sh -c '
	head -c 4096 /dev/urandom >w
	nvme write /dev/nvmesim0n1 -s 8 -c 7 -z 4096 -d w &&
	nvme read /dev/nvmesim0n1 -s 8 -c 7 -z 4096 -d r && cmp w r' >out 2>&1
is $? 0 "nvme write, read, compare" || diag <out
"$run" -drive file=d.img,if=none,id=d,size=16M -device nvme,serial=x,drive=d -- \
	nvme read /dev/nvmesim0n1 -s 8 -c 7 -z 4096 -d r2 >out 2>&1
is $? 0 "the next program can open the same file at once" || diag <out
same w r2 "and finds what was written"

# --- a running daemon
# shellcheck disable=SC2086
$nobody "$B/nvmesim" --no-cuse --foreground --socket "$T/socket" >daemon.out 2>&1 &
daemon=$!
at_exit "kill $daemon 2>/dev/null"
wait_for 10 test -S socket
# shellcheck disable=SC2086
runs "attached: path calls" $nobody "$run" --attach="$T/socket" -- "$B/run_paths" /dev/nvmesim0
# shellcheck disable=SC2086
runs "attached: descriptors, threads, signals, killed callers" $nobody \
	"$run" --attach="$T/socket" -- "$B/run_ioctl" /dev/nvmesim0 /dev/nvmesim0n1
for i in 1 2 3 4 5 6 7 8; do
	# shellcheck disable=SC2086
	$nobody "$run" --attach="$T/socket" -- nvme id-ctrl /dev/nvmesim0 >"at$i" 2>&1 &
	pids="$pids $!"
done
# shellcheck disable=SC2086
wait $pids
is "$(cat at? | grep -c '^mdts')" 8 "eight programs attach at once"
kill $daemon
wait $daemon
is $? 0 "and the daemon ends in order" || diag <daemon.out

# --- what cannot be
ends "inside another nvmesim-run: 125" 125 "$run" -- "$run" -- true
like "$(cat out)" 'another nvmesim-run' "and it is said"
ends "without seccomp: 125" 125 "$B/run_deny" seccomp "$run" -- true
like "$(cat out)" 'profile forbids.*seccomp' "and it is said"
ends "without process_vm_readv: 125" 125 "$B/run_deny" process_vm_readv "$run" -- true
like "$(cat out)" 'process_vm_readv' "and it is said"
ends "no daemon to attach to: 125" 125 "$run" --attach="$T/none" -- true
like "$(cat out)" "attach.*$T/none" "and it is said"
tap_done
