# Sourced by scripts/test, scripts/lint and .ci/run: runs parts one after the other, counts what
# they report, and closes with one line for each and the sum. A failed part does not stop the next.
# shellcheck shell=bash

part_lines=() part_notes=() parts_passed=0 parts_failed=0
part_logs=$(mktemp -d)
trap 'rm -rf -- "$part_logs"' EXIT

# part NAME COMMAND...: runs the command and adds up its tests. A command that reports no tests
# counts as one itself, and one that fails without a failed test counts as one failure.
part() {
    local name=$1 log status=0 counts ok bad note
    shift
    printf '\n== %s\n' "$name"
    log=$part_logs/${#part_lines[@]}
    "$@" </dev/null 2>&1 | tee -- "$log" || status=$?
    counts=$(counts_in "$log")
    ok=${counts% *} bad=${counts#* }
    if ((ok + bad == 0)); then
        if ((status == 0)); then ok=1; else bad=1; fi
    elif ((status != 0 && bad == 0)); then
        bad=1
    fi
    parts_passed=$((parts_passed + ok))
    parts_failed=$((parts_failed + bad))
    part_lines+=("$(printf '%-6s %-24s %5d passed, %d failed' \
        "$( ((bad == 0)) && echo ok || echo FAILED)" "$name" "$ok" "$bad")")
    while IFS= read -r note; do
        part_notes+=("$note")
    done < <(grep '^note: ' -- "$log" || true)
    ((bad == 0))
}

# counts_in LOG: "PASSED FAILED", from the last line `N passed, N failed` of one of our own
# scripts, else from the sum of the lines that cargo test prints for each binary.
counts_in() {
    awk '
        /^[0-9]+ passed, [0-9]+ failed$/ { own = 1; passed = $1; failed = $3 }
        /^test result: / {
            for (i = 2; i <= NF; i++) {
                if ($i == "passed;") p += $(i - 1)
                if ($i == "failed;") f += $(i - 1)
            }
        }
        END { if (own) print passed + 0, failed + 0; else print p + 0, f + 0 }
    ' "$1"
}

# note TEXT: a line that the closing summary repeats, here and in a script that runs this one.
note() {
    printf 'note: %s\n' "$*"
    part_notes+=("note: $*")
}

# finish: the closing summary; the last line is always `N passed, N failed`.
finish() {
    printf '\n== summary\n'
    ((${#part_lines[@]} == 0)) || printf '%s\n' "${part_lines[@]}"
    ((${#part_notes[@]} == 0)) || printf '%s\n' "${part_notes[@]}" | awk '!seen[$0]++'
    printf '%d passed, %d failed\n' "$parts_passed" "$parts_failed"
    ((parts_failed == 0)) && exit 0
    exit 1
}
