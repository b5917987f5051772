#!/usr/bin/env bash
# Pictures by label or latent code, from labelled pictures to a model and its figures. See README.md beside this file.
#
#   recipes/class_conditional/run.sh [--stage 1] [--stop-stage 4] [--source DIR | --data DIR] [--judge MODEL]
#                                    [--output DIR] [--config NAME | --mini] [key=value ...]
#
#   stage 1  prepare data     MNIST is fetched, or taken from --source, or pictures of your own from --data
#   stage 2  train            a classifier that judges samples, unless there is one, then the game
#   stage 3  evaluate         labels of samples and their distance from real pictures, by the judge
#   stage 4  samples          a grid by label, and what latent codes have come to mean
#
#   --source      folder that has the files of MNIST already
#   --data        folder of pictures with one sub-folder a class; trained on in colour at 32 pixels
#   --judge       model of task image_classifier; for MNIST judge-mnist, which ships
#   --config      acgan_mnist (default), or another file of conf/: cgan_mnist, projection_mnist, infogan_mnist,
#                 infogan_mnist_small, semi_supervised_mnist
#   --mini        drawn shapes and tiny networks: under a minute, no network access
#   key=value     overrides for the game, e.g. model.objective=hinge
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../functions.sh"
source="" judge="" data="" output="" name="" mini="" overrides=()

while (($#)); do
  case $1 in
    --stage) number "$@"; stage=$2; shift 2 ;;
    --stop-stage) number "$@"; stop_stage=$2; shift 2 ;;
    --source) need "$@"; source=$2; shift 2 ;;
    --data) need "$@"; data=$2; shift 2 ;;
    --judge) need "$@"; judge=$2; shift 2 ;;
    --config) need "$@"; name=$2; shift 2 ;;
    --output) need "$@"; output=$2; shift 2 ;;
    --mini) mini=1; shift ;;
    -h | --help) help ;;
    *=*) overrides+=("$1"); shift ;;
    *) fail "unknown option $1; see --help" ;;
  esac
done
[[ -z $source || -z $data ]] || fail "--source and --data exclude each other: give one of them"
[[ -z $mini || -z $source$data$name ]] || fail "--mini draws its own pictures: leave out --source, --data and --config"
[[ -z $mini ]] || name=mini
name=${name:-acgan_mnist}
[[ -f $here/conf/$name.yaml ]] || fail "there is no $here/conf/$name.yaml; see --help"
[[ -n $mini$data ]] || judge=${judge:-judge-mnist}
judge_config=judge_mnist
[[ -z $mini ]] || judge_config=judge_mini
output=${output:-runs/$name}
manifest=$output/data/manifest.jsonl

require_condgen

judging=${judge:-$output/judge/model}

if wanted 1; then
  echo "== stage 1: data"
  if [[ -n $mini ]]; then
    prepare synthetic_shapes -o "$output/data"
  elif [[ -n $data ]]; then
    prepare image_folder "$data" --size 32 -o "$output/data"
  elif [[ -n $source ]]; then
    prepare torchvision_images mnist --source "$source" -o "$output/data"
  else
    prepare torchvision_images mnist --download -o "$output/data"
  fi
fi

own=() # what both trainings are told of pictures of one's own
if [[ -n $data ]]; then
  list="import json, sys; from condgen.data.manifest import Manifest
print(json.dumps(sorted({row['label'] for row in Manifest.read(sys.argv[1]).all_rows})))"
  own=("model.classes=$("$python" -c "$list" "$manifest")" model.size=32 model.image_channels=3)
fi

if wanted 2; then
  if [[ -z $judge ]]; then
    echo "== stage 2: training, the judge"
    condgen train "$here/conf/$judge_config.yaml" "data.manifest=$manifest" ${own[@]+"${own[@]}"} -o "$output/judge" --resume
  fi
  echo "== stage 2: training, the game"
  condgen train "$here/conf/$name.yaml" "data.manifest=$manifest" "data.judge=$judging" \
    ${own[@]+"${own[@]}"} ${overrides[@]+"${overrides[@]}"} -o "$output/game" --resume
fi

if wanted 3; then
  echo "== stage 3: judged on as many samples as there are validation pictures"
  condgen evaluate "$output/game/model" --data "$manifest" --weights "judge=$judging" -o "$output/game/evaluation.json"
  [[ -n $judge ]] || condgen evaluate "$judging" --data "$manifest" -o "$output/judge/evaluation.json"
fi

if wanted 4; then
  echo "== stage 4: samples"
  condgen sample --model "$output/game/model" -o "$output/samples/grid.png"
  echo "$output/samples/grid.png"
  [[ $name != infogan_mnist* ]] || condgen codes --model "$output/game/model" -o "$output/samples/codes.png"
fi
