"""Answer where commands were, with the one that took their place; their old names are links to this file."""

import sys

RUN = "python tasks/run.py --config=checkpoints/RUN/config.yaml --evaluate"
DATA = "; `adapt`, `apply`: python data_gen/run.py; `export`: python tasks/export_checkpoint.py RUN --format onnx"
if __name__ == "__main__":
    more = DATA if "template_tools" in sys.argv[0] else ""
    sys.exit(print(f"error: this command is now: {RUN}{more}", file=sys.stderr) or 2)
