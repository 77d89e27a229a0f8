"""One file a DVC stage: read, call, write. The only code that knows paths and params."""

import os

from ehrgen.core import interrupts, standby

# Cells run side by side, and two threads on products this small cost three times the work of one. It has to be said
# before numpy or scikit-learn is loaded; torch takes its number from train.threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")

interrupts.end_at_once()  # until `ehrgen.core.command.run`
standby.hand_over()
