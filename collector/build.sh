#!/usr/bin/env bash
# Builds the Collector of builder.yaml from the Go module proxy, once, and prints where it is.
#
# The binary is kept outside the checkout, under a name that holds the manifest's hash: a changed manifest is another
# binary, an unchanged one is built once a machine. Needs Go; takes some five minutes of processor time when cold.
set -euo pipefail
cd "$(dirname "$0")"

cache="${XDG_CACHE_HOME:-$HOME/.cache}/gpt-trader-telemetry"
binary="$cache/otelcol-$(sha256sum builder.yaml | cut -c1-16)"
if [ ! -x "$binary" ]; then
    command -v go >/dev/null || { echo "build.sh: needs Go to build the Collector, and there is none" >&2; exit 3; }
    version=$(sed -n 's/^  version: //p' builder.yaml)
    sources=$(mktemp -d)
    trap 'rm -rf "$sources"' EXIT
    sed "s|^  output_path: .*|  output_path: $sources|" builder.yaml >"$sources/builder.yaml"
    (
        cd "$sources"
        export CGO_ENABLED=0 GOFLAGS=-mod=mod
        go run "go.opentelemetry.io/collector/cmd/builder@v$version" --config builder.yaml --ldflags "-s -w"
    ) >&2
    mkdir -p "$cache"
    # Moved into place whole: two builds at once leave one good binary.
    mv "$sources/gpt-trader-otelcol" "$binary.$$"
    mv "$binary.$$" "$binary"
fi
echo "$binary"
