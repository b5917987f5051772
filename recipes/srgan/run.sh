#!/usr/bin/env bash
# Super-resolution x4, from photos to a model and its figures. See README.md beside this file.
#
#   recipes/srgan/run.sh [--stage 1] [--stop-stage 4] [--data DIR]... [--validation DIR] [--output DIR]
#                        [--short | --mini] [key=value ...]
#
#   stage 1  prepare data     DIV2K is fetched, or the photos of --data are used (--mini: generated pictures)
#   stage 2  train            SRResNet for pixel error, then SRGAN from it
#   stage 3  evaluate         PSNR, SSIM, sharpness, spectral distance on the validation photos
#   stage 4  samples          enlarges the example photo with both models
#
#   --short       the schedule of the shipped models (hours on two cores), not the paper's (days on a GPU)
#   --mini        drawn pictures and a tiny network: under a minute, no network access
#   key=value     overrides for both trainings, e.g. trainer.batch_size=8
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../functions.sh"
data=() validation=() output="" suffix="" overrides=() second=()

while (($#)); do
  case $1 in
    --stage) number "$@"; stage=$2; shift 2 ;;
    --stop-stage) number "$@"; stop_stage=$2; shift 2 ;;
    --data) need "$@"; data+=("$2"); shift 2 ;;
    --validation) need "$@"; validation+=(--validation "$2"); shift 2 ;;
    --output) need "$@"; output=$2; shift 2 ;;
    --short) suffix=_short; shift ;;
    --mini) suffix=_mini; shift ;;
    -h | --help) help ;;
    optimizers.discriminator.*=*) second+=("$1"); shift ;; # only the second stage has a discriminator
    *=*) overrides+=("$1"); shift ;;
    *) fail "unknown option $1; see --help" ;;
  esac
done
[[ ${#data[@]} -gt 0 || ${#validation[@]} -eq 0 ]] || fail "--validation needs --data beside it"
[[ ${#data[@]} -eq 0 || $suffix != _mini ]] || fail "--mini draws its own pictures: leave out --data"
output=${output:-runs/srgan_x4$suffix}
manifest=$output/data/manifest.jsonl

require_condgen

if wanted 1; then
  echo "== stage 1: data"
  if [[ $suffix == _mini ]]; then
    prepare synthetic_photos -o "$output/data" --train 24 --validation 2 --size 128
  elif ((${#data[@]})); then
    prepare photos "${data[@]}" ${validation[@]+"${validation[@]}"} -o "$output/data"
  else
    prepare div2k -o "$output/data"
  fi
  condgen data check "$manifest"
fi

if wanted 2; then
  echo "== stage 2: training, SRResNet"
  condgen train "$here/conf/srresnet_x4$suffix.yaml" "data.manifest=$manifest" ${overrides[@]+"${overrides[@]}"} \
    -o "$output/srresnet" --resume
  echo "== stage 2: training, SRGAN"
  condgen train "$here/conf/srgan_x4$suffix.yaml" "data.manifest=$manifest" \
    "start_from=$output/srresnet/model" ${overrides[@]+"${overrides[@]}"} ${second[@]+"${second[@]}"} \
    -o "$output/srgan" --resume
fi

if wanted 3; then
  for name in srresnet srgan; do
    echo "== stage 3: $name on the validation photos"
    condgen evaluate "$output/$name/model" --data "$manifest" -o "$output/$name/evaluation.json"
  done
fi

if wanted 4; then
  for name in srresnet srgan; do
    echo "== stage 4: $name on the example photo"
    condgen upscale "$root/recipes/srgan/example.png" -o "$output/samples/$name.png" --model "$output/$name/model"
  done
fi
