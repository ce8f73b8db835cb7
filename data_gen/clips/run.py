"""Make a corpus of clips of many speakers: how the clips are made and reported."""

from __future__ import annotations

import logging
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from data_gen.clips.plan import ClipJob, find_videos, plan_clips
from data_gen.clips.process import ClipRecipe, make_clip
from data_gen.clips.settings import ClipsCommand
from data_gen.clips.shard_writer import ClipShardWriter
from data_gen.clips.shards import ClipShards
from data_gen.clips.workers import Made, Work, make_here, make_on_ray
from data_gen.ray_pool import RayPool
from utils.errors import ConfigError, DataError
from utils.faces.detectors import detector_name
from utils.files.digests import fingerprint
from utils.files.lock import filling
from utils.files.ownership import refuse_folder_of_inputs
from utils.processes.workers import cores
from utils.progress import Progress, duration

log = logging.getLogger(__name__)


def main(args: ClipsCommand, work: Work = make_clip) -> int:
    """Make every clip and write the index; return 0.

    Raises:
        DataError: No video was found, none could be used, or another process fills the folder.
        ConfigError: A flag makes no sense.
    """
    from data_gen.speech_features import feature_width

    features = [name.strip() for name in args.audio_features.split(",") if name.strip()]
    if not features:
        raise ConfigError("--audio_features names none. Known: mel, mfcc, whisper, hubert.")
    widths = {name: feature_width(name) for name in features}
    workers = args.workers or cores()
    began = time.monotonic()
    refuse_folder_of_inputs(args.out, [args.videos], "--out")
    jobs, refused = plan_clips(find_videos(args.videos), args.cut_seconds, threads=2 * workers)
    if not jobs:
        name, why = next(iter(refused.items()))
        raise DataError(f"Not one of {len(refused)} video(s) under {args.videos} can be opened. {name}: {why}")
    recipe = ClipRecipe(detector_name(args.detector), tuple(features))
    writer = ClipShardWriter(args.out, widths, landmark_source=recipe.detector, licence=args.licence)

    cluster = RayPool(args.ray_address)

    def make(todo: Sequence[ClipJob]) -> Iterator[Made]:
        if args.ray_address:
            with cluster:
                yield from make_on_ray(work, todo, recipe, cluster)
        else:
            yield from make_here(work, todo, recipe, min(workers, len(todo)))

    with filling(args.out):
        count = Build(writer, jobs, recipe, args.per_shard).run(make)
        corpus = writer.finish(-(-len(jobs) // args.per_shard), refused)
    _report(args.out, corpus, count, time.monotonic() - began)
    cluster.say("clips")
    return 0


class Build:
    """Make what is missing of a corpus: clip by clip, then shard by shard.

    Args:
        writer: Where clips and shards go.
        jobs: All clips of the corpus, in order.
        recipe: How each is made.
        per_shard: Clips per shard.
    """

    def __init__(self, writer: ClipShardWriter, jobs: Sequence[ClipJob], recipe: ClipRecipe, per_shard: int) -> None:
        self.writer, self.per_shard = writer, per_shard
        self.clips = [(job, recipe.digest(job)) for job in jobs]
        self.shards = [self.clips[i : i + per_shard] for i in range(0, len(self.clips), per_shard)]
        self.recipes = [
            fingerprint([(job.id, job.speaker, digest) for job, digest in shard], i * per_shard, writer.audio_features)
            for i, shard in enumerate(self.shards)
        ]

    def run(self, make: Callable[[Sequence[ClipJob]], Iterable[Made]]) -> int:
        """Make what is missing with `make(jobs)`, which yields (job, result) in any order; return how many were."""
        kept = {number for number, recipe in enumerate(self.recipes) if self.writer.has(number, recipe)}
        open_shards = {number: shard for number, shard in enumerate(self.shards) if number not in kept}
        self.writer.salvage({digest for shard in open_shards.values() for _, digest in shard}, kept)
        todo = {job: (number, digest) for number, shard in open_shards.items() for job, digest in shard
                if not self.writer.has_part(digest)}  # fmt: skip
        missing = Counter(number for number, _ in todo.values())
        if done := len(self.clips) - len(todo):
            log.info("%d of %d clips were made before and are kept", done, len(self.clips))
        for number in open_shards:
            if not missing[number]:
                self._pack(number)
        skipped = 0
        with Progress("clips", len(self.clips), start=done) as progress:
            for job, result in make(list(todo)) if todo else ():
                number, digest = todo[job]
                self.writer.write_part(digest, result)
                if isinstance(result, str):
                    skipped += 1
                    log.warning("skipped %s: %s", job.id, result)
                missing[number] -= 1
                if not missing[number]:
                    self._pack(number)
                progress.done += 1
                if progress.due():
                    progress.at(progress.done, f"{skipped} skipped" if skipped else "")
        return len(todo)

    def _pack(self, number: int) -> None:
        clips = [(job.id, job.speaker, digest) for job, digest in self.shards[number]]
        self.writer.write(number, clips, recipe=self.recipes[number], first=number * self.per_shard)


def _report(out: Path, corpus: ClipShards, count: int, seconds: float) -> None:
    """Print what was refused and why, then the counts."""
    index = corpus.index
    for name, why in index.skipped.items():
        print(f"skipped {name}: {why}")
    for clip in index.clips:
        if clip.note:
            print(f"split {clip.id}: {clip.note}")
    late = Counter((clip.speaker, clip.late_rows) for clip in index.clips if clip.late_rows)
    for (speaker, rows), count in sorted(late.items()):
        print(f"{speaker}: the sound of {count} clip(s) is {rows / 2:+.1f} frames late; it was put in step")
    kinds = Counter(re.sub(r"[-+]?\d[\d.]*", "N", why) for why in index.skipped.values())
    if len(index.skipped) > len(kinds):
        for why, count in kinds.most_common():
            print(f"{count:6} x {why}")
    speakers = len({clip.speaker for clip in index.clips})
    minutes = sum(clip.frames for clip in index.clips) / 1500
    kept = f"{out}: {len(index.clips)} clips of {speakers} speaker(s), {minutes:.1f} minutes"
    print(f"{kept}; {len(index.skipped)} skipped; {count} made now in {duration(seconds)}")
