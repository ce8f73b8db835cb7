"""The table of outside weights: what they are, whence they come and under which licence."""

from __future__ import annotations

from dataclasses import dataclass

HUGGING_FACE = "https://huggingface.co/{repository}/resolve/main/{file}"


@dataclass(frozen=True)
class Part:
    """One download: `file` is its name here, `member` its name when `url` is a zip.

    `sha256` is that of the wanted file; without it the digest that the server publishes for the file is checked.
    """

    url: str
    file: str
    sha256: str | None = None
    member: str | None = None


@dataclass(frozen=True)
class Asset:
    """One row of the table.

    `names` are the files (or folders) it may be called, first the one we give it. `digests` are the SHA-256 that
    a file may have, or how they begin; of a folder its parts say it. Where neither does, the first file that is used
    on a machine is the one that it must stay.
    `megabytes` is what is fetched, roughly; `without` says what is used or lost where it is not here.
    """

    names: tuple[str, ...]
    purpose: str
    licence: str
    parts: tuple[Part, ...]
    digests: tuple[str, ...] = ()
    commercial: bool = True
    folder: bool = False
    megabytes: int = 0
    without: str = ""


def _hugging_face(repository: str, **files: str | None) -> tuple[Part, ...]:
    return tuple(
        Part(HUGGING_FACE.format(repository=repository, file=name), name, digest)
        for name, digest in ((key.replace("__", "."), value) for key, value in files.items())
    )


ASSETS: dict[str, Asset] = {
    "face_landmarker": Asset(
        names=("face_landmarker.task",),
        purpose="landmarks: 478 points and 52 blendshapes (MediaPipe)",
        megabytes=4,
        without="landmarks come from dlib or face_alignment, coarser about the lips",
        licence="Apache-2.0",
        digests=("64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",),
        parts=(
            Part(
                "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/"
                "face_landmarker.task",
                "face_landmarker.task",
                "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
            ),
        ),
    ),
    "face_parsing": Asset(
        names=("face_parsing_bisenet_79999_iter.pth", "79999_iter.pth"),
        purpose="face parsing: BiSeNet, 19 classes of CelebAMask-HQ",
        megabytes=53,
        without="head and torso are cut out by GrabCut, with coarser edges of hair",
        licence="CelebAMask-HQ: non-commercial",
        commercial=False,
        digests=(
            "468e13ca13a9b43cc0881a9f99083a430e9c0a38abd935431d1c28ee94b26567",
            "8c606149e34d07a0f5bfe8191dcd4c4e5c557a44c7985e8ed184e8247f65c2e0",  # the same in float16
        ),
        parts=(
            Part(
                "https://drive.google.com/uc?export=download&id=154JgKpzCPW82qINcVieuPH3fZ2e0P812",
                "79999_iter.pth",
                "468e13ca13a9b43cc0881a9f99083a430e9c0a38abd935431d1c28ee94b26567",
            ),
        ),
    ),
    "arcface_mbf": Asset(
        names=("arcface_w600k_mbf.onnx", "w600k_mbf.onnx"),
        purpose="face recognition: 512-d templates (InsightFace MobileFaceNet)",
        megabytes=15,
        without="templates are dlib's, 128-d; no template decoder for this recogniser",
        licence="InsightFace: non-commercial research",
        commercial=False,
        digests=("9cc6e4a75f0e2bf0b1aed94578f144d15175f357bdc05e815e5c4a02b319eb4f",),
        parts=(
            Part(
                "https://github.com/deepinsight/insightface/releases/download/v0.7/buffalo_sc.zip",
                "w600k_mbf.onnx",
                "9cc6e4a75f0e2bf0b1aed94578f144d15175f357bdc05e815e5c4a02b319eb4f",
                member="w600k_mbf.onnx",
            ),
        ),
    ),
    "arcface_r50": Asset(
        names=("w600k_r50.onnx",),
        purpose="face recognition: 512-d templates (InsightFace IResNet-50 of buffalo_l)",
        megabytes=288,
        without="no templates of the kind that the published decoders take",
        licence="InsightFace: non-commercial research",
        commercial=False,
        digests=("4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43",),
        parts=(
            Part(
                "https://github.com/deepinsight/insightface/releases/download/v0.7/buffalo_l.zip",
                "w600k_r50.onnx",
                "4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43",
                member="w600k_r50.onnx",
            ),
        ),
    ),
    "vgg11": Asset(
        names=("vgg11-8a719046.pth",),
        purpose="perceptual loss: VGG-11's convolutions, ImageNet",
        megabytes=507,
        without="no template decoder is trained with perceptor vgg11",
        licence="BSD-3 (torchvision)",
        digests=("8a719046",),  # torchvision's names end with how the file's SHA-256 begins
        parts=(Part("https://download.pytorch.org/models/vgg11-8a719046.pth", "vgg11-8a719046.pth"),),
    ),
    "lpips_alexnet": Asset(
        names=("lpips_alexnet.safetensors",),
        purpose="perceptual loss and metric: AlexNet convolutions and the LPIPS v0.1 heads",
        megabytes=233,
        without="the renderer is trained and judged without LPIPS, and is less sharp",
        licence="BSD-2 (lpips), BSD-3 (torchvision)",
        parts=(
            Part(
                "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
                "alexnet-owt-7be5be79.pth",
                "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
            ),
            Part(
                "https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/master/lpips/weights/v0.1/alex.pth",
                "lpips_v0.1_alex.pth",
                "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
            ),
        ),
    ),
    "whisper_base_encoder": Asset(
        names=("whisper-base-encoder",),
        purpose="audio features: Whisper encoder, 512 wide, 50 a second",
        megabytes=291,
        without="speech is heard as mel bands: single sounds get less of their shape",
        licence="MIT",
        folder=True,
        parts=_hugging_face(
            "openai/whisper-base", config__json=None, preprocessor_config__json=None, model__safetensors=None
        ),
    ),
    "hubert_large": Asset(
        names=("hubert-large-ls960-ft",),
        purpose="audio features: HuBERT-large, 1024 wide, 50 a second",
        megabytes=1262,
        without="GeneFace's published motion networks cannot be used",
        licence="Apache-2.0",
        folder=True,
        parts=_hugging_face(
            "facebook/hubert-large-ls960-ft",
            config__json=None,
            preprocessor_config__json=None,
            pytorch_model__bin="9cf43abec3f0410ad6854afa4d376c69ccb364b48ddddfd25c4c5aa16398eab0",
        ),
    ),
    "ast_audioset": Asset(
        names=("ast-finetuned-audioset-10-10-0.4593",),
        purpose="voice to face: audio spectrogram transformer, 768 wide, trained on AudioSet",
        megabytes=346,
        without="ve_ast begins with random weights",
        licence="BSD-3",
        folder=True,
        parts=_hugging_face(
            "MIT/ast-finetuned-audioset-10-10-0.4593",
            config__json=None,
            preprocessor_config__json=None,
            model__safetensors=None,
        ),
    ),
}
