#!/usr/bin/env bash
# Text to video by gist and text filter, its ablations, and VGAN: from captioned clips to a model and its figures. See
# README.md beside this file.
#
#   recipes/text_to_video/run.sh [--stage 1] [--stop-stage 4] [--kinetics LIST --videos DIR | --data PLACE]
#                                [--finer | --ablation NAME | --vgan] [--judge MODEL] [--output DIR]
#                                [--small | --weizmann DIR | --shapes | --mini] [key=value ...]
#
#   stage 1  prepare data     videos that you hold are cut, your own clips taken, or Moving Shapes drawn
#   stage 2  train            small networks: reconstruction, then the game; of actions and drawn shapes also the judge of
#                             stage 3
#   stage 3  evaluate         the left-out clips and their sentences
#   stage 4  samples          left-out sentences with their gists, and one background under another sentence
#
#   --kinetics   list of videos, such as t2v_list.txt of the ten classes of the paper; see data_prep/kinetics_captions.py
#   --videos     of --kinetics: folder of the videos
#   --data       own captioned clips; see data_prep/captioned_clips.py
#   --finer      of --shapes, behind it: goes on from its game with near wrong sentences, to the model that ships
#   --ablation   of --shapes: full (default), gt2v, pt2v or dt2v
#   --vgan       clips without sentences, the baseline of two streams; at the paper's size, with --shapes or --mini
#   --judge      classifier of clips that there is, for --shapes judge-shapes, which ships; without, one is trained: of
#                actions on the same training clips, as in the paper, of shapes on other ones
#   --small      own clips with the networks of --shapes, on two cores
#   --weizmann   the actions of Weizmann, on two cores; their folder, see data_prep/weizmann.py
#   --shapes     Moving Shapes with small networks, on two cores
#   --mini       a few clips and tiny networks: under a minute, no network access
#   key=value    overrides for the game and the reconstruction before it, e.g. trainer.seed=1
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../functions.sh"
list="" videos="" data="" source="" ablation=full judge="" output="" form="" name=gan overrides=()

# choose FORM: there is one at most
choose() {
  [[ -z $form || $form == "$1" ]] || fail "--$form and --$1 exclude each other: give one of them"
  form=$1
}

while (($#)); do
  case $1 in
    --stage) number "$@"; stage=$2; shift 2 ;;
    --stop-stage) number "$@"; stop_stage=$2; shift 2 ;;
    --kinetics) need "$@"; list=$2; shift 2 ;;
    --videos) need "$@"; videos=$2; shift 2 ;;
    --data) need "$@"; data=$2; shift 2 ;;
    --ablation) need "$@"; ablation=$2; shift 2 ;;
    --vgan | --finer)
      [[ $name == gan || $name == "${1#--}" ]] || fail "--$name and $1 exclude each other: give one of them"
      name=${1#--}; shift ;;
    --judge) need "$@"; judge=$2; shift 2 ;;
    --output) need "$@"; output=$2; shift 2 ;;
    --weizmann) need "$@"; choose weizmann; source=$2; shift 2 ;;
    --small | --shapes | --mini) choose "${1#--}"; shift ;;
    -h | --help) help ;;
    *=*) overrides+=("$1"); shift ;;
    *) fail "unknown option $1; see --help" ;;
  esac
done
[[ -z $list || -n $videos ]] || fail "--kinetics needs the videos: give their folder with --videos"
[[ -z $videos || -n $list ]] || fail "--videos are of --kinetics: give both"
[[ -z $list || -z $data ]] || fail "--kinetics and --data exclude each other: give one of them"
case $form in
  "") [[ -n $list$data ]] || fail "the clips are missing: give --kinetics or --data, or draw some by --shapes" ;;
  small) [[ -n $data ]] || fail "--small is for your own clips: give --data, or draw some by --shapes" ;;
  *) [[ -z $list$data ]] || fail "--$form has its own clips: leave out --kinetics and --data" ;;
esac
case $ablation in
  full) ;;
  gt2v | pt2v | dt2v)
    [[ $form == shapes ]] || fail "--ablation goes with --shapes"
    [[ $name == gan ]] || fail "--ablation and --$name exclude each other: give one of them"
    name=$ablation ;;
  *) fail "--ablation must be full, gt2v, pt2v or dt2v, got $ablation" ;;
esac
config=${form:-text_to_video}
if [[ $name == vgan ]]; then
  [[ $form != small && $form != weizmann ]] || fail "--vgan goes with the paper's size, --shapes and --mini: leave out --$form"
  config=vgan${form:+_$form}
elif [[ $name != gan ]]; then
  config=shapes_$name
fi
[[ $name != finer || $form == shapes ]] || fail "--finer goes on from the game of --shapes: give both"
output=${output:-runs/text_to_video${form:+_$form}${list:+_kinetics}${data:+_own}}
manifest=$output/data/manifest.jsonl
require_condgen

# prepare_readable NAME [OPTION ...]: as prepare; videos that cannot be read, which it names, do not stop the rest
prepare_readable() {
  local before status=0
  before=$(mktemp)
  prepare "$@" || status=$?
  if ((status)) && [[ $manifest -nt $before ]]; then
    echo "run.sh: damaged videos, named above, were left out; going on with the others" >&2
    status=0
  fi
  rm -f "$before"
  return "$status"
}

if wanted 1; then
  echo "== stage 1: data"
  if [[ -n $list ]]; then
    prepare_readable kinetics_captions "$list" --videos "$videos" -o "$output/data"
  elif [[ -n $data ]]; then
    prepare captioned_clips "$data" -o "$output/data"
  elif [[ $form == weizmann ]]; then
    prepare_readable weizmann "$source" -o "$output/data"
  elif [[ $form == mini ]]; then
    prepare moving_shapes -o "$output/data" --train 24 --validation 4 --test 4 --size 32
  else
    # a tenth of the 360 sentences is in the test alone
    prepare moving_shapes -o "$output/data" --unseen 0.1
    # other clips, of all sentences: the judge must know those that the model has not seen
    [[ -n $judge ]] || prepare moving_shapes -o "$output/judge_data" --seed 1
  fi
fi

# train_reconstruction: of true clips from their gists, before a discriminator plays; else its gradients drown those of a
# painter that knows nothing.
train_reconstruction() {
  local settings=(${overrides[@]+"${overrides[@]}"} model.reconstruction_alone=true optimizers.discriminator=)
  for player in generator gist_encoder; do
    settings+=("optimizers.$player.learning_rate=1e-3" "optimizers.$player.betas=[0.9,0.99]")
    settings+=("optimizers.$player.schedule=constant")
  done
  [[ $form == mini ]] || settings+=(trainer.iterations=2000 trainer.ema_decay=0.99)
  [[ $form != shapes ]] || settings+=(trainer.batch_size=32)
  condgen train "$here/conf/$config.yaml" "data.manifest=$manifest" "${settings[@]}" \
    -o "$output/$name/reconstruction" --resume
}

# train_judge: of what these clips show
train_judge() {
  local file=$here/conf/judge_kinetics.yaml settings=("data.manifest=$manifest")
  case $form in
    shapes) file=$here/../tfgan/conf/judge_shapes.yaml settings=("data.manifest=$output/judge_data/manifest.jsonl") ;;
    weizmann) file=$here/conf/judge_weizmann.yaml ;;
  esac
  if [[ $form != shapes ]]; then
    settings+=("model.heads.class=$("$python" - "$manifest" <<'PYTHON'
import json
import sys

from condgen.data.manifest import Manifest

print(json.dumps(sorted({row["class"] for row in Manifest.read(sys.argv[1]).all_rows})))
PYTHON
    )")
  fi
  condgen train "$file" "${settings[@]}" -o "$output/judge" --resume
}

judged=""
[[ $form != shapes && $form != weizmann && -z $list ]] || judged=true

if wanted 2; then
  start=()
  [[ $name != finer ]] || start=("start_from=$output/gan/model")
  # the paper's size as the paper has it, all at once; and an encoder that learns does so in the game alone
  if [[ -n $form && ($name == gan || $name == gt2v) && " ${overrides[*]-} " != *" model.text_trained=true "* ]]; then
    echo "== stage 2: training, reconstruction before the game"
    train_reconstruction
    start=("start_from=$output/$name/reconstruction/model")
  fi
  echo "== stage 2: training, the game"
  condgen train "$here/conf/$config.yaml" "data.manifest=$manifest" ${start[@]+"${start[@]}"} \
    ${overrides[@]+"${overrides[@]}"} -o "$output/$name" --resume
  if [[ -n $judged && -z $judge ]]; then
    echo "== stage 2: training, the judge of stage 3"
    train_judge
  fi
fi

if wanted 3; then
  echo "== stage 3: the left-out clips and their sentences"
  split=validation
  [[ -z $judged ]] || split=test # of shapes also sentences that training has not seen; of actions other people or videos
  [[ -z $judged || -n $judge ]] || judge=$output/judge/model
  condgen evaluate "$output/$name/model" --data "$manifest" --split "$split" ${judge:+--weights "judge=$judge"} \
    -o "$output/$name/evaluation.json"
fi

# sample_vgan: clips, each after what it is made of: foreground, mask, background
sample_vgan() {
  "$python" - "$output/vgan/model" "$output/samples/vgan.gif" <<'PYTHON'
import sys
from pathlib import Path

import torch

import condgen
from condgen.data.clip_grid import clip_grid, clips_to_uint8
from condgen.data.video_output import write_video

generate = condgen.load(sys.argv[1])
parts = generate.parts(6)
still = parts.background[:, :, None].expand_as(parts.clip)
mask = (2 * parts.mask - 1).expand_as(parts.clip)
rows = torch.stack([parts.clip, parts.foreground, mask, still], dim=1).flatten(0, 1)
captions = ["clip", "foreground", "mask", "background"] * 6
grid = clip_grid(clips_to_uint8(rows), 4, captions=captions, scale=-(-96 // generate.size))
write_video(Path(sys.argv[2]), grid, frames_per_second=8)
PYTHON
}

# sample_sentences: left-out ones, and the first one's background under the last
sample_sentences() {
  local samples=$output/samples/$name gist=true texts=()
  [[ $name != pt2v && $name != dt2v ]] || gist=""
  "$python" - "$manifest" > "$samples.jsonl" <<'PYTHON'
import json
import sys

from condgen.data.captions import sentences_of
from condgen.data.manifest import Manifest

sentences = list(dict.fromkeys(sentences_of(row)[0] for row in Manifest.read(sys.argv[1]).rows("validation")))
for text in sentences[:: -(-len(sentences) // 8)]:
    print(json.dumps({"text": text, "count": 4}))
PYTHON
  condgen animate --requests "$samples.jsonl" ${gist:+--gist} -o "$samples.gif" --model "$output/$name/model"
  if [[ $form != mini && -n $gist ]]; then
    while IFS= read -r line; do texts+=("$line"); done < <("$python" -c '
import json, sys

lines = sys.stdin.readlines()
print(*(json.loads(line)["text"] for line in (lines[0], lines[-1])), sep="\n")' < "$samples.jsonl")
    condgen animate "${texts[1]}" --background "${texts[0]}" --count 4 --gist -o "${samples}_background.gif" \
      --model "$output/$name/model"
  fi
}

if wanted 4; then
  echo "== stage 4: samples"
  mkdir -p "$output/samples"
  if [[ $name == vgan ]]; then sample_vgan; else sample_sentences; fi
fi
