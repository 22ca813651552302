# SPDX-License-Identifier: MIT
#
# tap-count.awk - count test cases in meson's testlog
#
# A program that speaks TAP counts with its cases; one that does not counts as one case. A program that
# failed without a failed case (it crashed, hung, or stopped before its plan) has one failed case.
# Prints the output of what failed, and last "PASSED FAILED SKIPPED".

function finish(    bad) {
	if (name == "")
		return
	bad = not_ok > 0
	if (result ~ /^(exit status 77|SKIP)/) {
		skips++
		printf "    skipped: %s\n", name
	} else if (cases == 0) {
		if (result ~ /^(exit status 0|OK)/)
			passed++
		else
			bad = 1
		failed += bad
	} else {
		passed += cases - not_ok - skip
		failed += not_ok
		skips += skip
		if (!bad && (result !~ /^(exit status 0|OK)/ || planned != cases)) {
			failed++
			bad = 1
		}
	}
	if (bad) {
		printf "\n--- FAILED: %s (%s; %d of %d planned cases ran)\n", name, result, cases, planned
		first = lines > 150 ? lines - 150 : 0
		for (i = 0; i < lines; i++)
			if (i >= first || text[i] ~ /^not ok/)
				print "    " text[i]
		print ""
	}
	name = ""
}

/^=+ [0-9]+\/[0-9]+ =+$/ {
	finish()
	cases = not_ok = skip = planned = lines = body = 0
	result = "?"
	next
}
!body && /^test:/ { name = $0; sub(/^test: */, "", name); next }
!body && /^result:/ { result = $0; sub(/^result: */, "", result); next }
/^-+ (stdout|stderr) -+$/ { body = 1; next }
/^=+$/ { body = 0; next }
!body { next }

{ text[lines++] = $0 }
/^[0-9]*1\.\.[0-9]+/ { split($1, range, /\.\./); planned += range[2]; next }
# CMocka spells a skipped case "not ok N # SKIP name"
/^(not )?ok [0-9]+.*# SKIP/ { cases++; skip++; print "    skipped: " name ": " $0; next }
/^ok [0-9]/ { cases++; next }
/^not ok [0-9]/ { cases++; not_ok++; next }

END {
	finish()
	printf "%d %d %d\n", passed, failed, skips
}
