#!/usr/bin/env bash
# Sentence encoder by joint embedding, from captioned pictures to a model and its figures. See README.md beside this file.
#
#   recipes/joint_embedding/run.sh [--stage 1] [--stop-stage 4] [--source DIR --captions DIR [--lists DIR]
#                                  | --data DIR [--validation-classes N]] [--output DIR]
#                                  [--birds | --features | --shapes | --mini] [key=value ...]
#
#   stage 1  prepare data     CUB-200-2011 from --source with --captions, or captioned pictures of your own from --data
#   stage 2  train            sentences and pictures of a class find one another
#   stage 3  evaluate         classification and retrieval of the left-out pictures; of CUB and with --validation-classes
#                             zero-shot: their classes are in no training
#   stage 4  samples          sentences as vectors, and the pictures found for some
#
#   --source      folder or archive of CUB-200-2011
#   --captions    folder or archive of Reed et al.'s captions of it
#   --lists       folder with the published lists of its classes
#   --data        own pictures with captions and classes: a table or a folder; see data_prep/captioned_images.py
#   --validation-classes   so many of their classes are left out of training; 0 (default): a tenth of the pictures
#   --birds       an image encoder of ours learns along, on what is in the boxes: small sets, no download
#   --features    each row brings vectors of its picture, in the field features; --data then names their manifest
#   --shapes      drawn figures: the encoder of the shipped text-to-picture models
#   --mini        a few drawn figures and tiny networks: under a minute, no network access
#   key=value     overrides, e.g. trainer.batch_size=7 model.text.kind=word_cnn_rnn
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../functions.sh"
original="" captions="" lists="" data="" apart=0 output="" form="" overrides=()

while (($#)); do
  case $1 in
    --stage) number "$@"; stage=$2; shift 2 ;;
    --stop-stage) number "$@"; stop_stage=$2; shift 2 ;;
    --source) need "$@"; original=$2; shift 2 ;;
    --captions) need "$@"; captions=$2; shift 2 ;;
    --lists) need "$@"; lists=$2; shift 2 ;;
    --data) need "$@"; data=$2; shift 2 ;;
    --validation-classes) need "$@"; apart=$2; shift 2 ;;
    --output) need "$@"; output=$2; shift 2 ;;
    --birds | --features | --shapes | --mini)
      [[ -z $form || $form == "${1#--}" ]] || fail "--$form and $1 exclude each other: give one of them"
      form=${1#--}; shift ;;
    -h | --help) help ;;
    *=*) overrides+=("$1"); shift ;;
    *) fail "unknown option $1; see --help" ;;
  esac
done
[[ -z $original || -z $data ]] || fail "--source and --data exclude each other: give one of them"
case $form in
  shapes | mini) [[ -z $original$data ]] || fail "--$form draws its own pictures: leave out --source and --data" ;;
  features) [[ -f $data ]] || fail "--features needs the manifest of rows with features: give it with --data" ;;
  *) [[ -n $original$data ]] || fail "the pictures are missing: give --source or --data, or draw some by --shapes" ;;
esac
[[ -z $lists || -n $original ]] || fail "--lists are of the classes of --source: give both"
[[ -z $original || -n $captions ]] || fail "--source needs the captions: give them with --captions"
case $form in
  "") config=joint_embedding ;;
  mini) config=shapes_mini ;;
  *) config=$form ;;
esac
output=${output:-runs/joint_embedding${form:+_$form}}
manifest=$output/data/manifest.jsonl
[[ $form != features ]] || manifest=$data
require_condgen

if wanted 1; then
  echo "== stage 1: data"
  case $form in
    shapes) prepare captioned_shapes -o "$output/data" ;;
    mini) prepare captioned_shapes -o "$output/data" --train 240 --validation 60 --test 40 --size 32 ;;
    features) condgen data check "$manifest" ;;
    *)
      if [[ -n $data ]]; then
        prepare captioned_images "$data" -o "$output/data" --disjoint-classes "$apart"
      else
        # as many classes as the authors train on, 150; the other 50 are validation
        prepare cub_birds --source "$original" --captions "$captions" -o "$output/data" \
          ${lists:+--lists "$lists"} --test-classes 0
      fi ;;
  esac
fi

if wanted 2; then
  echo "== stage 2: training"
  condgen train "$here/conf/$config.yaml" "data.manifest=$manifest" ${overrides[@]+"${overrides[@]}"} \
    -o "$output/encoder" --resume
fi

if wanted 3; then
  echo "== stage 3: pictures and classes matched by sentences"
  condgen evaluate "$output/encoder/model" --data "$manifest" -o "$output/encoder/evaluation.json"
fi

if wanted 4; then
  echo "== stage 4: sentences as vectors, and the pictures found for some"
  mkdir -p "$output/samples"
  grep -m 8 '"split": "validation"' "$manifest" > "$output/samples/captions.jsonl"
  condgen embed "$output/samples/captions.jsonl" -o "$output/samples/vectors.npz" --model "$output/encoder/model"
  pictures=("$output"/encoder/samples/*.png)
  cp "${pictures[-1]}" "$output/samples/retrieval.png"
  echo "$output/samples/retrieval.png"
fi
