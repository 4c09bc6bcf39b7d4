#!/usr/bin/env bash
# What a GPU must show, in two calls of under six minutes each; nothing is downloaded.
#   tools/gpu_acceptance.sh checks|speed OUT     docs/howto/gpu_acceptance.md says what it must show
# PYTHON: an interpreter with the project and its `dev` extra; DEVICE=cpu: a rehearsal.
set -u
part=${1:?checks or speed} out=${2:?a folder for the results}
python=${PYTHON:-.venv/bin/python} device=${DEVICE:-cuda}
cd "$(dirname "$0")/.." && mkdir -p "$out" && out=$(cd "$out" && pwd) || exit 2
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
export MESHKIT_GAN_CACHE=$work/cache OMP_NUM_THREADS=1
budget=350 failed=0
: >"$out/$part.jsonl"

stage() {  # NAME SECONDS COMMAND…: one line on the terminal, one of JSON; all output in OUT
    local name=$1 limit=$2 began=$SECONDS code=124; shift 2
    [ $limit -lt $((budget - SECONDS)) ] || limit=$((budget - SECONDS))
    if [ $limit -gt 0 ]; then timeout "$limit" "$@" >"$out/$name.out" 2>"$out/$name.err"; code=$?; fi
    [ $code -eq 0 ] || failed=$((failed + 1))
    printf '%-28s exit code %-3s %4s s\n' "$name" $code $((SECONDS - began))
    printf '{"stage": "%s", "exit_code": %s, "seconds": %s}\n' "$name" $code $((SECONDS - began)) \
        >>"$out/$part.jsonl"
}
gan() { stage "$1" "$2" "$python" -m gan "${@:3}"; }

if [ "$part" = checks ]; then
    rehearsal=(); markers='cuda'
    [ "$device" = cuda ] || rehearsal=(--simulated) markers='not cuda and not slow'
    gan doctor 60 doctor --json
    stage numbers 100 "$python" tools/gpu_checks.py "$out/numbers.json" "${rehearsal[@]}"
    cat "$out/numbers.out"
    stage tests 150 "$python" -m pytest -q -n 4 -m "$markers" tests/gan/test_cuda.py \
        tests/gan/test_cuda_uses.py tests/gan/test_plugins.py tests/gan/test_nearest.py \
        tests/gan/test_precision.py tests/meshkit/nn
    # A run's life: on the GPU, on from there, then everything on a machine without one.
    run=$work/run
    gan train 40 train --preset demo --set training.iterations=60 --device $device --out "$run"
    gan resume 40 train --resume --set training.iterations=120 --device $device --out "$run"
    export CUDA_VISIBLE_DEVICES=
    gan sample_on_cpu 30 sample "$run" -n 4 -o "$work/samples" --json
    gan export_on_cpu 30 export "$run" -o "$work/export"
    gan resume_on_cpu 30 train --resume --set training.iterations=125 --device cpu --out "$run"
    unset CUDA_VISIBLE_DEVICES
    gan evaluate 60 evaluate "$run" --samples 100 --pairs 200 --device $device
    for kind in coma mae; do
        gan $kind 60 baseline $kind --minutes 0.2 --device $device -o "$work/$kind"
    done
    stage cpu_tests_beside_a_gpu 90 "$python" -m pytest -q -n 8 tests/gan/test_checkpoint.py \
        tests/gan/test_training.py tests/gan/test_divergence.py
elif [ "$part" = speed ]; then
    sizes=(--preset paper --vertices 22000 --rounds 3)
    [ "$device" = cuda ] || sizes=(--preset demo --vertices 300 --rounds 1 --set training.batch=8 --set training.threads=1
        --set mapping.size=16 --set 'discriminator.widths=[4,4,8,8]')
    for switches in "" "tf32 channels_last" "tf32 channels_last autocast" \
        "tf32 channels_last autocast compile" "tf32 channels_last autocast compile graphs"; do
        set=(--set precision.tf32=false --set precision.channels_last=false)
        for key in $switches; do
            [ $key = autocast ] && set+=(--set precision.autocast=bf16) || set+=(--set precision.$key=true)
        done
        gan "bench_$(tr ' ' + <<<"${switches:-float32}")" 110 \
            bench "${sizes[@]}" --json --device $device "${set[@]}"
    done
    "$python" - "$out" "$device" <<'P' || failed=$((failed + 1))
import json, pathlib, sys
out, seconds = pathlib.Path(sys.argv[1]), {}
for log in sorted(out.glob("bench_*.out")):
    if text := log.read_text():
        result = json.loads(text)
        seconds[log.stem] = result["extrapolated"]["seconds"]
        print(f"{log.stem:44} {1e3 * result['iteration']:7.1f} ms, floor {1e3 * result['floor']:.1f} ms, "
              f"{seconds[log.stem]:,.0f} s, {result['memory'] / 2**30:.1f} GiB")
(out / "speed.json").write_text(json.dumps(seconds, indent=1) + "\n")
sys.exit(sys.argv[2] == "cuda" and min(seconds.values(), default=1e9) > 300)
P
else
    echo "unknown part $part: checks or speed" >&2; exit 2
fi
echo "$failed failed; results in $out"
exit $failed
