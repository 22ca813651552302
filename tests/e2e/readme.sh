#!/bin/sh
# SPDX-License-Identifier: MIT
#
# readme.sh - README.md's examples do what README.md says
#
# A block of commands that follows the line <!-- test: NAME --> is run, as it stands, by sh -e in an empty
# directory with the built programs in PATH. NAME cuse: in the guest, as root, with CUSE nodes.
. "$(dirname "$0")/tap.sh"
readme=$NVMESIM_SRC/README.md

mkdir "$T/bin" && ln -s "$NVMESIM" "$NVMESIM_RUN" "$NVMESIM_CTL" "$T/bin" || exit 99
PATH=$T/bin:$PATH

# the blocks, one file each: $T/block.NUMBER.NAME
awk -v dir="$T" '
	/^<!-- test: / { name = $3; next }
	name != "" && /^(```|    )/ && !on { on = 1; n++; file = sprintf("%s/block.%02d.%s", dir, n, name) }
	on && /^```/ { if (fenced) { on = fenced = 0; name = ""; close(file) } else fenced = 1; next }
	on && !fenced && !/^    / { on = 0; name = ""; close(file); next }
	on { sub(/^    /, ""); print >file }' "$readme"

count=0
for block in "$T"/block.*; do
	[ -f "$block" ] || break
	count=$((count + 1))
	name=${block##*.}
	first=$(grep -v '^#' "$block" | head -n 1)
	mkdir "$T/dir.$count" && cd "$T/dir.$count" || exit 99
	if [ "$name" = cuse ]; then
		# sudo: the guest's job is root already
		{
			printf '#!/bin/sh -e\nPATH=%s:%s\nmkdir /tmp/w; cd /tmp/w\n' "${NVMESIM%/*}:${NVMESIM_CTL%/*}" "$PATH"
			printf 'cp "%s/nvmesim.conf.example" nvmesim.conf\n' "$NVMESIM_SRC"
			sed 's/sudo //g' "$block"
		} >"$T/job.sh"
		chmod +x "$T/job.sh"
		runs "example in the guest: $first" "$here/guest/run" "$T/job.sh"
	else
		runs "example: $first" sh -e "$block"
	fi
done
[ "$count" -ge 8 ]
is $? 0 "README.md has examples to run ($count)"
tap_done
