#!/usr/bin/env bash
# Sends the REST server what its own document allows, and what it does not: no server error, no answer
# that is not documented. The same requests each time, in less than 2 minutes.
# `dev/schemathesis.sh` installs schemathesis below target/ where it is missing. Where it cannot, that
# is a failure in CI and said aloud elsewhere.
set -euo pipefail
cd "$(dirname "$0")/.."

version=4.32.5
venv=$PWD/target/schemathesis-$version

# The program, from the path or from a place of our own.
find_schemathesis() {
    if [[ -x $venv/bin/schemathesis ]]; then
        echo "$venv/bin/schemathesis"
    elif command -v schemathesis > /dev/null && schemathesis --version | grep -qF "$version"; then
        command -v schemathesis
    else
        { python3 -m venv "$venv" && "$venv/bin/pip" install -q "schemathesis==$version"; } >&2 || {
            rm -rf "$venv"
            return 1
        }
        echo "$venv/bin/schemathesis"
    fi
}

if ! schemathesis=$(find_schemathesis); then
    echo "schemathesis $version could not be installed (python3-venv, pip): the document was NOT checked"
    [[ -z ${CI:-} ]] || exit 1
    exit 0
fi

cargo build --quiet --locked -p irmin-server --example serve_in_memory
coproc server { exec "${CARGO_TARGET_DIR:-target}/debug/examples/serve_in_memory"; }
# It ends when its standard input does.
input=${server[1]}
read -r url <&"${server[0]}"
trap 'exec {input}>&-' EXIT

"$schemathesis" --config-file dev/schemathesis.toml run "$url/api/v1/openapi.json" "$@"
