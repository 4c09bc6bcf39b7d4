#!/bin/sh
# The main job end to end on the embedded procedural heads: data, training, samples, a report.
# Called by `make demo`; needs `meshkit` and `gan` on the PATH. Steps that are done are not redone.
set -eu
out=${1:-demo}
mkdir -p "$out"

[ -f "$out/heads.h5" ] || gan data make --size demo -o "$out/heads.h5"
meshkit info
if [ -d "$out/run/checkpoints" ]; then
    gan train --resume --out "$out/run"
else
    gan train "$out/heads.h5" --preset demo --out "$out/run"
fi
gan sample "$out/run" -n 16 --seed 1 -o "$out/samples"
gan report "$out/run" -o "$out/report.html"

here=$(cd "$out" && pwd)
echo
echo "pictures:  $here/run/pictures  $here/samples/sheet.png"
echo "meshes:    $here/samples"
echo "report:    file://$here/report.html"
