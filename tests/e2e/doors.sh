# shellcheck shell=sh
# SPDX-License-Identifier: MIT
#
# doors.sh - for tests that run a job (job.sh) through both doors; source it after tap.sh

# run_door CONF JOB: the job behind the run door; what it says is in $T/run.txt
run_door() {
	mkdir -p "$T/run" || exit 99
	(cd "$T/run" && "$NVMESIM_RUN" -c "$here/$1" -- sh "$here/$2" >"$T/run.txt" 2>&1)
	is $? 0 "the script runs behind the run door" || tail -n 5 "$T/run.txt" | diag
}

# cuse_door CONF JOB: the same in the guest, through real CUSE nodes; it must say the same, to the byte
cuse_door() {
	cat >"$T/job.sh" <<JOB
#!/bin/sh
export NVMESIM_SOCKET=/tmp/socket
"$NVMESIM" -c "$here/$1" --socket /tmp/socket >/tmp/log 2>&1 || { cat /tmp/log; exit 97; }
mkdir /tmp/work && cd /tmp/work && sh "$here/$2"
rc=\$?
"$NVMESIM_CTL" stop >/tmp/log 2>&1 || { cat /tmp/log; exit 96; }
exit \$rc
JOB
	"$here/guest/run" "$T/job.sh" >"$T/cuse.txt" 2>"$T/err"
	is $? 0 "the script runs behind the CUSE door, in the guest" ||
		tail -n 5 "$T/cuse.txt" "$T/err" | diag
	same "$T/run.txt" "$T/cuse.txt" "both doors' output is byte-identical"
}

# answer COMMAND [N]: what the script printed for it the Nth time (1), with its exit status in the last line
answer() {
	awk -v cmd="\$ $1" -v nth="${2:-1}" '
		$0 == cmd { on = ++n == nth; next }
		/^\$ / { on = 0 }
		on
		on && /^-> / { exit }' "$T/run.txt"
}
