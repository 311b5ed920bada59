#!/bin/sh
# Resumes the newest training under SOULSAI_RUN__SAVES, so that it continues after a crash or a restart of the machine.
# Starts a new training if there is none.
set -eu
saves="${SOULSAI_RUN__SAVES:-saves}"
for kept in "$saves"/*/checkpoint/manifest.json "$saves"/*/checkpoint.old/manifest.json "$saves"/*/journal/*; do
    if [ -e "$kept" ]; then
        exec soulsai training-node --resume "$@"
    fi
done
exec soulsai training-node "$@"
