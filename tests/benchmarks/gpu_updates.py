"""Ten updates of every task in one process, in both precisions: a line of JSON each, so that what was done stays.

    python -m tests.benchmarks.gpu_updates                 on the GPU where there is one
    python -m tests.benchmarks.gpu_updates --small         networks and batches of the tests: seconds on a processor
    CUDA_VISIBLE_DEVICES= python -m tests.benchmarks.gpu_updates --updates 2 --precision 32      on all processors

The same batch and the same first weights for both precisions: `first_loss` is the same network's answer in both, and
`last_loss` what it learned. A task that fails does not stop the others.
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import sys
import warnings

import torch

from tests.benchmarks.small_steps import SMALL
from tests.benchmarks.step_rows import ROWS
from tests.benchmarks.train_steps import PRECISIONS, measure_task
from utils.processes.workers import cores

FULL = {name.removesuffix("_64"): row.make for name, row in ROWS.items() if name.removesuffix("_64") in SMALL}
"""Every task that is trained, in the size of its recipe."""
assert set(FULL) == set(SMALL)


def main(words: list[str] | None = None) -> int:
    """Print a line of JSON for every task and precision; 1 when one failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="task", help="default: all that are trained")
    parser.add_argument("--updates", type=int, default=10)
    parser.add_argument("--precision", nargs="+", choices=PRECISIONS, default=list(PRECISIONS))
    parser.add_argument("--small", action="store_true", help="networks and batches as small as those of the tests")
    args = parser.parse_args(words)
    logging.disable(logging.INFO)
    warnings.filterwarnings("ignore", "(You defined a `validation_step`|Found .* in eval mode)")
    torch.set_num_threads(cores())
    failed = []
    for name in args.names or FULL:
        for precision in args.precision:
            made_how = {"task": name, "precision": precision, "device": "cuda" if torch.cuda.is_available() else "cpu"}
            torch.manual_seed(0)
            try:
                task, batch = (SMALL if args.small else FULL)[name](precision)
                figures = measure_task(task, batch, args.updates)
            except Exception as error:  # whatever it is, the next task is still to be tried
                failed.append(name)
                print(f"{name} {precision}: {error}", file=sys.stderr, flush=True)
                figures = {"error": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"}
            print(json.dumps({**made_how, **figures}), flush=True)
            task = batch = None
            gc.collect()  # what Lightning ties into circles would otherwise lie on the GPU beside the next task
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
