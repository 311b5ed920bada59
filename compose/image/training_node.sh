#!/bin/sh
# Goes on with the newest training under SOULSAI_RUN__SAVES, so that a node which was killed, or a machine which was
# started again, continues where it was; begins one where there is none.
set -eu
saves="${SOULSAI_RUN__SAVES:-saves}"
for manifest in "$saves"/*/checkpoint/manifest.json "$saves"/*/checkpoint.old/manifest.json; do
    if [ -e "$manifest" ]; then
        exec soulsai training-node --resume "$@"
    fi
done
exec soulsai training-node "$@"
