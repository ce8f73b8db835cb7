"""What is run first on a machine with a GPU: tests, rendering, updates of every task, a person; at most eight minutes.

    bash scripts/check_gpu.sh [OUT]                          that is: python -m tests.benchmarks.gpu [OUT]
    python -m tests.benchmarks.gpu OUT --steps render tests  some of it
    python -m tests.benchmarks.gpu OUT --device cpu --quick  every step small, on a processor, to see that it works

Each step is a process of its own with its own time limit; one that fails, or that takes too long, does not stop the
others, and what no longer fits into the eight minutes is left out and said. OUT/gpu.json holds what is known after
every step, OUT/gpu.md the tables for docs/performance.md, OUT/<step>.log all that a step said. The exit code is 0 when
every step was done, 1 when one was not, 2 when nothing could be begun.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
MARK = "vizeme gpu check"
LIMIT_S = 480.0
LEAST_S = 10.0
"""Seconds under which no step is begun."""
SLOWER = 4.0
"""How much more time all have without a GPU."""
PROBE = """import json, torch
gpu = torch.cuda.is_available()
p = torch.cuda.get_device_properties(0) if gpu else None
print(json.dumps({"torch": torch.__version__, "gpu": p.name if p else "", "gpu_mib": p.total_memory >> 20 if p else 0,
                  "bf16": gpu and torch.cuda.is_bf16_supported()}))"""


class Step(NamedTuple):
    """One step.

    Args:
        name: Of its log.
        what: It does, in words.
        words: The command, after `python`.
        limit_s: Seconds after which it is ended.
        hidden: The GPU is kept from it.
    """

    name: str
    what: str
    words: tuple[str, ...]
    limit_s: float
    hidden: bool = False


def gpu_tests() -> list[str]:
    """Name the files that have tests for a GPU, so that no other is imported."""
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    return [str(file.relative_to(ROOT)) for file in files if "@pytest.mark.gpu" in file.read_text(encoding="utf-8")]


def steps(device: str, quick: bool, home: Path) -> list[Step]:
    """List the steps, the quickest answers first."""
    render = ("--batches", "--tiny", "--frames=2") if quick else ()
    size = ("--seconds=4", "--size=128") if quick else ("--seconds=12", "--size=512")
    film = str(home / "data/raw/videos/demo.mp4")
    seen = ("--landmarks=dlib", "--parsing=grabcut", "--licence=public domain", "--consent=a made presenter")
    in_home = f"import os, sys; os.chdir({str(home)!r}); os.environ['VIZEME_HOME'] = os.getcwd(); "
    in_home += f"sys.path.insert(0, {str(ROOT)!r}); "
    make = f"from data_gen.run import main; sys.exit(main(['demo', '--out={film}', *{list(size)}]) or "
    make += f"main(['video', '--id=demo', '--video={film}', {size[1]!r}, *{list(seen)}]))"
    return [
        Step("tests", "tests that need a GPU", ("-m", "pytest", "-m", "gpu", "-o", "addopts=", "-q", "-p",
             "no:cacheprovider", *gpu_tests()), 60),
        Step("render", "frames a second, and bfloat16 beside 32 bits", ("-m", "tests.benchmarks.render",
             f"--device={device}", "--quick", *render), 90),
        Step("updates", "ten updates of every task, in both precisions", ("-m", "tests.benchmarks.gpu_updates",
             *(("--small", "--updates=1", "--precision=32") if quick else ())), 120),
        Step("presenter", "the made presenter's film, processed", ("-c", in_home + make), 90),
        Step("person", "the six tasks of a person, cut short, and a sentence", ("-m", "tests.benchmarks.gpu_person",
             *(("--small",) if quick else ())), 240),
        Step("processor", "updates of every task without the GPU", ("-m", "tests.benchmarks.gpu_updates", "--updates=2",
             "--precision=32", *(("--small",) if quick else ())), 120, hidden=True),
    ]  # fmt: skip


def run_step(step: Step, log: Path, limit_s: float, environment: dict[str, str]) -> dict[str, Any]:
    """Run a step to its end or its limit; return its state, its seconds, what it printed as JSON, and why it failed."""
    variables = environment | ({"CUDA_VISIBLE_DEVICES": ""} if step.hidden else {})
    began = time.monotonic()
    with log.open("w", encoding="utf-8") as out:
        command = [sys.executable, *step.words]
        child = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out, env=variables, start_new_session=True)
        try:
            code = child.wait(limit_s)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _end(child)
    text = log.read_text(encoding="utf-8", errors="replace")
    answer: dict[str, Any] = {"seconds": round(time.monotonic() - began, 1), "rows": rows_of(text)}
    if code is None:
        return answer | {"state": "too long", "error": f"ended after its {limit_s:.0f} s; what it had done is in rows"}
    if code:
        said = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("{")]
        return answer | {"state": "failed", "error": (said or [f"exit code {code}"])[-1][:500]}
    told = re.search(r"\d+ (passed|skipped|failed).* in ", text)
    return answer | {"state": "done"} | ({"said": told[0].removesuffix(" in ")} if told else {})


def _end(child: subprocess.Popen[Any]) -> None:
    """End a step and all that it began; it has a session of its own."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    child.wait()


def rows_of(text: str) -> list[dict[str, Any]]:
    """Return what a step printed as lines of JSON; half a line, where it was ended, is left out."""
    rows = []
    for line in text.splitlines():
        try:
            row = json.loads(line) if line.startswith("{") else None
        except ValueError:
            continue
        if isinstance(row, dict):
            rows.append(row)
    return rows


def missing() -> list[str]:
    """Name the packages that the project asks for and that are not here."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = [re.split(r"[^\w.-]", wanted)[0] for wanted in (*project["dependencies"], "pytest")]
    absent = []
    for name in names:
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            absent.append(name)
    return absent


def probe() -> dict[str, Any]:
    """Ask torch, in a process of its own, what there is."""
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True)
    rows = rows_of(done.stdout)
    return rows[0] if rows else {"torch": "", "gpu": "", "why": (done.stderr.strip().splitlines() or ["?"])[-1]}


def aims(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Hold what was measured against what is aimed at."""
    rows = {result["name"]: result["rows"] for result in results}
    drawn = rows.get("render", [])
    goals = []
    for way, least in (("one by one", 1000.0), ("batches of 16", 4000.0)):
        for size in (256, 512):
            rates = [row["frames_per_s"] for row in drawn if row.get("way") == way and row["picture"] == size]
            if rates:
                what = f"frames/s, {size} px, {way}"
                goals.append({"what": what, "aim": least, "measured": max(rates), "met": max(rates) >= least})
    for row in rows.get("person", []):
        if row.get("task", "").startswith("all six"):
            goals.append({"what": "seconds of `person`", "aim": 300.0, "measured": row["whole_s"],
                          "met": row["whole_s"] <= 300})  # fmt: skip
    return goals


def tables(report: dict[str, Any]) -> str:
    """Write what is known as the tables of docs/performance.md."""
    by_name = {result["name"]: result for result in report["steps"]}
    machine, parts = report["machine"], []
    parts.append(f"{machine['gpu'] or platform.processor() or 'a processor'}, torch {machine['torch']}"
                 + ("; every step small: no measurement" if report["quick"] else "") + "\n")  # fmt: skip
    parts.append("| step | state | seconds | |\n|---|---|---|---|")
    for result in report["steps"]:
        words = result.get("error", result.get("said", "")).replace("|", "/")
        parts.append(f"| {result['what']} | {result['state']} | {result.get('seconds', '')} | {words} |")
    if report["aims"]:
        parts.append("\n| | aim | measured | |\n|---|---|---|---|")
        for goal in report["aims"]:
            told = "met" if goal["met"] else "missed"
            parts.append(f"| {goal['what']} | {goal['aim']:g} | {goal['measured']:.0f} | {told} |")
    for name, columns in COLUMNS.items():
        rows = [dict(row) for row in by_name.get(name, {}).get("rows", [])]
        if name == "updates":
            clocks = {r["task"]: r.get("clock") for r in by_name.get("processor", {}).get("rows", [])}
            for row in rows:
                row["processor"] = clocks.get(row["task"])
        if rows:
            parts.append("\n| " + " | ".join(columns) + " |\n" + "|---" * len(columns) + "|")
            parts += ["| " + " | ".join(_cell(row.get(column)) for column in columns) + " |" for row in rows]
    return "\n".join(parts) + "\n"


COLUMNS = {
    "render": ("picture", "rays", "torso", "arithmetic", "way", "ms", "frames_per_s", "peak_mib", "mean_apart",
               "most_apart"),
    "updates": ("task", "precision", "clock", "processor", "gpu_memory", "memory", "first_loss", "last_loss", "error"),
    "person": ("task", "updates", "trained", "start_s", "ms", "whole_s", "speak", "clock_s"),
}  # fmt: skip


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value).replace("|", "/")


def write(out: Path, report: dict[str, Any]) -> None:
    """Write both files whole or not at all."""
    for name, text in (("gpu.json", json.dumps(report, indent=1) + "\n"), ("gpu.md", tables(report))):
        aside = out / f".{name}"
        aside.write_text(text, encoding="utf-8")
        aside.replace(out / name)


def refuse(words: str) -> int:
    """Say in one line why nothing is begun."""
    print(f"error: {words}", file=sys.stderr)
    return 2


def main(words: list[str] | None = None) -> int:
    """Run the steps."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", nargs="?", type=Path, default=ROOT / "infer_out/gpu", help="folder to write")
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--quick", action="store_true", help="every step small: shows that it works, measures nothing")
    parser.add_argument("--limit", type=float, metavar="S", help=f"seconds of all steps together ({LIMIT_S:g})")
    parser.add_argument("--steps", nargs="+", metavar="NAME", help="these alone")
    args = parser.parse_args(words)
    names = [step.name for step in steps(args.device, args.quick, Path())]
    if unknown := set(args.steps or ()) - set(names):
        return refuse(f"no such step: {', '.join(sorted(unknown))}. There are: {', '.join(names)}.")
    machine = probe() | {"python": platform.python_version(), "cores": os.cpu_count()}
    if not machine["torch"]:
        return refuse(f"torch is not here ({machine['why']}). Install it, 2.9 or newer.")
    if args.device == "cuda" and not machine["gpu"]:
        return refuse("torch finds no GPU here. To see that the steps work: --device cpu --quick")
    out = args.out.absolute()
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not _ours(out))):
        return refuse(f"{out} is not an earlier check's folder. Name another one.")
    out.mkdir(parents=True, exist_ok=True)
    report: dict[str, Any] = {"made_by": MARK, "machine": machine, "missing": missing(), "device": args.device}
    slower = SLOWER if args.device == "cpu" else 1.0
    limit_s = LIMIT_S * slower if args.limit is None else args.limit
    report |= {"quick": args.quick, "limit_s": limit_s, "aims": [], "steps": []}
    if report["missing"]:
        print(f"Not here, and steps that need them fail: {', '.join(report['missing'])}", flush=True)
    environment = {**os.environ, "VIZEME_OFFLINE": "1", "PYTHONUNBUFFERED": "1"}
    if args.device == "cpu":
        environment["CUDA_VISIBLE_DEVICES"] = ""
    began = time.monotonic()
    home = Path(tempfile.mkdtemp(prefix="vizeme-gpu-"))
    try:
        for step in steps(args.device, args.quick, home):
            step = step._replace(limit_s=slower * step.limit_s)
            if args.steps and step.name not in args.steps:
                continue
            left_s = limit_s - (time.monotonic() - began)
            last = {"name": step.name, "what": step.what} | _next(step, out, left_s, environment, home)
            report["steps"].append(last)
            report["aims"] = [] if args.quick else aims(report["steps"])
            write(out, report)
            words_of_it = (last["state"], str(last.get("seconds", "")), last.get("error", ""))
            print(f"{step.name}: {' '.join(words_of_it)}".rstrip(), flush=True)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    print(f"{out}/gpu.json, {out}/gpu.md")
    return int(any(result["state"] != "done" for result in report["steps"]))


def _next(step: Step, out: Path, left_s: float, environment: dict[str, str], home: Path) -> dict[str, Any]:
    """Run a step if there is time for it; the person is the presenter where that was made."""
    if left_s < LEAST_S:
        return {"state": "left out", "rows": [], "error": "no time was left for it"}
    videos = home / "data/binary/videos"
    if step.name == "person" and (videos / "demo/meta.json").is_file():
        step = step._replace(words=(*step.words, f"--videos={videos}", "--video_id=demo"))
    return run_step(step, out / f"{step.name}.log", min(step.limit_s, left_s), environment)


def _ours(folder: Path) -> bool:
    try:
        report = json.loads((folder / "gpu.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(report, dict) and report.get("made_by") == MARK


if __name__ == "__main__":
    sys.exit(main())
