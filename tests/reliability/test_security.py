"""Let no one in: no file runs code, no name leaves its folder, no play list is followed, no machine is answered."""

from __future__ import annotations

import ast
import json
import os
import socket
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.made import make_video_dataset, write_tone
from tests.patience import HANG_S
from utils.errors import DataError, UserError
from utils.files.digests import inside
from utils.media.ffmpeg import executable
from utils.media.video import VideoWriter, probe, read_frames
from utils.media.wav import read_wav

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("tasks", "modules", "data_gen", "utils")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
SCRIPTS = sorted([*(ROOT / "scripts").glob("*.sh"), ROOT / ".ci/run"])

TREES = {path: ast.parse(path.read_text()) for path in SOURCES}

FORBIDDEN_CALLS = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "os.execv", "os.execl", "os.execvp",
    "pickle.load", "pickle.loads", "pickle.Unpickler", "cPickle.load", "dill.load", "dill.loads", "cloudpickle.loads",
    "joblib.load", "marshal.load", "marshal.loads", "shelve.open", "pandas.read_pickle", "yaml.unsafe_load",
    "yaml.full_load", "yaml.load_all", "subprocess.getoutput", "subprocess.getstatusoutput", "commands.getoutput",
    "tempfile.mktemp", "torch.jit.load", "runpy.run_path", "code.interact",
}  # fmt: skip
"""Calls that run code out of a text or a file, or hand a text to a shell."""
FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "telnetlib", "ftplib"}
UNPACKERS = {"extractall", "extract", "unpack_archive"}
"""Methods that write files at the names that an archive gives."""


def dotted(node: ast.expr) -> str:
    """Return `a.b.c` of an expression, or an empty text when it is none."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := dotted(node.value)):
        return f"{before}.{node.attr}"
    return ""


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((word.value for word in call.keywords if word.arg == name), None)


def is_constant(node: ast.expr | None, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def sins_of(tree: ast.AST) -> list[tuple[int, str]]:
    """List the places of a source that let a file or a text run code."""
    aliases: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            aliases |= {alias.asname: alias.name for alias in node.names if alias.asname}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            aliases |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            modules = {(node.module or "").split(".")[0]}
        else:
            modules = set()
        found += [(node.lineno, f"import {name}") for name in modules & FORBIDDEN_MODULES]  # type: ignore[attr-defined]
        if not isinstance(node, ast.Call):
            continue
        name = dotted(node.func)
        head, _, rest = name.partition(".")
        name = f"{aliases.get(head, head)}.{rest}" if rest else aliases.get(head, head)
        name = {"np": "numpy"}.get(name.split(".")[0], name.split(".")[0]) + name[len(name.split(".")[0]) :]
        if name in FORBIDDEN_CALLS:
            found.append((node.lineno, name))
        if name == "yaml.load" and dotted(node.args[1] if len(node.args) > 1 else node.func) != "_StrictLoader":
            found.append((node.lineno, "yaml.load without a safe loader"))
        if name == "torch.load" and not is_constant(keyword(node, "weights_only"), True):
            found.append((node.lineno, "torch.load without weights_only=True"))
        if name == "numpy.load" and not is_constant(keyword(node, "allow_pickle") or ast.Constant(False), False):
            found.append((node.lineno, "np.load with allow_pickle"))
        if keyword(node, "shell") is not None and not is_constant(keyword(node, "shell"), False):
            found.append((node.lineno, "shell=..."))
        if isinstance(node.func, ast.Attribute) and node.func.attr in UNPACKERS:
            found.append((node.lineno, f"{node.func.attr}(): an archive's names may leave the folder"))
        if name.startswith("PIL.Image") and name.endswith(".open") and keyword(node, "formats") is None:
            found.append((node.lineno, "Image.open without formats: PostScript would be run by another program"))
    return found


def test_no_source_runs_what_a_file_or_a_text_says():
    assert len(SOURCES) > 100
    wrong = [f"{path.relative_to(ROOT)}:{line}: {what}" for path, tree in TREES.items() for line, what in sins_of(tree)]
    assert not wrong


@pytest.mark.parametrize(
    "source",
    [
        "eval('1')", "exec(text)", "import os\nos.system('ls')", "import pickle", "from pickle import loads",
        "import pickle as safe\nsafe.loads(b'')", "import torch\ntorch.load(f)",
        "import torch\ntorch.load(f, weights_only=False)",
        "import numpy as np\nnp.load(f, allow_pickle=True)", "import subprocess\nsubprocess.run('ls', shell=True)",
        "import yaml\nyaml.load(t)", "import yaml\nyaml.load(t, yaml.Loader)",
        "from yaml import unsafe_load as l\nl(t)",
        "import tarfile\ntarfile.open(f).extractall()", "from PIL import Image\nImage.open(f)",
        "from PIL import Image as Pillow\nPillow.open(f)", "import shutil\nshutil.unpack_archive(f)",
    ],
)  # fmt: skip
def test_the_search_finds_each_of_them(source):
    assert sins_of(ast.parse(source))


def test_no_script_pipes_the_network_into_a_shell_or_evaluates():
    assert SCRIPTS
    for path in SCRIPTS:
        for line in path.read_text().splitlines():
            code = line.split("#")[0]
            assert "eval " not in code, path
            assert not {"curl", "wget"} & set(code.split()), path
            assert "http://" not in code, path


# -- names that lead out of a folder -----------------------------------------------------------------------------------
OUTSIDE = ["../secret", "a/../../secret", "/etc/passwd", "link/secret", "linked"]


@pytest.fixture
def closed(tmp_path):
    """Make a folder beside a secret one, with two links that lead there."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out/secret").write_text("s")
    (tmp_path / "secret").write_text("s")
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path / "out")
    (folder / "linked").symlink_to(tmp_path / "secret")
    return folder


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_name_stays_in_its_folder(closed, name):
    with pytest.raises(DataError, match="leads out of the folder"):
        inside(closed, name)
    assert inside(closed, "clips-00000.safetensors") == closed / "clips-00000.safetensors"


def test_a_whole_folder_may_be_a_link(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "data").symlink_to(tmp_path / "elsewhere")
    inside(tmp_path / "data", "a.safetensors")


@pytest.mark.parametrize("name", OUTSIDE)
def test_no_shard_that_an_index_names_is_read_elsewhere(closed, name):
    from data_gen.clips.shards import ClipInfo, ClipShards
    from data_gen.face_voice.dataset import FaceVoiceDataset
    from data_gen.templates.shards import TemplateShards
    from data_gen.wav2pix.sources import find_sources

    def index(told):
        (closed / "index.json").write_text(json.dumps(told))

    clip = {"id": "a", "speaker": "b", "shard": name, "key": "0", "frames": 9}
    index({"audio_features": {"mel": 80}, "clips": [clip]})
    shards = ClipShards(closed)
    with pytest.raises(DataError, match="leads out of the folder"):
        shards.read(ClipInfo.model_validate(clip), "mel", 0, 1)
    person = {"id": "a", "split": "train", "shard": name, "key": "0", "clips": ["x"], "faces": ["y"]}
    index({"persons": [person]})
    with pytest.raises(DataError, match="leads out of the folder"):
        FaceVoiceDataset(closed).face(0, 0)
    recogniser = {"name": "made", "sha256": "0" * 64, "width": 4}
    index({"recogniser": recogniser, "shards": [{"file": name, "split": "train", "count": 1, "identities": 1}]})
    with pytest.raises(DataError, match="leads out of the folder"):
        TemplateShards(closed).read("train", 0)
    (closed / "pairs.csv").write_text(f"split,speaker,image,wav\ntrain,a,{name},x.wav\n")
    with pytest.raises(DataError, match="leads out of the folder"):
        find_sources(closed)


@pytest.mark.parametrize("name", ["../a", "a/b", ".a", "-a", "a\nb", "a b", "..", ""])
def test_no_id_of_a_person_is_a_path(name, tmp_path):
    from data_gen.video.job import VideoJob, check_job

    with pytest.raises(UserError, match="--id"):
        check_job(VideoJob(id=name, video=tmp_path / "x.mp4", data_dir=tmp_path))


def test_a_picture_in_postscript_is_not_run(tmp_path):
    from utils.media.pictures import read_photo

    (tmp_path / "a.jpg").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) run\n%%EOF\n")
    with pytest.raises(DataError):
        read_photo(tmp_path / "a.jpg")


# -- play lists --------------------------------------------------------------------------------------------------------
def hls(name: str) -> str:
    return f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:1,\n{name}\n#EXT-X-ENDLIST\n"


def dash(name: str) -> str:
    return (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'mediaPresentationDuration="PT1S" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period>'
        f'<AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1000"><BaseURL>{name}</BaseURL>'
        "</Representation></AdaptationSet></Period></MPD>"
    )


LISTS = {
    "m3u8": hls("secret/s.ts"), "m3u8_absolute": hls("{secret}/s.ts"), "m3u8_file": hls("file://{secret}/s.ts"),
    "m3u8_web": hls("http://127.0.0.1:{port}/s.ts"), "concat": "ffconcat version 1.0\nfile secret/s.mp4\n",
    "concat_absolute": "ffconcat version 1.0\nfile {secret}/s.mp4\n", "dash": dash("secret/s.mp4"),
    "dash_web": dash("http://127.0.0.1:{port}/s.mp4"), "after_id3": "ID3\x04\0\0\0\0\0\0" + hls("secret/s.ts"),
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio {port} RTP/AVP 0\n",
}  # fmt: skip


@pytest.fixture(scope="module")
def secret(tmp_path_factory):
    """Make a video of one second that nobody should see, beside which play lists will lie."""
    folder = tmp_path_factory.mktemp("lists")
    (folder / "secret").mkdir()
    sound = np.sin(np.arange(16000) / 10).astype(np.float32)
    with VideoWriter(folder / "secret/s.mp4", 64, 64, audio=sound) as out:
        for _ in range(25):
            out.write(np.full((64, 64, 3), 200, np.uint8))
    ts = [executable(), "-v", "error", "-i", str(folder / "secret/s.mp4"), "-c", "copy", str(folder / "secret/s.ts")]
    subprocess.run(ts, check=True, timeout=HANG_S)
    return folder


@pytest.mark.parametrize("suffix", ["mp4", "m3u8", "wav"])
@pytest.mark.parametrize("kind", LISTS)
def test_a_play_list_reads_no_other_file_and_no_network(secret, kind, suffix):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)  # who has called by the end of a reading waits in the line
        port = listener.getsockname()[1]
        file = secret / f"{kind}.{suffix}"
        file.write_text(LISTS[kind].replace("{secret}", str(secret / "secret")).replace("{port}", str(port)))
        for read in (probe, read_wav, lambda path: next(read_frames(path))):
            with pytest.raises(DataError) as told:
                read(file)
            assert len(str(told.value).splitlines()) == 1
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_such_a_list_is_followed_by_ffmpeg_left_alone(secret):
    """The attack is a real one: without the fences, the frames of the other file are read."""
    (secret / "list.mp4").write_text(LISTS["concat"])
    command = [executable(), "-v", "error", "-i", str(secret / "list.mp4"), "-f", "rawvideo", "pipe:1"]
    assert len(subprocess.run(command, capture_output=True, timeout=HANG_S).stdout) >= 25 * 64 * 64


def test_every_input_of_ffmpeg_has_its_fences():
    """Inputs are opened by `input_arguments` alone, or are a pipe."""
    from utils.media.ffmpeg import input_arguments

    words = input_arguments(Path("a.mp4"), 2)
    assert words[words.index("-protocol_whitelist") + 1] == "file,pipe"
    formats = set(words[words.index("-format_whitelist") + 1].split(","))
    assert not {"hls", "dash", "concat", "sdp", "image2", "lavfi"} & formats
    assert words[-1].startswith("file:/")
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.List):
                texts = [item.value if isinstance(item, ast.Constant) else None for item in node.elts]
                for place, text in enumerate(texts):
                    if text == "-i" and path.name != "ffmpeg.py":
                        assert texts[place + 1] == "pipe:0", f"{path.relative_to(ROOT)}:{node.lineno}"


# -- the page ----------------------------------------------------------------------------------------------------------
def test_the_page_cannot_be_reached_from_another_machine(tmp_path):
    from tasks.person.page.programme import Programme
    from tasks.person.page.server import Server

    with Server(Programme(None, "made", tmp_path, max_bytes=1000)) as server:  # type: ignore[arg-type]
        assert server.socket.getsockname()[0] == "127.0.0.1"
        found = socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)
        for address in {entry[4][0] for entry in found} - {"127.0.0.1"}:
            with pytest.raises(OSError), socket.create_connection((address, server.server_port), timeout=1):
                pass


@pytest.mark.parametrize("kind", LISTS)
def test_an_upload_that_is_a_play_list_is_refused_by_its_content(kind):
    from tasks.person.page.guard import is_sound

    assert not is_sound(LISTS[kind].encode()[:16]) or kind == "after_id3"  # that one is refused when it is opened


# -- data that is read is only read ------------------------------------------------------------------------------------
def test_a_dataset_that_holds_a_pickle_is_refused(tmp_path):
    class Harm:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "harmed"),)

    data = make_video_dataset(tmp_path / "made", frames=12, size=32)
    (data.path / "frames.safetensors").unlink()
    np.save(data.path / "frames.npy", np.array([Harm()], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="cannot be read"):
        _ = data.frames
    assert not (tmp_path / "harmed").exists()


def test_a_checkpoint_that_holds_code_is_refused(tmp_path):
    import torch

    from tasks.core.checkpoints import read_checkpoint

    class Harm:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "harmed"),)

    torch.save({"state_dict": {}, "vizeme": Harm()}, tmp_path / "model_ckpt_steps_1.ckpt")
    with pytest.raises(DataError, match="damaged or not a checkpoint"):
        read_checkpoint(tmp_path / "model_ckpt_steps_1.ckpt")
    assert not (tmp_path / "harmed").exists()


def test_the_audit_of_dependencies_is_a_script_that_says_what_it_does():
    script = ROOT / "scripts/audit_dependencies.sh"
    assert subprocess.run(["bash", "-n", str(script)], timeout=HANG_S).returncode == 0
    shown = subprocess.run(["bash", str(script), "--help"], capture_output=True, text=True, timeout=HANG_S)
    assert shown.returncode == 0
    assert "requirements.lock" in shown.stdout


def test_a_sound_is_still_a_sound(tmp_path):
    assert len(read_wav(write_tone(tmp_path / "a.wav", 0.1 * np.sin(np.arange(1600) / 9)))) == 1600
