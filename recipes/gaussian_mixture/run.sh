#!/usr/bin/env bash
# The textbook comparisons on a 2-D mixture of Gaussians, from drawn points to one figure. See README.md beside this file.
#
#   recipes/gaussian_mixture/run.sh [--stage 1] [--stop-stage 4] [--data MANIFEST] [--output DIR] [--mini] [key=value ...]
#
#   stage 1  prepare data     nine modes are drawn, unless --data gives points of your own
#   stage 2  train            six games: gan, ali, pi_low, pi_high, collapse, minibatch
#   stage 3  evaluate         modes covered, samples near a mode, reconstructions that keep theirs
#   stage 4  samples          the figure; needs matplotlib (pip install 'condgen[figures]')
#
#   --data        manifest of points and their modes
#   --mini        the first two games alone, tiny and short: under a minute
#   key=value     overrides for all games, e.g. trainer.seed=1
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../functions.sh"
data="" output="" mini="" overrides=()

while (($#)); do
  case $1 in
    --stage) number "$@"; stage=$2; shift 2 ;;
    --stop-stage) number "$@"; stop_stage=$2; shift 2 ;;
    --data) need "$@"; data=$2; shift 2 ;;
    --output) need "$@"; output=$2; shift 2 ;;
    --mini) mini=1; shift ;;
    -h | --help) help ;;
    *=*) overrides+=("$1"); shift ;;
    *) fail "unknown option $1; see --help" ;;
  esac
done
[[ -z $mini || -z $data ]] || fail "--mini draws its own points: leave out --data"

require_condgen
! wanted 4 || "$python" -c "import matplotlib" 2>/dev/null \
  || fail "stage 4 needs matplotlib: pip install -e '$root[figures]', or give --stop-stage 3"

games=(gan ali pi_low pi_high collapse minibatch) points=() small=()
if [[ -n $mini ]]; then
  games=(gan ali) points=(--train 200 --validation 50)
  small=(model.decoder_width=16 model.encoder_width=16 model.discriminator_width=16 trainer.iterations=200
    trainer.report_every=100 trainer.checkpoint_every=100 trainer.log_every=50)
fi
output=${output:-runs/gaussian_mixture${mini:+_mini}}
manifest=${data:-$output/data/manifest.jsonl}

if wanted 1 && [[ -n $data ]]; then
  echo "== stage 1: data: $data"
elif wanted 1; then
  echo "== stage 1: data"
  prepare gaussian_mixture -o "$output/data" ${points[@]+"${points[@]}"}
fi

if wanted 2; then
  for game in "${games[@]}"; do
    echo "== stage 2: training, $game"
    condgen train "$here/conf/$game.yaml" "data.manifest=$manifest" ${small[@]+"${small[@]}"} \
      ${overrides[@]+"${overrides[@]}"} -o "$output/$game" --resume
  done
fi

if wanted 3; then
  for game in "${games[@]}"; do
    echo "== stage 3: evaluation, $game"
    condgen evaluate "$output/$game/model" --data "$manifest" -o "$output/$game/evaluation.json"
  done
fi

if wanted 4; then
  echo "== stage 4: samples, the figure"
  "$python" -m condgen.tasks.gaussian_mixture.figure "$output" --data "$manifest" -o "$output/samples/figure.png"
fi
