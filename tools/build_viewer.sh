#!/bin/sh
# Bundle the mesh viewer of gan's pages: tools/viewer/*.js and three.js into one file, minified.
# Needs node and npm; what they fetch is pinned in tools/viewer/package.json. Equal sources give
# equal bytes.
#
#   tools/build_viewer.sh              # writes gan/report/viewer.js
#   tools/build_viewer.sh --check      # builds aside and compares
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
out=$root/gan/report/viewer.js
aside=$(mktemp -d)
trap 'rm -rf "$aside"' EXIT INT TERM

cp "$root"/tools/viewer/*.js "$root"/tools/viewer/package.json "$aside"
(cd "$aside" && npm install --no-package-lock --no-audit --no-fund --ignore-scripts --loglevel=error)

version() { node -p "require('$aside/node_modules/$1/package.json').version"; }

"$aside/node_modules/.bin/esbuild" "$aside/main.js" --bundle --minify --format=iife \
  --target=es2022 --charset=utf8 --legal-comments=none --log-level=warning --outfile="$aside/bundle"

# tests/gan/test_viewer.py recomputes this from the sources.
hash=$(cd "$root/tools/viewer" && LC_ALL=C ls ./*.js package.json | sed 's|^\./||' | LC_ALL=C sort \
  | xargs cat | sha256sum | cut -d' ' -f1)

{
  echo "/*! Mesh viewer of meshkit-gan. Made by tools/build_viewer.sh; do not edit."
  echo "sources sha256 $hash; esbuild $(version esbuild); three.js $(version three), whose licence is:"
  echo
  cat "$aside/node_modules/three/LICENSE"
  echo "*/"
  # Inlined in a page: nothing in it may end the element that it stands in.
  sed 's|</script|<\\/script|g; s|<!--|<\\!--|g' "$aside/bundle"
} > "$aside/viewer.js"

if [ "${1-}" = --check ]; then
  cmp "$aside/viewer.js" "$out" && echo "$out is what the sources say"
else
  mv "$aside/viewer.js" "$out"
  echo "$out: $(wc -c < "$out") bytes"
fi
