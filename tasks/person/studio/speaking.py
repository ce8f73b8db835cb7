"""Let people speak: settings as controls, texts and sounds into films, films into dubbed ones."""

from __future__ import annotations

import json
import re
import types
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from data_gen.demo.speech import Speech, Voice, speak_as
from tasks.person.commands.ready import look_at_dub, look_at_head
from tasks.person.page.guard import Refused
from tasks.person.settings import DubCommand, SpeakCommand
from tasks.person.studio.answers import Ask, RefusedFields, Row
from tasks.person.studio.jobs.store import LIVE_FILM, PICTURES, SOUNDS, Job, Kind
from tasks.person.studio.people import speaks
from tasks.person.studio.schemas import UPLOAD, Dubbing, Films, JobShown, Speaking
from tasks.person.studio.studio import Studio
from tasks.person.studio.training import plain_value
from tasks.speaking.settings import InferSettings
from utils.arguments import flag_of, read_words
from utils.config.schema import Config
from utils.files.aside import write_aside
from utils.files.tables import write_json
from utils.media.wav import write_wav

LABEL = "label"
PLAIN = ("background", "blink", "size", "still", "mouth", "compose", LABEL)
"""Settings that a page shows at once."""
HEAD = ("renderer", "steps", "seed")
NOT_ASKED = {
    "infer_audio_source_name", "infer_out_npy_name", "infer_out_video_name", "infer_cond_name", "infer_c2w_name",
    "infer_bg_img_fname", "infer_pose_mode", "infer_inject_eye_blink_mode", "infer_mouth_gain", "infer_compose",
    "infer_mark", "infer_label",
}  # fmt: skip
"""Settings that are paths, or that a plain one says."""
INFER = tuple(name for name in InferSettings.model_fields if name not in NOT_ASKED)
VOICES = ("en-us", "en-gb", "de", "fr-fr", "es", "it", "pt-br", "nl", "pl", "sv", "da", "fi", "cs", "ru", "uk", "tr",
          "el", "hu", "ro", "hi", "cmn", "ja", "ko", "vi", "id")  # fmt: skip


def fields_of(schema: type[Config], names: Sequence[str], plain: Sequence[str] = PLAIN) -> list[dict[str, Any]]:
    """Return settings of a schema as controls."""
    return [
        control(name, schema.model_fields[name], "plain" if name in plain else "more")
        for name in names if name in schema.model_fields
    ]  # fmt: skip


def control(name: str, info: FieldInfo, group: str) -> dict[str, Any]:
    """Return a setting as a control: what it may be, what it is by itself, and its help."""
    kinds = list(_kinds(info.annotation))
    choices = [str(choice) for kind in kinds if get_origin(kind) is Literal for choice in get_args(kind)]
    plain = {kind for kind in kinds if isinstance(kind, type)}
    kind = (
        "choice" if choices else "switch" if bool in plain else "number" if float in plain
        else "whole" if int in plain else "text"
    )  # fmt: skip
    marks = _flat([*info.metadata, *(mark for one in kinds for mark in getattr(one, "__metadata__", ()))])
    least, most = _limit(marks, "ge", "gt"), _limit(marks, "le", "lt")
    title = name.removeprefix("infer_").replace("_", " ")
    return {
        "name": name, "title": title[:1].upper() + title[1:], "kind": kind,
        "default": json.loads(json.dumps(info.get_default(), default=str)), "choices": choices, "least": least,
        "most": most if most is None or most < 2**53 else None, "help": " ".join((info.description or "").split()),
        "group": group,
    }  # fmt: skip


def _kinds(annotation: Any) -> Any:
    """Yield what an annotation may be, without what is wrapped around it."""
    origin = get_origin(annotation)
    if origin is typing.Annotated:
        yield from _kinds(get_args(annotation)[0])
        for mark in get_args(annotation)[1:]:
            if hasattr(mark, "metadata"):
                yield types.SimpleNamespace(__metadata__=(mark,))
    elif origin in (typing.Union, types.UnionType):
        for part in get_args(annotation):
            yield from _kinds(part)
    elif annotation is not type(None):
        yield annotation


def _flat(marks: Sequence[Any]) -> list[Any]:
    """Return pydantic's limits, which may stand in a `Field` of their own."""
    return [inner for mark in marks for inner in (mark, *getattr(mark, "metadata", ()))]


def _limit(marks: Sequence[Any], *names: str) -> float | None:
    values = [getattr(mark, name, None) for mark in marks for name in names]
    return next((float(value) for value in values if value is not None), None)


def label_of(schema: type[Config]) -> str | None:
    """Return the label that films of the studio bear unless another is asked for; None without labels."""
    choices = [choice for field in fields_of(schema, [LABEL]) for choice in field["choices"]]
    return next((choice for choice in choices if choice != "none"), None)


def controls(studio: Studio, ask: Ask) -> dict[str, Any]:
    """Say how speaking may be set."""
    studio.person(ask.part("person"))
    fields = [
        {**field, "default": label_of(SpeakCommand)} if field["name"] == LABEL else field
        for field in fields_of(SpeakCommand, PLAIN)
    ]  # fmt: skip
    fields += [*fields_of(SpeakCommand, HEAD), *fields_of(InferSettings, INFER)]
    return {"fields": fields, "voices": VOICES, "voice": Voice().voice}


def setting_words(studio: Studio, settings: dict[str, Any], schema: type[Config], folder: Path) -> list[str]:
    """Write settings as a command line has them; a picture that was sent is put into the job's folder.

    Where films can bear a label that says what they are, those of the studio do, unless it is taken away.

    Raises:
        RefusedFields: There is no such setting, or it cannot be given here.
    """
    words, slips = [], {}
    for name, value in {LABEL: label_of(schema), **settings}.items():
        text = plain_value(value)
        info = schema.model_fields.get(name)
        if value is None or value == "":
            continue
        if info is not None and name in (*PLAIN, *HEAD):
            if name == "background":
                text = _background(studio, text, folder)
            if value is False:
                continue
            words += [f"--{flag_of(name, info)}"] if value is True else [f"--{flag_of(name, info)}={text}"]
        elif name in INFER:
            words += ["--set", f"{name}={text}"]
        else:
            slips[f"settings.{name}"] = "there is no such setting"
    if slips:
        raise RefusedFields(slips)
    return words


def _background(studio: Studio, text: str, folder: Path) -> str:
    """Return the background as a word: a colour, or a picture that was sent; nothing else of this machine is read."""


    if re.fullmatch(UPLOAD, text, re.ASCII):
        note, content = studio.uploads.whole(text, "picture")
        name = f"background{content.suffix if content.suffix in PICTURES else '.png'}"
        studio.uploads.take(note, folder / name)
        return f"{{job}}/{name}"
    if not re.fullmatch(r"white|black|green|gr[ae]y|#[0-9a-fA-F]{6}", text):
        raise RefusedFields({"settings.background": "white, black, green, grey, '#rrggbb', or a picture that was sent"})
    return text


def vtt(speech: Speech, text: str) -> str:
    """Write the words of a speech as WebVTT, some at a time, with what stands between them in the text."""
    places, at = [], 0
    for word, _, _ in speech.words:
        at = max(text.find(word, at), at)
        places.append(at)
        at += len(word)
    lines, first = ["WEBVTT", ""], 0
    for index, (_, _, end) in enumerate(speech.words):
        following = index + 1
        begin = speech.words[first][1]
        last = following == len(speech.words)
        if last or following - first >= 7 or end - begin > 3.0 or speech.words[following][1] - end > 0.4:
            said = " ".join(text[places[first] : None if last else places[following]].split())
            # what WebVTT would take for a tag is a word here
            said = said.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
            lines += [f"{_clock(begin)} --> {_clock(max(end, begin + 0.001))}", said, ""]
            first = following
    return "\n".join(lines)


def _clock(seconds: float) -> str:
    whole, thousandths = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}.{thousandths:03}"


def put_sound(studio: Studio, asked: Speaking, job: Job) -> Path:
    """Put what is said into a job's folder: a text is spoken, a sound that was sent is moved, an earlier one is linked.

    Raises:
        Refused: Not one of the three is given, or it is not there. DataError: espeak-ng cannot speak it.
    """
    folder = studio.jobs.folder_of(job)
    if sum(map(bool, (asked.text.strip(), asked.upload, asked.again))) != 1:
        raise RefusedFields({"text": "give one of text, upload (a sound that was sent) and again (an earlier film)"})
    if asked.upload:
        note, content = studio.uploads.whole(asked.upload, "sound", "film")
        target = folder / f"sound{content.suffix if content.suffix in SOUNDS else '.bin'}"
        studio.uploads.take(note, target)
        job.request["name"] = note.name
        return target
    if asked.again:
        old = studio.jobs.get(asked.again)
        files = studio.jobs.files(old)
        if "sound" not in files:
            raise Refused(409, "that job has no sound")
        for kind in ("sound", "words", "words_json"):
            if kind in files:
                (folder / files[kind].name).hardlink_to(files[kind])
        job.request |= {name: text for name, text in old.request.items() if name in ("text", "voice", "name")}
        return folder / files["sound"].name
    speech = speak_as(Voice(asked.voice), asked.text)
    write_wav(folder / "sound.wav", speech.wav)
    with write_aside(folder / "words.vtt") as aside:
        aside.write_text(vtt(speech, asked.text), encoding="utf-8")
    words = [{"word": word, "start": round(start, 3), "end": round(end, 3)} for word, start, end in speech.words]
    write_json(folder / "words.json", words)
    job.request |= {"text": asked.text, "voice": asked.voice}
    return folder / "sound.wav"


def begin_film(studio: Studio, ask: Ask, kind: Kind) -> JobShown:
    """Queue a film; what cannot be done is told at once, and then nothing is left behind."""
    person, asked = studio.person(ask.part("person")), ask.body
    if not speaks(studio, person):
        raise Refused(409, f"{person} cannot speak yet: process and train them first")
    schema: type[Any] = SpeakCommand if kind == "speak" else DubCommand
    job = studio.jobs.new(kind, person, [], settings=asked.settings)
    folder = studio.jobs.folder_of(job)
    try:
        words = setting_words(studio, asked.settings, schema, folder)
        at = str(folder)
        film = _film(studio, person, asked, folder) if kind == "dub" else None
        sound = put_sound(studio, asked, job)
        live = f"{{job}}/{LIVE_FILM}"
        if film is not None:
            told = film if film.is_relative_to(folder) else film.relative_to(studio.place)
            inputs = [str(told).replace(at, "{job}"), f"{{job}}/{sound.name}", "{job}/film.mp4"]
            inputs += [f"--start_s={asked.start_s}"]
        else:
            inputs = [f"{{job}}/{sound.name}", "--out={job}/film.mp4", f"--live={live}"]
        job.words = [kind, person, *inputs, *words]
        command = read_words(schema, [word.replace("{job}", at) for word in job.words[1:]], kind)
        (look_at_dub if kind == "dub" else look_at_head)(command)
        title = asked.title.strip() or job.request.get("text", "") or job.request.get("name", "") or "film"
        job.title = " ".join(str(title).split())[:80]
        if kind == "dub":
            job.request["start_s"] = asked.start_s
    except BaseException:
        studio.jobs.discard(job)
        raise
    return studio.queue(job)


def _film(studio: Studio, person: str, asked: Any, folder: Path) -> Path:
    """Return the film to dub: the person's own, or one that was sent."""
    own = studio.film_to_dub(person)
    if own is not None and not asked.film:
        return own
    if not asked.film:
        raise RefusedFields({"film": f"send the film that {person} was made of (purpose film)"})
    note, _ = studio.uploads.whole(asked.film, "film")
    studio.uploads.take(note, folder / "source.mp4")
    return folder / "source.mp4"


def speak(studio: Studio, ask: Ask) -> JobShown:
    """Let a person speak."""
    return begin_film(studio, ask, "speak")


def dub(studio: Studio, ask: Ask) -> JobShown:
    """Put new speech into a person's own film."""
    return begin_film(studio, ask, "dub")


def films(studio: Studio, ask: Ask) -> Films:
    """List a person's films."""
    person = studio.person(ask.part("person"))
    jobs = [job for job in studio.jobs.every(person) if job.kind in ("speak", "dub")]
    return Films(films=[studio.show(job) for job in jobs])


ROWS: tuple[Row, ...] = (
    Row("GET", "/api/people/{person}/speaking", controls, "say how speaking may be set: controls from the schema"),
    Row("POST", "/api/people/{person}/speak", speak, "let a person say a text or a sound", Speaking, JobShown, 201),
    Row("GET", "/api/people/{person}/films", films, "list a person's films, newest first", gives=Films),
    Row("POST", "/api/people/{person}/dub", dub, "put new speech into a person's own film", Dubbing, JobShown, 201),
)  # fmt: skip
