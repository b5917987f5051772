#!/usr/bin/env bash
# TFGAN, clips of what a sentence says: from captioned clips to a model and its figures. See README.md beside this file.
#
#   recipes/tfgan/run.sh [--stage 1] [--stop-stage 4] [--data PLACE] [--version2 [--textures DIR]]
#                        [--concat | --finer] [--judge MODEL] [--output DIR] [--small | --shapes | --mini]
#                        [key=value ...]
#
#   stage 1  prepare data     Moving Shapes are drawn, or your own clips taken from --data
#   stage 2  train            the game; where shapes are drawn, also the judge of stage 3
#   stage 3  evaluate         the left-out clips and their sentences
#   stage 4  samples          left-out sentences, and the sentences between two
#
#   --data       own captioned clips; see data_prep/captioned_clips.py
#   --version2   Moving Shapes on drifting textures; without, on black
#   --textures   of --version2: a folder of photos, such as Kylberg's; without, textures are drawn
#   --concat     the paper's baseline: no text filters, the sentence joins the features at the end alone
#   --finer      of --shapes, behind it: goes on from its game with near wrong sentences, to the model that ships
#   --judge      classifier of Moving Shapes' clips that there is, such as judge-shapes, which ships, for those on black;
#                without, one is trained on other clips
#   --small      own clips with the networks of --shapes, on two cores
#   --shapes     Moving Shapes with small networks, on two cores
#   --mini       a few clips and tiny networks: under a minute, no network access
#   key=value    overrides for the game, e.g. trainer.seed=1 or model.text.model=glove.42B.300d.txt
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../functions.sh"
data="" version="" textures="" judge="" output="" form="" name=gan start=() overrides=()

while (($#)); do
  case $1 in
    --stage) number "$@"; stage=$2; shift 2 ;;
    --stop-stage) number "$@"; stop_stage=$2; shift 2 ;;
    --data) need "$@"; data=$2; shift 2 ;;
    --version2) version=2; shift ;;
    --textures) need "$@"; textures=$2; shift 2 ;;
    --concat | --finer)
      [[ $name == gan || $name == "${1#--}" ]] || fail "--$name and $1 exclude each other: give one of them"
      name=${1#--}; shift ;;
    --judge) need "$@"; judge=$2; shift 2 ;;
    --output) need "$@"; output=$2; shift 2 ;;
    --small | --shapes | --mini)
      [[ -z $form || $form == "${1#--}" ]] || fail "--$form and $1 exclude each other: give one of them"
      form=${1#--}; shift ;;
    -h | --help) help ;;
    *=*) overrides+=("$1"); shift ;;
    *) fail "unknown option $1; see --help" ;;
  esac
done
[[ -z $textures || -n $version ]] || fail "--textures are of --version2: give both"
[[ $form != small || -n $data ]] || fail "--small is for your own clips: give --data, or draw some by --shapes"
[[ $form == "" || $form == small || -z $data ]] || fail "--$form draws its own clips: leave out --data"
[[ -z $data || -z $version$judge ]] || fail "--version2 and --judge are of Moving Shapes: leave out --data"
[[ $name != concat || $form == "" || $form == shapes ]] || fail "--concat goes with the paper's size and --shapes: leave out --$form"
[[ $name != finer || $form == shapes ]] || fail "--finer goes on from the game of --shapes: give both"
config=${form:-tfgan}
[[ $name == gan ]] || config=${form:+${form}_}$name
output=${output:-runs/tfgan${form:+_$form}${version:+_version$version}${data:+_own}}
[[ $name != finer ]] || start=("start_from=$output/gan/model")
manifest=$output/data/manifest.jsonl
require_condgen

# draw NAME [OPTION ...]: a set of Moving Shapes below the output
draw() {
  prepare moving_shapes -o "$output/$1" ${version:+--version "$version"} ${textures:+--textures "$textures"} \
    --jobs "$(getconf _NPROCESSORS_ONLN)" "${@:2}"
}

# between NAME COLOUR SHAPE DIRECTION: from a large red circle that moves east to another, in seven steps
between() {
  condgen animate "a large red circle is moving in a straight line towards east" --steps 7 --count 2 \
    --to "a large $2 $3 is moving in a straight line towards $4" \
    -o "$output/samples/${name}_$1.gif" --model "$output/$name/model"
}

if wanted 1; then
  echo "== stage 1: data"
  if [[ -n $data ]]; then
    prepare captioned_clips "$data" -o "$output/data"
  elif [[ $form == mini ]]; then
    prepare moving_shapes -o "$output/data" ${version:+--version "$version"} ${textures:+--textures "$textures"} \
      --train 24 --validation 4 --test 4 --size 32 --frames 8
  else
    # a tenth of the 360 sentences is in the test alone; with the paper's networks as many clips as its set is said to have
    size=(--train 20000)
    [[ $form == shapes ]] || size=(--train 129200)
    draw data --unseen 0.1 "${size[@]}"
    # other clips, of all sentences: the judge must know those that the model has not seen
    [[ -n $judge ]] || draw judge_data --seed 1
  fi
fi

if wanted 2; then
  echo "== stage 2: training, the game"
  condgen train "$here/conf/$config.yaml" "data.manifest=$manifest" ${start[@]+"${start[@]}"} \
    ${overrides[@]+"${overrides[@]}"} -o "$output/$name" --resume
  if [[ -z $data$judge && $form != mini ]]; then
    echo "== stage 2: training, the judge of stage 3"
    condgen train "$here/conf/judge_shapes.yaml" "data.manifest=$output/judge_data/manifest.jsonl" -o "$output/judge" \
      --resume
  fi
fi

if wanted 3; then
  echo "== stage 3: the left-out clips and their sentences"
  split=validation
  if [[ -z $data && $form != mini ]]; then
    split=test judge=${judge:-$output/judge/model} # also sentences that training has not seen
  fi
  condgen evaluate "$output/$name/model" --data "$manifest" --split "$split" ${judge:+--weights "judge=$judge"} \
    -o "$output/$name/evaluation.json"
fi

if wanted 4; then
  echo "== stage 4: left-out sentences"
  mkdir -p "$output/samples"
  "$python" - "$manifest" > "$output/samples/$name.jsonl" <<'PYTHON'
import json
import sys

from condgen.data.captions import sentences_of
from condgen.data.manifest import Manifest

sentences = list(dict.fromkeys(sentences_of(row)[0] for row in Manifest.read(sys.argv[1]).rows("validation")))
for text in sentences[:: -(-len(sentences) // 8)]:
    print(json.dumps({"text": text, "count": 4}))
PYTHON
  condgen animate --requests "$output/samples/$name.jsonl" -o "$output/samples/$name.gif" --model "$output/$name/model"
  if [[ -z $data && $form != mini ]]; then
    between colour blue circle east
    between shape red square east
    between direction red circle north
  fi
fi
