#!/usr/bin/env bash
# GAN-CLS and GAN-INT, from captioned pictures to a model and its figures. See README.md beside this file.
#
#   recipes/gan_cls/run.sh [--stage 1] [--stop-stage 4] [--set NAME] [--captions PLACE] [--source PLACE] [--lists DIR]
#                          [--data DIR] [--text MODEL] [--second-stage MODEL] [--output DIR] [--shapes | --mini]
#                          [key=value ...]
#
#   stage 1  prepare data     the set is fetched, or taken from --source, or your own pictures from --data
#   stage 2  train            the sentence encoder, unless there is one, then generator against discriminator
#   stage 3  evaluate         the left-out pictures and their sentences
#   stage 4  samples          the left-out sentences, drawn
#
#   --set           flowers (default), birds or coco
#   --captions      of flowers and birds: text_c10 of Reed et al., folder or archive
#   --source        own copy of the set; see data_prep/oxford_flowers.py, cub_birds.py, coco_captions.py
#   --lists         of flowers and birds: folder with the published lists of classes
#   --data          own pictures: a .txt beside each, or a table; see data_prep/captioned_images.py
#   --text          sentence encoder: model of recipes/joint_embedding. Without it that recipe's training goes first;
#                   own pictures and --mini have one that learns along
#   --second-stage  256 pixels on top of the first stage in this model folder, which has the sentence encoder, too
#   --shapes        drawn figures and small networks, for two cores
#   --mini          a few drawn figures and tiny networks: under a minute, no network access
#   key=value       overrides for the game, e.g. model.interpolation_weight=0
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../functions.sh"
set=flowers captions="" archive="" lists="" data="" text="" first="" output="" form="" overrides=()

while (($#)); do
  case $1 in
    --stage) number "$@"; stage=$2; shift 2 ;;
    --stop-stage) number "$@"; stop_stage=$2; shift 2 ;;
    --set) need "$@"; set=$2; shift 2 ;;
    --captions) need "$@"; captions=$2; shift 2 ;;
    --source) need "$@"; archive=$2; shift 2 ;;
    --lists) need "$@"; lists=$2; shift 2 ;;
    --data) need "$@"; data=$2; shift 2 ;;
    --text) need "$@"; text=$2; shift 2 ;;
    --second-stage) need "$@"; first=$2; shift 2 ;;
    --output) need "$@"; output=$2; shift 2 ;;
    --shapes | --mini)
      [[ -z $form || $form == "${1#--}" ]] || fail "--$form and $1 exclude each other: give one of them"
      form=${1#--}; shift ;;
    -h | --help) help ;;
    *=*) overrides+=("$1"); shift ;;
    *) fail "unknown option $1; see --help" ;;
  esac
done
[[ $set == flowers || $set == birds || $set == coco ]] || fail "--set must be flowers, birds or coco, got $set"
[[ -z $archive$captions || -z $data ]] || fail "--data excludes --source and --captions: give your pictures alone"
[[ -z $form || -z $archive$captions$data$first ]] || fail "--$form draws its own pictures: leave out --source, --captions, --data and --second-stage"
[[ -z $text || -z $first ]] || fail "--second-stage brings its sentence encoder: leave out --text"
[[ -z $data || -n $first ]] || form=own
config=gan_cls${form:+_$form}
[[ $set == flowers || -n $form ]] || config=gan_cls_$set
if [[ -n $first ]]; then
  config=gan_cls_second_stage
  [[ $set != birds || -n $data ]] || config=gan_cls_second_stage_birds
fi
output=${output:-runs/$config}
manifest=$output/data/manifest.jsonl
require_condgen

if wanted 1; then
  echo "== stage 1: data"
  own=(${archive:+--source "$archive"} -o "$output/data")
  if [[ $form == shapes ]]; then
    prepare captioned_shapes -o "$output/data"
  elif [[ $form == mini ]]; then
    prepare captioned_shapes -o "$output/data" --train 64 --validation 8 --test 8
  elif [[ -n $data ]]; then
    prepare captioned_images "$data" -o "$output/data"
  elif [[ $set == coco ]]; then
    prepare coco_captions "${own[@]}"
  else
    [[ -n $captions ]] || fail "--set $set needs --captions PLACE; data_prep/oxford_flowers.py and cub_birds.py say where from"
    script=oxford_flowers
    [[ $set == flowers ]] || script=cub_birds
    # as many classes as the authors train on, 82 and 150; the others, 20 and 50, are validation
    prepare "$script" --captions "$captions" ${lists:+--lists "$lists"} --test-classes 0 "${own[@]}"
  fi
fi

# An encoder that learns along, or a public one, needs no training before.
learns_before() {
  [[ -z $text$first && ($form == "" || $form == shapes) ]] || return 1
  local override
  for override in ${overrides[@]+"${overrides[@]}"}; do
    [[ $override != model.text.kind=transformers && $override != model.text_trained=true ]] || return 1
  done
}

if wanted 2; then
  start=${first:-$text}
  if learns_before; then
    echo "== stage 2: training, the sentence encoder"
    embedding=joint_embedding
    [[ $form != shapes ]] || embedding=shapes
    condgen train "$here/../joint_embedding/conf/$embedding.yaml" "data.manifest=$manifest" -o "$output/text" --resume
    start=$output/text/model
  fi
  echo "== stage 2: training, the game"
  condgen train "$here/conf/$config.yaml" "data.manifest=$manifest" ${start:+"start_from=$start"} \
    ${overrides[@]+"${overrides[@]}"} -o "$output/gan" --resume
fi

if wanted 3; then
  echo "== stage 3: the left-out pictures and their sentences"
  split=validation
  [[ $form != shapes ]] || split=test # which also has the pairs of colour and figure that training has not seen
  condgen evaluate "$output/gan/model" --data "$manifest" --split "$split" -o "$output/gan/evaluation.json"
fi

if wanted 4; then
  echo "== stage 4: the first left-out sentences"
  mkdir -p "$output/samples"
  "$python" - "$manifest" > "$output/samples/requests.jsonl" <<'PYTHON'
import json
import sys

from condgen.data.captions import sentences_of
from condgen.data.manifest import Manifest

for row in Manifest.read(sys.argv[1]).rows("validation")[:8]:
    print(json.dumps({"text": sentences_of(row)[0], "count": 4}))
PYTHON
  condgen draw --requests "$output/samples/requests.jsonl" -o "$output/samples/sentences.png" --model "$output/gan/model"
  echo "$output/samples/sentences.png"
fi
