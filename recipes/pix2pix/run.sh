#!/usr/bin/env bash
# pix2pix, from pairs of pictures to a model and its figures. See README.md beside this file.
#
#   recipes/pix2pix/run.sh [--stage 1] [--stop-stage 4] [--set NAME] [--source FILE | --data DIR] [--direction D]
#                          [--output DIR] [--short | --shapes | --mini] [key=value ...]
#
#   stage 1  prepare data     the authors' facades are fetched, or taken from --source, or your own pairs from --data
#   stage 2  train            generator against a discriminator of pairs
#   stage 3  evaluate         the left-out pairs
#   stage 4  samples          the left-out inputs, translated
#
#   --set         which of the authors' sets: facades (default), maps, edges2shoes, edges2handbags, night2day
#   --source      own copy of its archive, or the unpacked folder
#   --data        own pairs: folders input and target, pictures side by side, or a table; see data_prep/paired_images.py
#   --direction   of pictures side by side: left-to-right or right-to-left; facades are right-to-left, others the former
#   --short       128 pixels and half the channels, for two cores
#   --shapes      drawn pairs of 64 pixels: the model that ships
#   --mini        drawn pairs and a tiny network: under a minute, no network access
#   key=value     overrides, e.g. model.discriminator.scales=3 model.feature_matching_weight=10
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../functions.sh"
set=facades archive="" data="" direction="" output="" form="" overrides=()

while (($#)); do
  case $1 in
    --stage) number "$@"; stage=$2; shift 2 ;;
    --stop-stage) number "$@"; stop_stage=$2; shift 2 ;;
    --set) need "$@"; set=$2; shift 2 ;;
    --source) need "$@"; archive=$2; shift 2 ;;
    --data) need "$@"; data=$2; shift 2 ;;
    --direction) need "$@"; direction=$2; shift 2 ;;
    --output) need "$@"; output=$2; shift 2 ;;
    --short | --shapes | --mini)
      [[ -z $form || $form == "${1#--}" ]] || fail "--$form and $1 exclude each other: give one of them"
      form=${1#--}; shift ;;
    -h | --help) help ;;
    *=*) overrides+=("$1"); shift ;;
    *) fail "unknown option $1; see --help" ;;
  esac
done
[[ -z $archive || -z $data ]] || fail "--source and --data exclude each other: give one of them"
[[ $form != mini && $form != shapes || -z $archive$data ]] || fail "--$form draws its own pairs: leave out --source and --data"
if [[ -z $direction ]]; then
  direction=left-to-right
  [[ $set != facades || -n $data ]] || direction=right-to-left
fi
config=pix2pix${form:+_$form}
output=${output:-runs/$config}
manifest=$output/data/manifest.jsonl
require_condgen

if wanted 1; then
  echo "== stage 1: data"
  if [[ $form == shapes ]]; then
    prepare synthetic_styles -o "$output/data" --paired
  elif [[ $form == mini ]]; then
    prepare synthetic_styles -o "$output/data" --paired --train 32 --validation 4 --size 36
  elif [[ -n $data ]]; then
    prepare paired_images "$data" -o "$output/data" --direction "$direction"
  else
    prepare translation_datasets "pix2pix-$set" ${archive:+--source "$archive"} -o "$output/data" --direction "$direction"
  fi
fi

if wanted 2; then
  echo "== stage 2: training"
  condgen train "$here/conf/$config.yaml" "data.manifest=$manifest" ${overrides[@]+"${overrides[@]}"} \
    -o "$output/pix2pix" --resume
fi

if wanted 3; then
  echo "== stage 3: the left-out pairs"
  also=()
  [[ -n $data || $form == mini || $form == shapes || $set != facades || $direction != left-to-right ]] || also=(--also palette)
  condgen evaluate "$output/pix2pix/model" --data "$manifest" ${also[@]+"${also[@]}"} \
    -o "$output/pix2pix/evaluation.json"
fi

if wanted 4; then
  echo "== stage 4: the first left-out inputs"
  pictures=()
  while IFS= read -r picture; do pictures+=("$picture"); done < <(validation_files "$manifest" input 8)
  condgen translate "${pictures[@]}" -o "$output/samples" --model "$output/pix2pix/model"
fi
