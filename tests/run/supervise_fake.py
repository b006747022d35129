"""The supervisor as a process that knows the fake trainer under a real name, so that it can compile for it."""

import json
import os
import sys

from lorabridge.backends import BACKENDS
from lorabridge.run.supervise import main

from . import fake_backend

BACKENDS["musubi"] = "tests.run.fake_backend"  # type: ignore[index]
fake_backend.SETTINGS.update(json.loads(os.environ["FAKE_SETTINGS"]))

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
