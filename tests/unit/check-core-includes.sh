#!/bin/sh
# SPDX-License-Identifier: MIT
#
# check-core-includes.sh SOURCE_ROOT CORE_LIBRARY - the house's first law (docs/design.md):
# core/ knows no operating system, doors know no NVMe opcode, log page or feature.
#
# 1. core/ includes ISO C11 headers, <nvme/types.h> and its own headers, nothing else but the
#    compiler's header of a processor's instructions, in a file that is named after the processor;
# 2. the core library wants of the outside only what ISO C11 has;
# 3. the doors use none of the specification's command, log page, feature or Identify constants.

set -u
root=$1
lib=$2
bad=0

complain()
{
	echo "$1" >&2
	bad=1
}

iso='assert|complex|ctype|errno|fenv|float|inttypes|iso646|limits|locale|math|setjmp|signal'
iso="$iso|stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|stdnoreturn|string"
iso="$iso|tgmath|threads|time|uchar|wchar|wctype"
foreign=$(grep -rnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*<' "$root/core" \
		--include='*.[ch]' | grep -vE "<(($iso)\.h|nvme/types\.h)>" |
		grep -vE "_x86\.c:[0-9]+:[^<]*<immintrin\.h>")
[ -z "$foreign" ] || complain "core/ includes what is not ISO C11:
$foreign"

# a relative include must stay in core/
outside=$(find "$root/core" -name '*.[ch]' | while read -r file; do
	dir=$(dirname "$file")
	sed -nE 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*"([^"]+)".*/\1/p' "$file" |
	while read -r inc; do
		path=$(realpath -m "$dir/$inc")
		case $path in
		"$(realpath "$root")"/core/*) [ -f "$path" ] || echo "$file: $inc is not there" ;;
		*) echo "$file: $inc" ;;
		esac
	done
done)
[ -z "$outside" ] || complain "core/ includes what is not its own:
$outside"

# what the library leaves undefined, less what it defines itself; the rest must be ISO C11's.
# The names with underscores are what compilers, sanitizers and coverage make of ISO C.
c11='abort|aligned_alloc|bsearch|calloc|free|malloc|realloc|qsort|mem(cpy|move|set|cmp|chr)|str[a-z]+'
c11="$c11|v?snprintf|mtx_[a-z]+|cnd_[a-z]+|thrd_[a-z]+|tss_[a-z]+|call_once"
c11="$c11|__assert_fail|__assert|__stack_chk_fail|__(mem|v?s|str)[a-z]*_chk|_GLOBAL_OFFSET_TABLE_"
c11="$c11|__(asan|ubsan|tsan|msan|sanitizer|gcov|llvm|atomic)_.*|__isoc23_.*|mcount|__fentry__|__popcountdi2"
c11="$c11|__cpu_(model|features2)" # what __builtin_cpu_supports() looks at
c11="$c11|bcmp" # clang's memcmp() where only equality is asked for
c11="$c11|__tls_get_addr" # what _Thread_local is reached through
symbols=$(mktemp)
trap 'rm -f "$symbols"' EXIT
nm "$lib" 2>/dev/null >"$symbols" || complain "nm cannot read $lib"
[ -s "$symbols" ] || complain "$lib has no symbols"
foreign=$(awk 'NF == 3 { def[$3] = 1 } NF == 2 && $1 ~ /^[Uw]$/ { und[$2] = 1 }
	END { for (s in und) if (!(s in def)) print s }' "$symbols" | sort |
	grep -vxE "$c11")
[ -z "$foreign" ] || complain "the core library wants of the outside:
$foreign"

# doors; comments may say what they like
for door in cuse trap tools daemon sysfs; do
	[ -d "$root/$door" ] || continue
	known=$(find "$root/$door" -name '*.[ch]' | while read -r file; do
		sed -E 's@//.*@@; s@/\*([^*]|\*[^/])*\*/@@g; /^[[:space:]]*\/?\*/d' "$file" |
			grep -nE '\b(nvme_admin_[a-z]|nvme_cmd_[a-z]|NVME_(LOG_LID|LOG|FEAT|IDENTIFY)_)' |
			sed "s@^@$file:@"
	done)
	[ -z "$known" ] || complain "$door/ is a door, but knows NVMe:
$known"
done

exit $bad
