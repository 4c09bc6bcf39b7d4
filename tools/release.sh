#!/usr/bin/env bash
# Makes a release: tools/release.sh X.Y.Z [--really]
#
# Checks the tree and the changelog, builds wheel and sdist of exactly what is committed, checks
# them, tries the wheel in an empty environment. Without --really nothing outside dist/ changes;
# with it, the commit is tagged. Uploading stays a command for a person: it is printed.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
  echo "release: $*" >&2
  exit 1
}

version=${1:-}
really=${2:-}
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || fail "usage: tools/release.sh X.Y.Z [--really]"
[[ -z $really || $really == --really ]] || fail "unknown option $really"
python=${PYTHON:-.venv/bin/python}
"$python" -c 'import build, twine' 2>/dev/null \
  || fail "build or twine is missing: $python -m pip install -e '.[release]'"

[[ -z $(git status --porcelain) ]] || fail "the tree is not clean: commit first (git status)"
[[ -z $(git tag --list "v$version") ]] || fail "the tag v$version exists already"
grep -q "^## \[$version\] - [0-9]\{4\}-[0-9]\{2\}-[0-9]\{2\}$" CHANGELOG.md \
  || fail "CHANGELOG.md has no line '## [$version] - YYYY-MM-DD': rename Unreleased"

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
git clone -q . "$place/source" # what is committed, and nothing that lies about
(cd "$place/source" && git tag -f "v$version" >/dev/null)
"$python" -m build --outdir "$place/dist" "$place/source" >"$place/build.log" 2>&1 \
  || { tail -20 "$place/build.log" >&2; fail "the build failed"; }
"$python" -m twine check --strict "$place"/dist/*

wheel=("$place"/dist/*-"$version"-*.whl)
[[ -f ${wheel[0]} ]] || fail "the wheel has another version: $(ls "$place/dist")"
"$python" -m venv "$place/empty"
"$place/empty/bin/python" -m pip install -q -c constraints.txt "${wheel[0]}"
(
  cd "$place"
  empty/bin/python -c 'import meshkit, meshkit.primitives as p
meshkit.save_mesh("dome.obj", meshkit.Mesh(*p.hemisphere(6)))'
  empty/bin/meshkit uvmap dome.obj --quiet -o flat.obj
  [[ $(empty/bin/meshkit --version) == *"$version"* ]] || fail "meshkit --version differs"
)
mkdir -p dist
cp "$place"/dist/* dist/
ls -l dist/*"$version"*

if [[ $really == --really ]]; then
  git tag -a "v$version" -m "Version $version"
  echo "tagged v$version; now: git push origin v$version && $python -m twine upload dist/*$version*"
else
  echo "dry run: all is well; tools/release.sh $version --really tags it"
fi
