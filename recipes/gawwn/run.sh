#!/usr/bin/env bash
# GAWWN: what a sentence says, where you say; from captioned pictures with places to models and their figures. See
# README.md beside this file.
#
#   recipes/gawwn/run.sh [--stage 1] [--stop-stage 4] [--captions PLACE] [--source PLACE] [--lists DIR] [--data PLACE]
#                        [--encoder MODEL] [--judge MODEL] [--output DIR] [--small | --people | --shapes | --mini]
#                        [key=value ...]
#
#   stage 1  prepare data     CUB's birds are fetched, or taken from --source, or your own pictures from --data
#   stage 2  train            the sentence encoder, unless there is one; then a model that draws by box, one that draws
#                             by keypoints, and that one with the completion of keypoints, which draws by text alone, too
#   stage 3  evaluate         the left-out pictures, by their sentences and places
#   stage 4  samples          left-out sentences drawn at their places, and a box that moves, stretches and shrinks
#
#   --captions    of birds and people: the captions of Reed et al., folder, archive or table
#   --source      own copy of the set; see data_prep/cub_birds.py and data_prep/mpii_people.py
#   --lists       of birds: folder with the published lists of classes
#   --data        own pictures: a table or a folder; see data_prep/captioned_images.py. Which of the three models are
#                 trained is up to the rows: box, keypoints or both; the keypoints' names are theirs
#   --encoder     model of recipes/joint_embedding, or transformers:ID, a hub id or folder (with model.text.width=384, or
#                 whatever its vectors have). Without it that recipe's training goes first, which needs classes
#   --judge       of --shapes: a classifier of drawn figures; without it one is trained
#   --small       birds, or --data: compact networks of 64 pixels, for two cores
#   --people      MPII's people with 17 joints, who have no boxes
#   --shapes      drawn figures: the model that ships
#   --mini        a few drawn figures and tiny networks: a minute or two, no network access
#   key=value     overrides for every training, as far as it has them: the sentence encoder takes model.text.* and
#                 trainer.*, a game only its own players' optimizers.*
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../functions.sh"
captions="" archive="" lists="" data="" encoder="" judge="" output="" form="" overrides=()

while (($#)); do
  case $1 in
    --stage) number "$@"; stage=$2; shift 2 ;;
    --stop-stage) number "$@"; stop_stage=$2; shift 2 ;;
    --captions) need "$@"; captions=$2; shift 2 ;;
    --source) need "$@"; archive=$2; shift 2 ;;
    --lists) need "$@"; lists=$2; shift 2 ;;
    --data) need "$@"; data=$2; shift 2 ;;
    --encoder) need "$@"; encoder=$2; shift 2 ;;
    --judge) need "$@"; judge=$2; shift 2 ;;
    --output) need "$@"; output=$2; shift 2 ;;
    --small | --people | --shapes | --mini)
      [[ -z $form || $form == "${1#--}" ]] || fail "--$form and $1 exclude each other: give one of them"
      form=${1#--}; shift ;;
    -h | --help) help ;;
    optimizers.*=*)
      [[ $1 =~ ^optimizers\.(box|keypoints|completion)_(generator|discriminator)\. ]] \
        || fail "$1: a player is called box_generator, keypoints_discriminator, completion_generator, ..."
      overrides+=("$1"); shift ;;
    *=*) overrides+=("$1"); shift ;;
    *) fail "unknown option $1; see --help" ;;
  esac
done
[[ -z $data || -z $archive$captions$lists ]] || fail "--data excludes --source, --captions and --lists: give your pictures alone"
[[ -z $judge || $form == shapes ]] || fail "--judge is for --shapes, whose figures it can name"
case $form in
  shapes | mini)
    [[ -z $archive$captions$lists$data ]] || fail "--$form draws its own pictures: leave out --source, --captions, --lists and --data" ;;
  people)
    [[ -z $data$lists ]] || fail "--people are those of MPII: leave out --data and --lists" ;;
esac
config=$form embedding=$form forms=(box keypoints completion)
case $form in
  "") config=birds embedding=joint_embedding ;;
  small) config=birds_small embedding=birds ;;
  people) embedding=joint_embedding forms=(keypoints completion) ;;
  mini) embedding=shapes_mini ;;
esac
output=${output:-runs/gawwn${form:+_$form}${data:+_own}}
manifest=$output/data/manifest.jsonl
require_condgen

if wanted 1; then
  echo "== stage 1: data"
  published=(${archive:+--source "$archive"} --captions "$captions" -o "$output/data")
  case $form in
    mini) prepare captioned_shapes -o "$output/data" --train 240 --validation 16 --test 8 --size 32 ;;
    shapes)
      prepare captioned_shapes -o "$output/data"
      # other pictures, of all pairs of colour and figure: the judge must know those that the model has not seen
      [[ -n $judge ]] || prepare captioned_shapes -o "$output/judge_data" --all-combinations --seed 1 ;;
    people)
      [[ -n $captions ]] || fail "--people needs --captions PLACE; data_prep/mpii_people.py says where from"
      prepare mpii_people "${published[@]}" ;;
    *)
      if [[ -n $data ]]; then
        prepare captioned_images "$data" -o "$output/data"
      else
        [[ -n $captions ]] || fail "birds need --captions PLACE; data_prep/cub_birds.py says where from"
        # as many classes as the authors train on, 150; the other 50 are validation
        prepare cub_birds "${published[@]}" ${lists:+--lists "$lists"} --test-classes 0
      fi ;;
  esac
fi
[[ -f $manifest ]] || fail "there is no $manifest: run stage 1 first"

places=() # what the rows decide
if [[ -n $data ]]; then
  found=()
  while IFS= read -r line; do found+=("$line"); done < <("$python" - "$manifest" <<'PYTHON'
import json
import sys

from condgen.data.locations import keypoint_names
from condgen.data.manifest import Manifest

manifest = Manifest.read(sys.argv[1])
rows, names = manifest.all_rows, keypoint_names(manifest)
print(json.dumps(names))
for place, forms in (("box", ["box"]), ("keypoints", ["keypoints", "completion"])):
    if all(place in row.fields for row in rows):
        print("\n".join(forms))
PYTHON
  )
  ((${#found[@]})) || exit 1 # the reason has been printed
  forms=("${found[@]:1}") places=("model.keypoints=${found[0]}")
  ((${#forms[@]})) || fail "$manifest: not every row has a box, nor keypoints; give all of them one of the two"
fi

# own_overrides NAME: those of the command line that this training has, in `own`
own_overrides() {
  local override
  own=()
  for override in ${overrides[@]+"${overrides[@]}"}; do
    case $1:$override in
      encoder:model.text.* | encoder:trainer.*) own+=("$override") ;;
      encoder:* | judge:*) ;;
      *:optimizers."$1"_*) own+=("$override") ;;
      *:optimizers.*) ;;
      *) own+=("$override") ;;
    esac
  done
}

train_encoder() {
  echo "== stage 2: training, the sentence encoder"
  own_overrides encoder
  # its image encoder looks at what is in the boxes, if there are any
  [[ $embedding != birds || " ${forms[*]} " == *" box "* ]] || own+=(model.image.crop_to_box=false)
  condgen train "$here/../joint_embedding/conf/$embedding.yaml" "data.manifest=$manifest" ${own[@]+"${own[@]}"} \
    -o "$output/encoder" --resume
}

# train_form NAME: by box, by keypoints, or the completion, beside which the trained keypoint form is kept as it is, so
# that the model draws what it has completed
train_form() {
  echo "== stage 2: training, $1"
  local file=$here/conf/${config}_$1.yaml from=$start settings=()
  if [[ $form == mini ]]; then
    file=$here/conf/mini.yaml settings=("model.forms=[$1]")
  fi
  if [[ $1 == completion ]]; then
    from=$output/keypoints/model
    settings=("model.forms=[keypoints, completion]" optimizers.keypoints_{generator,discriminator}.starts_at=1000000000)
  fi
  own_overrides "$1"
  condgen train "$file" "data.manifest=$manifest" ${from:+"start_from=$from"} ${text[@]+"${text[@]}"} \
    ${places[@]+"${places[@]}"} ${settings[@]+"${settings[@]}"} ${own[@]+"${own[@]}"} -o "$output/$1" --resume
}

if wanted 2; then
  text=() start=$encoder
  if [[ $encoder == transformers:* ]]; then
    text=(model.text.kind=transformers "model.text.model=${encoder#transformers:}") start=""
  elif [[ -z $encoder ]]; then
    train_encoder
    start=$output/encoder/model
  fi
  for name in "${forms[@]}"; do train_form "$name"; done
  if [[ $form == shapes && -z $judge ]]; then
    echo "== stage 2: training, the judge of stage 3"
    condgen train "$here/conf/judge_shapes.yaml" "data.manifest=$output/judge_data/manifest.jsonl" -o "$output/judge" \
      --resume
  fi
fi

if wanted 3; then
  split=validation
  if [[ $form == shapes ]]; then
    split=test judge=${judge:-$output/judge/model} # also pairs of colour and figure that training has not seen
  fi
  if [[ -z $encoder ]]; then
    echo "== stage 3: classes and pictures found by sentences"
    condgen evaluate "$output/encoder/model" --data "$manifest" --split "$split" -o "$output/encoder/evaluation.json"
  fi
  for name in "${forms[@]}"; do
    echo "== stage 3: $name, by the left-out sentences and places"
    condgen evaluate "$output/$name/model" --data "$manifest" --split "$split" ${judge:+--weights "judge=$judge"} \
      -o "$output/$name/evaluation.json"
  done
fi

# requests_of NAME: eight left-out sentences at their pictures' places; for the completion at two keypoints of them, and
# without a place
requests_of() {
  "$python" - "$1" "$manifest" <<'PYTHON'
import json
import sys

from condgen.data.captioned_images import displayed_size
from condgen.data.captions import sentences_of
from condgen.data.locations import WHOLE, Window, keypoint_names, location_of
from condgen.data.manifest import Manifest

form, manifest = sys.argv[1], Manifest.read(sys.argv[2])
rows, by_box = manifest.rows("validation"), form == "box"
names = () if by_box else keypoint_names(manifest)
for row in rows[:: -(-len(rows) // 8)]:
    size, request = displayed_size(row.path("image")), {"text": sentences_of(row)[0], "count": 4}
    place = location_of(row, size, names=names, with_box=by_box).cropped(Window(*WHOLE))
    points = {name: [x, y] for name, (x, y, seen) in zip(names, place.keypoints.tolist()) if seen}
    if by_box:
        print(json.dumps({**request, "box": place.box.tolist()}))
    elif points and form == "keypoints":
        print(json.dumps({**request, "keypoints": points}))
    elif points:
        print(json.dumps({**request, "keypoints": {name: points[name] for name in (min(points), max(points))}}))
        print(json.dumps(request))
PYTHON
}

if wanted 4; then
  echo "== stage 4: left-out sentences"
  mkdir -p "$output/samples"
  for name in "${forms[@]}"; do
    requests_of "$name" > "$output/samples/$name.jsonl"
    condgen draw --requests "$output/samples/$name.jsonl" --show-layout -o "$output/samples/$name.png" \
      --model "$output/$name/model"
  done
  if [[ ${forms[0]} == box ]]; then
    sweeps=(move stretch shrink)
    [[ $form != mini ]] || sweeps=(move)
    sentence=$("$python" -c 'import json, sys; print(json.loads(sys.stdin.readline())["text"])' < "$output/samples/box.jsonl")
    for sweep in "${sweeps[@]}"; do
      condgen draw "$sentence" --sweep "$sweep" -o "$output/samples/$sweep.png" --model "$output/box/model"
    done
  fi
fi
