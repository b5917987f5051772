#!/usr/bin/env bash
# CycleGAN, from two sets without pairs to a model and its figures. See README.md beside this file.
#
#   recipes/cyclegan/run.sh [--stage 1] [--stop-stage 4] [--set NAME] [--source FILE | --data DIR] [--output DIR]
#                           [--short | --shapes | --voices | --mini | --voices-mini] [key=value ...]
#
#   stage 1  prepare data     the authors' summer and winter are fetched, or taken from --source, or your own from --data
#   stage 2  train            both directions at once, against a discriminator each
#   stage 3  evaluate         the left-out part
#   stage 4  samples          the left-out part, translated both ways
#
#   --set          which of the authors' sets: summer2winter_yosemite (default), horse2zebra, monet2photo, ...
#   --source       own copy of its archive, or the unpacked folder
#   --data         own sets: trainA and trainB, or two folders A and B in it, or a table; see data_prep/unpaired_images.py
#   --short        128 pixels, six blocks, half the channels, for two cores
#   --shapes       drawn scenes in two styles, whose hidden true partners measure the translation
#   --voices       recordings of two speakers or groups in --data: two sub-folders A and B, or a table (with --by)
#   --by           column of the table that tells the voices apart, e.g. sex
#   --mini         drawn scenes and tiny networks: under a minute, no network access
#   --voices-mini  the same with two made-up voices
#   key=value      overrides, e.g. model.generator.upsampling=resize model.identity_weight=0
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../functions.sh"
set=summer2winter_yosemite archive="" data="" by="" output="" form="" overrides=()

while (($#)); do
  case $1 in
    --stage) number "$@"; stage=$2; shift 2 ;;
    --stop-stage) number "$@"; stop_stage=$2; shift 2 ;;
    --set) need "$@"; set=$2; shift 2 ;;
    --source) need "$@"; archive=$2; shift 2 ;;
    --data) need "$@"; data=$2; shift 2 ;;
    --by) need "$@"; by=$2; shift 2 ;;
    --output) need "$@"; output=$2; shift 2 ;;
    --short | --shapes | --voices | --mini | --voices-mini)
      [[ -z $form || $form == "${1#--}" ]] || fail "--$form and $1 exclude each other: give one of them"
      form=${1#--}; shift ;;
    -h | --help) help ;;
    *=*) overrides+=("$1"); shift ;;
    *) fail "unknown option $1; see --help" ;;
  esac
done
[[ -z $archive || -z $data ]] || fail "--source and --data exclude each other: give one of them"
case $form in
  mini | shapes | voices-mini) [[ -z $archive$data ]] || fail "--$form makes its own data: leave out --source and --data" ;;
  voices) [[ -n $data ]] || fail "--voices needs recordings: --data DIR with sub-folders A and B, or a table" ;;
esac
config=cyclegan${form:+_${form//-/_}}
output=${output:-runs/$config}
manifest=$output/data/manifest.jsonl
field=image
[[ $form != voices* ]] || field=audio
require_condgen

if wanted 1; then
  echo "== stage 1: data"
  case $form in
    mini) prepare synthetic_styles -o "$output/data" --train 16 --validation 4 --size 32 ;;
    shapes) prepare synthetic_styles -o "$output/data" ;;
    voices-mini) prepare voices --synthetic -o "$output/data" --train 4 --validation 2 --seconds 2 ;;
    voices)
      if [[ -f $data ]]; then
        prepare voices --table "$data" --by "${by:-group}" -o "$output/data"
      else
        prepare voices "$data/A" "$data/B" -o "$output/data"
      fi ;;
    *)
      if [[ -n $data ]]; then
        prepare unpaired_images "$data" -o "$output/data"
      else
        prepare translation_datasets "cyclegan-$set" ${archive:+--source "$archive"} -o "$output/data"
      fi ;;
  esac
fi

if wanted 2; then
  echo "== stage 2: training"
  condgen train "$here/conf/$config.yaml" "data.manifest=$manifest" ${overrides[@]+"${overrides[@]}"} \
    -o "$output/cyclegan" --resume
fi

if wanted 3; then
  echo "== stage 3: the left-out part"
  condgen evaluate "$output/cyclegan/model" --data "$manifest" -o "$output/cyclegan/evaluation.json"
fi

if wanted 4; then
  echo "== stage 4: both ways"
  for domain in a b; do
    direction=a2b
    [[ $domain == a ]] || direction=b2a
    files=()
    while IFS= read -r file; do files+=("$file"); done < <(validation_files "$manifest" "$field" 4 "$domain")
    condgen translate "${files[@]}" -o "$output/samples/$direction" --model "$output/cyclegan/model" \
      --direction "$direction"
  done
fi
