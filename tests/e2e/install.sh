#!/bin/sh
# SPDX-License-Identifier: MIT
#
# install.sh - what `meson install` puts in place, and that it works from there
. "$(dirname "$0")/tap.sh"

runs "meson install --destdir" meson install -C "$NVMESIM_BUILD" --no-rebuild --destdir "$T/root"
prefix=$T/root$(meson introspect --buildoptions "$NVMESIM_BUILD" | jq -r '.[] | select(.name == "prefix").value')

# one REGEX DESCRIPTION: exactly one installed file matches
one() {
	found=$(cd "$T/root" && find . ! -type d | grep -Ec "$1")
	is "$found" 1 "$2"
}
one '/bin/nvmesim$' "nvmesim"
one '/bin/nvmesim-run$' "nvmesim-run"
one '/bin/nvmesim-ctl$' "nvmesim-ctl"
one '/man1/nvmesim\.1$' "nvmesim(1)"
one '/man1/nvmesim-run\.1$' "nvmesim-run(1)"
one '/man1/nvmesim-ctl\.1$' "nvmesim-ctl(1)"
one '/man5/nvmesim\.conf\.5$' "nvmesim.conf(5)"
one '/udev/rules\.d/[^/]*nvmesim[^/]*\.rules$' "the udev rule"
one '/systemd/system/nvmesim\.service$' "the systemd unit"
one '/bash-completion/completions/nvmesim$' "completion for nvmesim"
one '/bash-completion/completions/nvmesim-run$' "completion for nvmesim-run"
one '/bash-completion/completions/nvmesim-ctl$' "completion for nvmesim-ctl"
one '/nvmesim\.conf\.example$' "the example configuration"

runs "the installed nvmesim-run works" "$prefix/bin/nvmesim-run" -- nvme id-ctrl /dev/nvmesim0
for program in nvmesim nvmesim-run nvmesim-ctl; do
	runs "$program --version" "$prefix/bin/$program" --version
	like "$(cat "$T/out")" '[0-9]+\.[0-9]+\.[0-9]+' "$program --version says one"
	runs "$program --help" "$prefix/bin/$program" --help
done

# the manual pages name every key and option that the programs take
conf5=$(cat "$prefix/share/man/man5/nvmesim.conf.5")
for device in nvme nvme-ns nvme-subsys; do
	"$NVMESIM_RUN" -device $device,help | sed -n 's/^ *\([a-z0-9_.-]*\)=<.*/\1/p' >"$T/keys"
	[ -s "$T/keys" ] || echo "-device-$device,help-lists-nothing" >"$T/keys"
	missing=
	while read -r key; do
		# roff has \- for a hyphen, and \& before a dot
		printf '%s\n' "$conf5" | sed 's/\\&//g; s/\\//g' | grep -q -e "$key" || missing="$missing $key"
	done <"$T/keys"
	is "$missing" "" "nvmesim.conf(5) has every key of -device $device,help ($(wc -l <"$T/keys"))"
done
runs "bash completion loads" bash -n "$prefix/share/bash-completion/completions/nvmesim"
tap_done
