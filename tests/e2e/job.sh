# shellcheck shell=sh
# SPDX-License-Identifier: MIT
#
# job.sh - for jobs: scripts that judge nothing, and whose output must not differ between the doors
PATH=$PATH:/usr/sbin:/sbin
export LC_ALL=C

# try COMMAND...: show it, what it says, and how it ended
try() {
	echo "\$ $*"
	"$@" 2>&1 </dev/null
	echo "-> $?"
}

# same FILE FILE: say whether they are equal
same() {
	if cmp -s "$1" "$2"; then echo "$1 = $2"; else echo "$1 differs from $2"; fi
}

# nodes NAME...: wait until exactly these of the namespaces' nodes are there (0n1 is /dev/nvmesim0n1), and say
# which are; they come and go behind a command's back, as the kernel's own do
# (the run door's /dev shows none in a listing)
nodes() {
	job_tries=100
	while :; do
		found=
		for job_c in 0 1; do
			job_n=1
			while [ $job_n -le 16 ]; do
				[ -c /dev/nvmesim${job_c}n$job_n ] && found="$found ${job_c}n$job_n"
				job_n=$((job_n + 1))
			done
		done
		[ "$found" = "${*:+ $*}" ] && break
		job_tries=$((job_tries - 1))
		[ $job_tries -gt 0 ] || break
		sleep 0.1
	done
	echo "nodes:$found"
	[ "$found" = "${*:+ $*}" ]
}

# appears NODE: wait until it is there
appears() {
	job_tries=100
	until [ -c "$1" ]; do
		job_tries=$((job_tries - 1))
		[ $job_tries -gt 0 ] || return 1
		sleep 0.1
	done
}
