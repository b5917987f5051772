#!/usr/bin/env bash
# Adversarially learned inference, from pictures to a model and its figures. See README.md beside this file.
#
#   recipes/ali/run.sh [--stage 1] [--stop-stage 4] [--source DIR | --data DIR] [--judge MODEL] [--output DIR]
#                      [--mnist | --short | --mini] [key=value ...]
#
#   stage 1  prepare data     SVHN (MNIST) is fetched, or taken from --source, or pictures of your own from --data
#   stage 2  train            encoder and decoder against a discriminator of pairs
#   stage 3  evaluate         reconstructions, samples (with --judge), and linear classifiers on the features
#   stage 4  samples          looks around in the latent space from the first validation pictures: reconstructions,
#                             projections, an interpolation, an analogy, neighbours, a blur added and taken away
#
#   --source      folder that has the files of the data set already
#   --data        folder of pictures with one sub-folder a class
#   --judge       model of task image_classifier, which says the class of what is made
#   --mnist       digits instead of house numbers
#   --short       digits, half the channels, hours on two cores
#   --mini        drawn pictures and a tiny network: under a minute, no network access
#   key=value     overrides: model.posterior=deterministic is BiGAN; model.classes=[...], with --stop-stage 3, is
#                 conditional ALI, whose verbs need a --label
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../functions.sh"
source="" data="" judge="" output="" name="" overrides=()

while (($#)); do
  case $1 in
    --stage) number "$@"; stage=$2; shift 2 ;;
    --stop-stage) number "$@"; stop_stage=$2; shift 2 ;;
    --source) need "$@"; source=$2; shift 2 ;;
    --data) need "$@"; data=$2; shift 2 ;;
    --judge) need "$@"; judge=$2; shift 2 ;;
    --output) need "$@"; output=$2; shift 2 ;;
    --mnist | --short | --mini)
      [[ -z $name || $name == "${1#--}" ]] || fail "--$name and $1 exclude each other: give one of them"
      name=${1#--}; shift ;;
    -h | --help) help ;;
    *=*) overrides+=("$1"); shift ;;
    *) fail "unknown option $1; see --help" ;;
  esac
done
[[ -z $source || -z $data ]] || fail "--source and --data exclude each other: give one of them"
[[ $name != mini || -z $source$data ]] || fail "--mini draws its own pictures: leave out --source and --data"
case $name in
  "") config=ali_svhn set=svhn ;;
  mini) config=ali_mini set="" ;;
  mnist) config=ali_mnist set=mnist ;;
  short) config=ali_mnist_short set=mnist ;;
esac
[[ $set != mnist || -n $data ]] || judge=${judge:-judge-mnist}
output=${output:-runs/$config}
manifest=$output/data/manifest.jsonl

require_condgen

if wanted 1; then
  echo "== stage 1: data"
  if [[ $name == mini ]]; then
    prepare synthetic_photos -o "$output/data" --train 64 --validation 8 --size 64
  elif [[ -n $data ]]; then
    prepare image_folder "$data" -o "$output/data"
  elif [[ -n $source ]]; then
    prepare torchvision_images "$set" --source "$source" -o "$output/data"
  else
    prepare torchvision_images "$set" --download -o "$output/data"
  fi
fi

if wanted 2; then
  echo "== stage 2: training"
  condgen train "$here/conf/$config.yaml" "data.manifest=$manifest" ${judge:+"data.judge=$judge"} \
    ${overrides[@]+"${overrides[@]}"} -o "$output/ali" --resume
fi

if wanted 3; then
  echo "== stage 3: the validation pictures"
  condgen evaluate "$output/ali/model" --data "$manifest" --also linear_svm ${judge:+--weights "judge=$judge"} \
    -o "$output/ali/evaluation.json"
fi

if wanted 4; then
  echo "== stage 4: the first validation pictures"
  pictures=()
  while IFS= read -r picture; do pictures+=("$picture"); done < <(validation_files "$manifest" image 3)
  ((${#pictures[@]} == 3)) || fail "$manifest has fewer than 3 validation pictures: prepare more"
  model=(--model "$output/ali/model")
  condgen reconstruct "${pictures[@]}" -o "$output/samples/reconstructed" "${model[@]}"
  condgen interpolate "${pictures[@]:0:2}" -o "$output/samples/interpolation.png" "${model[@]}"
  condgen analogy "${pictures[@]}" -o "$output/samples/analogy.png" --size 5 "${model[@]}"
  condgen project "${pictures[@]}" -o "$output/samples/projected" "${model[@]}"
  condgen neighbours "${pictures[0]}" --data "$manifest" -o "$output/samples/neighbours.png" "${model[@]}"
  condgen attribute "${pictures[0]}" --blur --data "$manifest" -o "$output/samples/blur.png" "${model[@]}"
fi
