"""Answer with the command that took this one's place."""

import sys

NOW = "python tasks/run.py --config=checkpoints/RUN/config.yaml --evaluate"
NOW += "; `adapt`, `apply`: python data_gen/run.py; `export`: python tasks/export_checkpoint.py RUN --format onnx"

if __name__ == "__main__":
    print(f"error: this command is now: {NOW}", file=sys.stderr)
    sys.exit(2)
