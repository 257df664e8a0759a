#!/usr/bin/env bash
# From nothing to a comparison of two networks and labelled pictures: `make demo`. Everything goes into demo/.
# Finished parts are kept, an interrupted training continues, and `rm -r demo` starts afresh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '\n== %s\n' "$*"; }

say "1/5 Drawing labelled streets"
if [ -f demo/streets/drives.txt ]; then # written last
    echo "demo/streets is there already"
else
    rm -rf demo/streets
    roadseg data synthesize demo/streets --drives 24 --frames 3
fi

runs=()
for network in fcn32s fcn16s; do
    run=demo/runs/demo-$network
    runs+=("$run")
    say "$((1 + ${#runs[@]}))/5 Training ${network/fcn/FCN-} (loss, mIoU and micro IoU as training / validation)"
    roadseg train "demo-$network" --data.root demo/streets --run "$run" --resume
done

say "4/5 Comparing on drives that neither has seen"
for run in "${runs[@]}"; do
    roadseg evaluate "$run" --data.root demo/streets --split test >/dev/null
done
roadseg compare "${runs[@]}" --split test

say "5/5 Labelling new streets"
if [ ! -f demo/new/drives.txt ]; then
    rm -rf demo/new
    roadseg data synthesize demo/new --drives 4 --frames 1 --seed 1 >/dev/null
fi
for run in "${runs[@]}"; do
    roadseg predict "$run" demo/new/training/image_2 --output "demo/predictions/${run##*demo-}" >/dev/null
done

cat <<'END'

Done. Open:
  demo/predictions/fcn16s/overlay/      the new streets with the predicted classes and a legend
  demo/predictions/fcn32s/overlay/      the same from the coarser network
  demo/predictions/fcn16s/confidence/   how sure it is, from black (0) to white (1)
  demo/runs/demo-fcn16s/                settings, division of the images, losses and scores of the run
END
