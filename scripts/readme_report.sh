#!/usr/bin/env bash
# Draw docs/images/report.png: the top of the report that `make demo` left in demo/, as Chromium shows it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
profile=$(mktemp -d)
trap 'rm -rf "$profile"' EXIT
chromium --headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update \
    --disable-sync --hide-scrollbars --user-data-dir="$profile" --window-size=1280,1480 \
    --screenshot="$PWD/docs/images/report.png" "file://$(realpath "${1:-demo/study/report.html}")"
