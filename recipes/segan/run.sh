#!/usr/bin/env bash
# Speech enhancement, from recordings to a model and its figures. See README.md beside this file.
#
#   recipes/segan/run.sh [--stage 1] [--stop-stage 4] [--data CLEAN --noise NOISE]... [--output DIR]
#                        [--validation CLEAN --validation-noise NOISE]... [--plus | --short | --mini] [key=value ...]
#
#   stage 1  prepare data     VoiceBank-DEMAND is fetched, or speech and noise of your own are mixed (--mini: synthetic)
#   stage 2  train            SEGAN; with --short the generator alone first, then the game
#   stage 3  evaluate         PESQ, STOI, SI-SDR, segmental SNR, CSIG, CBAK, COVL on the validation recordings
#   stage 4  samples          enhances the example recording
#
#   --data, --noise        folders, files, or patterns in quotes; may be repeated
#   --plus                 SEGAN+
#   --short                the compact networks and a schedule of hours on two cores
#   --mini                 synthetic speech and tiny networks: a minute, no network access
#   key=value              overrides for all trainings, e.g. trainer.batch_size=8
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../functions.sh"
data=() mixing=() output="" suffix="" overrides=() second=()

while (($#)); do
  case $1 in
    --stage) number "$@"; stage=$2; shift 2 ;;
    --stop-stage) number "$@"; stop_stage=$2; shift 2 ;;
    --data) need "$@"; data+=("$2"); shift 2 ;;
    --noise | --validation | --validation-noise) need "$@"; mixing+=("$1" "$2"); shift 2 ;;
    --output) need "$@"; output=$2; shift 2 ;;
    --plus | --short | --mini)
      [[ -z $suffix || $suffix == "_${1#--}" ]] || fail "--${suffix#_} and $1 exclude each other: give one of them"
      suffix=_${1#--}; shift ;;
    -h | --help) help ;;
    optimizers.discriminator.*=*) second+=("$1"); shift ;; # the generator alone has no opponent
    *=*) overrides+=("$1"); shift ;;
    *) fail "unknown option $1; see --help" ;;
  esac
done
if ((${#data[@]})); then
  [[ " ${mixing[*]-} " == *" --noise "* ]] || fail "--data needs --noise beside it"
  [[ $suffix != _mini ]] || fail "--mini makes its own recordings: leave out --data"
elif ((${#mixing[@]})); then
  fail "${mixing[0]} needs --data beside it"
fi
output=${output:-runs/segan$suffix}
manifest=$output/data/manifest.jsonl
models=(segan)
[[ $suffix != _short ]] || models=(generator segan)

require_condgen

if wanted 1; then
  echo "== stage 1: data"
  if [[ $suffix == _mini ]]; then
    prepare synthetic_speech -o "$output/data"
  elif ((${#data[@]})); then
    prepare noisy_speech "${data[@]}" "${mixing[@]}" --versions 4 -o "$output/data"
  else
    prepare voicebank_demand -o "$output/data"
  fi
  condgen data check "$manifest"
fi

if wanted 2; then
  start=()
  if [[ $suffix == _short ]]; then
    echo "== stage 2: training, the generator alone"
    condgen train "$here/conf/segan_generator_short.yaml" "data.manifest=$manifest" \
      ${overrides[@]+"${overrides[@]}"} -o "$output/generator" --resume
    start=("start_from=$output/generator/model")
  fi
  echo "== stage 2: training, SEGAN"
  condgen train "$here/conf/segan$suffix.yaml" "data.manifest=$manifest" ${start[@]+"${start[@]}"} \
    ${overrides[@]+"${overrides[@]}"} ${second[@]+"${second[@]}"} -o "$output/segan" --resume
fi

if wanted 3; then
  for name in "${models[@]}"; do
    echo "== stage 3: $name on the validation recordings"
    condgen evaluate "$output/$name/model" --data "$manifest" -o "$output/$name/evaluation.json"
  done
fi

if wanted 4; then
  for name in "${models[@]}"; do
    echo "== stage 4: $name on the example recording"
    condgen enhance "$root/recipes/segan/example.flac" -o "$output/samples/$name.flac" --model "$output/$name/model"
  done
fi
