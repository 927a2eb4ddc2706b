"""The main stage, process 1 of its container: signals first, then the story, then the exit status.

`post-entrypoint` is the post stage, and begins with this file too.

Python as process 1 ignores SIGTERM without a handler, and SIGINT too where it was inherited as ignored, so
both are handled before anything heavy is imported. The runner sends SIGINT, 7.5 s later SIGTERM, 2.5 s
later SIGKILL (source: actions/runner, ``ProcessInvoker``).
"""

import gc
import os
import resource
import signal
import sys
from types import FrameType

from lambda_rollout.runtime import precompiled
from lambda_rollout.runtime.clock import Stop

# Nothing of what is imported now is garbage, and looking for some takes a fifth of the start. `parts` sets it going
# again once all is imported.
gc.disable()

# The log's place must not be taken by the first thing that is opened.
for descriptor in range(3):
    try:
        os.fstat(descriptor)
    except OSError:
        os.open(os.devnull, os.O_RDWR)

STOP = Stop()


def _request_stop(number: int, _frame: FrameType | None) -> None:
    """Ask the rollout to end. A second signal changes nothing: the first is being obeyed."""
    STOP.request(f"cancelled ({signal.Signals(number).name})")


# A core dump would hold the credentials, and stay on a runner that other jobs may use.
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
signal.signal(signal.SIGINT, _request_stop)
signal.signal(signal.SIGTERM, _request_stop)

precompiled.use()

if __name__ == "__main__":
    from lambda_rollout.app import main

    sys.exit(main(os.environ, STOP))
