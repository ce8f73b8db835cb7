"""Answer with the command that took this one's place."""

import sys

NOW = "python tasks/run.py --config=checkpoints/RUN/config.yaml --evaluate"

if __name__ == "__main__":
    print(f"error: this command is now: {NOW}", file=sys.stderr)
    sys.exit(2)
