#!/usr/bin/env bash
# The life of a key, with the real command on a real file in a temporary folder. Each command line
# is printed before it runs, and has to end as is said here. Tokens stay in variables.
# KEYFOB_BIN names the command; `make demo` sets it.
set -euo pipefail
bin=${KEYFOB_BIN:?names the keyfob command; \`make demo\` builds it and sets this}
[[ -x $bin ]] || { echo "demo: there is no command at $bin" >&2; exit 2; }
bin=$(cd -- "$(dirname -- "$bin")" && pwd)/$(basename -- "$bin")

folder=$(mktemp -d)
trap 'rm -rf -- "$folder"' EXIT
cd -- "$folder"
mkdir bin
ln -s -- "$bin" bin/keyfob
PATH=$folder/bin:$PATH
unset KEYFOB_STORE KEYFOB_TOKEN KEYFOB_PEPPER_FILE
shopt -s expand_aliases

# run EXIT COMMAND-LINE: prints the line, runs it, and stops the demo if it ends otherwise.
run() {
    local status=0
    printf '$ %s\n' "$2"
    eval "$2" 2>&1 || status=$?
    ((status == 0)) || printf '[exit %d]\n' "$status"
    if ((status != $1)); then
        printf 'demo: expected exit %d, got %d\n' "$1" "$status" >&2
        exit 1
    fi
}

say() { printf '\n# %s\n' "$1"; }

say 'One file holds everything. Who changes it is written into its log.'
run 0 'export KEYFOB_STORE=keys.redb'
run 0 "alias keyfob='keyfob --actor ana'"
run 0 'keyfob init --prefix acme'

say 'A project says what its tokens may do at most. The token is printed once, alone on stdout.'
run 0 "keyfob project create shop --scope 'orders:*'"
run 0 'TOKEN=$(keyfob create "CI deploy" --scope orders:read --expires 90d --project shop)'
# Of the last 72 characters the first is the version of the format, the next 22 are the key's id.
id=${TOKEN: -71:22}

say 'A good token; the same where it may not; the same with its last character lost.'
run 0 'printf %s "$TOKEN" | keyfob verify --scope orders:read --project shop'
run 1 'printf %s "$TOKEN" | keyfob verify --scope orders:write --project shop'
run 1 'printf %s "${TOKEN%?}" | keyfob verify --scope orders:read --project shop'

say 'What a dashboard would show.'
run 0 'keyfob list'

say 'A new secret for the same key. For seven days the old one is good as well.'
run 0 "NEW=\$(keyfob rotate $id --grace 7d)"
run 0 'printf %s "$TOKEN" | keyfob verify --scope orders:read --project shop'
run 0 'printf %s "$NEW" | keyfob verify --scope orders:read --project shop'

say 'Revoked is for good, and at once: both secrets.'
run 0 "keyfob revoke $id --note 'the demo is over'"
run 1 'printf %s "$TOKEN" | keyfob verify --scope orders:read --project shop'
run 1 'printf %s "$NEW" | keyfob verify --scope orders:read --project shop'

say 'Every change, who made it and when.'
run 0 'keyfob log'
