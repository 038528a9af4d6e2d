"""The shared workflows, as recipes: what is connected to what, and what the notes say.

The files in `workflows/` are made of these by `make.py`; a test holds that they are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from isengard.tests.comfyui.canvas import models
from isengard.tests.comfyui.canvas.notes import NOTES
from isengard.tests.comfyui.canvas.sheet import Out, Placed, Sheet

_FLUX: dict[str, Any] = {"sampler_name": "euler", "scheduler": "simple", "cfg": 1.0}
"""As FLUX.1-dev is sampled: no second, negative pass."""
_GREEN, _PURPLE, _GOLD = "#3f8f5a", "#7a5ea8", "#a1803a"


def train_on_flux(sheet: Sheet) -> None:
    """Photos in, a LoRA out."""
    ada = sheet.node("IsengardCharacter", character="ada")
    vae = _vae(sheet)
    clip = _clip(sheet)
    prepare = sheet.node(
        "IsengardPrepare", character=ada["character"], vae=vae["VAE"], clip=clip["CLIP"], preset="balanced",
        base_model="flux1-dev", width=340,
    )  # fmt: skip
    train = sheet.node(
        "IsengardTrainLoRA", job=prepare["job"], base_model_file=models.TRANSFORMER, width=360, height=420,
        models=models.offer(models.TRANSFORMER),
    )  # fmt: skip
    loss = sheet.node("PreviewImage", images=train["loss_plot"], title="Loss", width=420, height=300)
    samples = sheet.node("PreviewImage", images=train["samples"], title="Last samples", width=420, height=300)
    sheet.group("1 · Who", [ada], colour=_GREEN)
    sheet.group("2 · FLUX's files", [vae, clip], below=True)
    sheet.group("3 · Train", [prepare], [train], colour=_PURPLE)
    sheet.group("4 · How it went", [samples, loss], colour=_GOLD)


def picture(sheet: Sheet) -> None:
    """FLUX text to image with one character."""
    base = _base(sheet)
    ada = sheet.node("IsengardCharacter", character="ada")
    apply = _apply(sheet, base["model"]["MODEL"], ada, width=340)
    words = _words(sheet, "{trigger}, portrait photo, smiling, soft daylight, garden in the background", ada, apply,
                   base["clip"]["CLIP"])  # fmt: skip
    size = sheet.node("IsengardAspectRatio", aspect="3:4", base_model="flux1-dev")
    shown = _sampled(sheet, apply["model"], words["conditioning"], size["latent"], base["vae"]["VAE"], "character")
    sheet.group("1 · FLUX's files", list(base.values()))
    sheet.group("2 · Who", [ada, apply], colour=_GREEN)
    sheet.group("3 · What and how large", [words, size], below=True)
    sheet.group("4 · Make the picture", *shown, colour=_PURPLE)


def two_characters(sheet: Sheet) -> None:
    """Two LoRAs on one model, two trigger words in one prompt."""
    base = _base(sheet)
    left, right = (sheet.node("IsengardCharacter", character="ada", title=f"{side} character") for side in _SIDES)
    first = _apply(sheet, base["model"]["MODEL"], left, strength=0.85, width=340)
    second = _apply(sheet, first["model"], right, strength=0.85, width=340)
    words = [
        sheet.node("IsengardPrompt", prompt=text, character=who["character"], trigger_word=lora["trigger_word"],
                   title=f"{side}: who and how", width=400)
        for text, who, lora, side in zip(_TWO, (left, right), (first, second), _SIDES, strict=True)
    ]  # fmt: skip
    joined = sheet.node("StringConcatenate", string_a=words[0]["text"], string_b=words[1]["text"], delimiter=". ",
                        title="Both in one prompt", width=400)  # fmt: skip
    encoded = sheet.node("CLIPTextEncode", clip=base["clip"]["CLIP"], text=joined["STRING"], width=400)
    size = sheet.node("IsengardAspectRatio", aspect="3:2", base_model="flux1-dev")
    shown = _sampled(sheet, second["model"], encoded["CONDITIONING"], size["latent"], base["vae"]["VAE"], "two")
    sheet.group("1 · FLUX's files", list(base.values()))
    sheet.group("2 · Who", [left, first], [right, second], colour=_GREEN)
    sheet.group("3 · What they do", [*words, size], [joined, encoded], below=True)
    sheet.group("4 · Make the picture", *shown, colour=_PURPLE)


_SIDES = ("Left", "Right")
_TWO = (
    "Photo of two people in a café. On the left {trigger}, laughing, wearing a red coat",
    "On the right {trigger}, looking at the other, wearing a white shirt",
)


def with_canny(sheet: Sheet) -> None:
    """The outlines of a picture are followed."""
    base = _base(sheet)
    ada = sheet.node("IsengardCharacter", character="ada")
    apply = _apply(sheet, base["model"]["MODEL"], ada, width=340)
    guide = sheet.node("LoadImage", image="example.png", title="Picture to follow", height=314)
    canny = sheet.node("Canny", image=guide["IMAGE"], low_threshold=0.2, high_threshold=0.5)
    seen = sheet.node("PreviewImage", images=canny["IMAGE"], title="Its outlines", height=260)
    net = sheet.node("ControlNetLoader", control_net_name=models.CONTROLNET, models=models.offer(models.CONTROLNET),
                     width=340)  # fmt: skip
    words = _words(sheet, "{trigger}, photo, wearing a blue jacket, in a street at dusk", ada, apply,
                   base["clip"]["CLIP"])  # fmt: skip
    size = sheet.node("IsengardAspectRatio", aspect="1:1", base_model="flux1-dev")
    led = sheet.node(
        "ControlNetApplyAdvanced", positive=words["conditioning"], negative=words["conditioning"],
        control_net=net["CONTROL_NET"], image=canny["IMAGE"], vae=base["vae"]["VAE"], strength=0.6, start_percent=0.0,
        end_percent=0.6, width=400,
    )  # fmt: skip
    shown = _sampled(sheet, apply["model"], led["positive"], size["latent"], base["vae"]["VAE"], "canny",
                     negative=led["negative"])  # fmt: skip
    sheet.group("1 · FLUX's files", list(base.values()))
    sheet.group("2 · Who", [ada, apply], colour=_GREEN, below=True)
    sheet.group("3 · Composition", [guide, canny], [seen, net], colour=_GOLD)
    sheet.group("4 · What and how large", [words, led], [size], colour=_GREEN, below=True)
    sheet.group("5 · Make the picture", *shown, colour=_PURPLE)


def with_redux(sheet: Sheet) -> None:
    """A picture beside the prompt says what it should be like."""
    base = _base(sheet)
    ada = sheet.node("IsengardCharacter", character="ada")
    apply = _apply(sheet, base["model"]["MODEL"], ada, width=340)
    guide = sheet.node("LoadImage", image="example.png", title="Picture to be like", height=314)
    vision = sheet.node("CLIPVisionLoader", clip_name=models.VISION, models=models.offer(models.VISION), width=360)
    style = sheet.node("StyleModelLoader", style_model_name=models.REDUX, models=models.offer(models.REDUX), width=360)
    seen = sheet.node("CLIPVisionEncode", clip_vision=vision["CLIP_VISION"], image=guide["IMAGE"], crop="center",
                      width=360)  # fmt: skip
    words = _words(sheet, "{trigger}, portrait photo, looking at the camera", ada, apply, base["clip"]["CLIP"])
    styled = sheet.node(
        "StyleModelApply", conditioning=words["conditioning"], style_model=style["STYLE_MODEL"],
        clip_vision_output=seen["CLIP_VISION_OUTPUT"], strength=0.5, strength_type="multiply", width=400,
    )  # fmt: skip
    size = sheet.node("IsengardAspectRatio", aspect="1:1", base_model="flux1-dev")
    shown = _sampled(sheet, apply["model"], styled["CONDITIONING"], size["latent"], base["vae"]["VAE"], "redux")
    sheet.group("1 · FLUX's files", list(base.values()))
    sheet.group("2 · Who", [ada, apply], colour=_GREEN, below=True)
    sheet.group("3 · A picture as a prompt", [guide], [vision, style, seen], colour=_GOLD)
    sheet.group("4 · What and how large", [words, styled], [size], colour=_GREEN, below=True)
    sheet.group("5 · Make the picture", *shown, colour=_PURPLE)


def upscale(sheet: Sheet) -> None:
    """A picture twice as large, its details drawn again with the character's LoRA on."""
    base = _base(sheet)
    ada = sheet.node("IsengardCharacter", character="ada")
    apply = _apply(sheet, base["model"]["MODEL"], ada, width=340)
    given = sheet.node("LoadImage", image="example.png", title="Picture to enlarge", height=314)
    upscaler = sheet.node("UpscaleModelLoader", model_name=models.UPSCALER, models=models.offer(models.UPSCALER))
    large = sheet.node("ImageUpscaleWithModel", upscale_model=upscaler["UPSCALE_MODEL"], image=given["IMAGE"])
    fitted = sheet.node("ImageScaleBy", image=large["IMAGE"], upscale_method="lanczos", scale_by=0.5,
                        title="Back to twice the size")  # fmt: skip
    latent = sheet.node("VAEEncode", pixels=fitted["IMAGE"], vae=base["vae"]["VAE"])
    words = _words(sheet, "{trigger}, sharp detailed photo", ada, apply, base["clip"]["CLIP"])
    shown = _sampled(sheet, apply["model"], words["conditioning"], latent["LATENT"], base["vae"]["VAE"], "upscaled",
                     denoise=0.3)  # fmt: skip
    sheet.group("1 · FLUX's files", list(base.values()))
    sheet.group("2 · Who and what", [ada, apply], [words], colour=_GREEN)
    sheet.group("3 · Enlarge", [given, upscaler], [large, fitted, latent], colour=_GOLD, below=True)
    sheet.group("4 · Draw the details again", *shown, colour=_PURPLE)


def compare(sheet: Sheet) -> None:
    """Checkpoints × strengths of one training."""
    base = _base(sheet)
    job = sheet.node("IsengardJob", job="", go_on=False, width=340)
    words = sheet.node("IsengardPrompt", prompt="{trigger}, portrait photo, smiling, soft daylight", width=400,
                       clip=base["clip"]["CLIP"], trigger_word=job["trigger_word"])  # fmt: skip
    guided = sheet.node("FluxGuidance", conditioning=words["conditioning"], guidance=3.5, width=400)
    size = sheet.node("IsengardAspectRatio", aspect="1:1", base_model="flux1-dev", width=340)
    grid = sheet.node(
        "IsengardCheckpointGrid", job=job["job"], strengths="0.7, 1.0", most=4, steps=20, model=base["model"]["MODEL"],
        vae=base["vae"]["VAE"], positive=guided["CONDITIONING"], latent=size["latent"], prompt="", width=420,
    )  # fmt: skip
    saved = sheet.node("SaveImage", images=grid["grid"], filename_prefix="isengard/checkpoints", width=520, height=520)
    sheet.group("1 · FLUX's files", list(base.values()))
    sheet.group("2 · Which training", [job], colour=_GREEN)
    sheet.group("3 · What and how large", [words, guided, size], below=True)
    sheet.group("4 · Compare", [grid], [saved], colour=_PURPLE)


def practice(sheet: Sheet) -> None:
    """The whole way on the embedded model, with photos of one's own."""
    ada = sheet.node("IsengardCharacter", character="ada")
    photos = sheet.node("IsengardTrainingSet", character=ada["character"], resolution=128)
    seen = sheet.node("PreviewImage", images=photos["images"], title="What is trained on", height=300)
    prepare = sheet.node("IsengardPrepare", training_set=photos["training_set"], preset="quick", base_model="mini",
                         width=340)  # fmt: skip
    train = sheet.node("IsengardTrainLoRA", job=prepare["job"], width=360, height=420)
    loss = sheet.node("PreviewImage", images=train["loss_plot"], title="Loss", width=340, height=240)
    grid = sheet.node("IsengardCheckpointGrid", job=train["job"], strengths="0, 0.7, 1.0", most=4, width=400,
                      prompt=_PRACTICE, height=560)  # fmt: skip
    made = sheet.node("IsengardMini", prompt=_PRACTICE, character=ada["character"], lora=train["lora"], width=400,
                      height=_GROWN)  # fmt: skip
    shown = sheet.node("PreviewImage", images=made["images"], title="Pictures with the LoRA", width=400, height=300)
    sheet.group("1 · Whose photos", [ada, photos, seen], colour=_GREEN)
    sheet.group("2 · Train", [prepare, loss], [train], colour=_PURPLE)
    sheet.group("3 · Which checkpoint", [grid], colour=_GOLD)
    sheet.group("4 · Pictures", [made, shown], colour=_GOLD)


_GROWN = 660
"""Height of a node with a line of text and a picture below its values, once it has run."""
_PRACTICE = "{trigger}, smiling, looking ahead, grey background, portrait"


def try_out(sheet: Sheet) -> None:
    """The bundled character on the embedded model: by pressing Run."""
    ada = sheet.node("IsengardCharacter", character="ada")
    prepare = sheet.node("IsengardPrepare", character=ada["character"], preset="quick", base_model="mini", width=340)
    train = sheet.node("IsengardTrainLoRA", job=prepare["job"], width=360, height=420)
    loss = sheet.node("PreviewImage", images=train["loss_plot"], title="Loss", width=420, height=300)
    learnt = "laughing, looking left, wearing a red hoodie, teal background, portrait"
    before = sheet.node("IsengardMini", prompt=f"woman, {learnt}", title="Mini Pictures: without a LoRA", width=360,
                        height=_GROWN)  # fmt: skip
    plain = sheet.node("PreviewImage", images=before["images"], title="Without", width=360, height=300)
    after = sheet.node("IsengardMini", prompt=f"{{trigger}}, {learnt}", character=ada["character"], lora=train["lora"],
                       title="Mini Pictures: with the LoRA", width=360, height=_GROWN)  # fmt: skip
    likeness = sheet.node("PreviewImage", images=after["images"], title="With the LoRA", width=360, height=300)
    sheet.group("1 · Who", [ada], [prepare], colour=_GREEN)
    sheet.group("Before", [before], [plain], colour=_GOLD, below=True)
    sheet.group("2 · Train", [train], [loss], colour=_PURPLE)
    sheet.group("After", [after], [likeness], colour=_GOLD, below=True)


RECIPES: dict[str, Callable[[Sheet], None]] = {
    "try-out-on-the-embedded-model": try_out,
    "practice-with-your-own-photos": practice,
    "train-a-character-on-flux": train_on_flux,
    "picture-of-a-character": picture,
    "two-characters-in-one-picture": two_characters,
    "character-with-controlnet-canny": with_canny,
    "character-with-an-image-prompt": with_redux,
    "upscale-a-picture-of-a-character": upscale,
    "compare-checkpoints-on-flux": compare,
}
"""By file name, without its ending."""


def make(name: str, known: dict[str, Any]) -> dict[str, Any]:
    """One workflow as the canvas saves it. `known` is what ComfyUI says of its nodes (`/object_info`)."""
    sheet = Sheet(name, known)
    sheet.note(NOTES[name])
    RECIPES[name](sheet)
    return sheet.saved()


def _vae(sheet: Sheet) -> Placed:
    return sheet.node("VAELoader", vae_name=models.VAE, models=models.offer(models.VAE))


def _clip(sheet: Sheet) -> Placed:
    return sheet.node(
        "DualCLIPLoader", clip_name1=models.CLIP, clip_name2=models.T5, type="flux",
        models=models.offer(models.CLIP, models.T5),
    )  # fmt: skip


def _base(sheet: Sheet) -> dict[str, Placed]:
    """FLUX.1-dev's three loaders."""
    model = sheet.node("UNETLoader", unet_name=models.TRANSFORMER, weight_dtype="default",
                       models=models.offer(models.TRANSFORMER))  # fmt: skip
    return {"model": model, "clip": _clip(sheet), "vae": _vae(sheet)}


def _apply(sheet: Sheet, model: Out, who: Placed, *, strength: float = 1.0, width: int = 320) -> Placed:
    return sheet.node(
        "IsengardApplyCharacter", model=model, character=who["character"], version="latest", strength=strength,
        width=width,
    )  # fmt: skip


def _words(sheet: Sheet, prompt: str, who: Placed, lora: Placed, clip: Out) -> Placed:
    return sheet.node(
        "IsengardPrompt", prompt=prompt, character=who["character"], trigger_word=lora["trigger_word"], clip=clip,
        width=400,
    )  # fmt: skip


def _sampled(
    sheet: Sheet, model: Out, positive: Out, latent: Out, vae: Out, name: str, *, negative: Out | None = None,
    denoise: float = 1.0,
) -> list[list[Placed]]:  # fmt: skip
    """Guidance, sampler, decoder and the saved picture, as columns of a group."""
    guided = sheet.node("FluxGuidance", conditioning=positive, guidance=3.5)
    empty = [] if negative else [sheet.node("ConditioningZeroOut", conditioning=positive, title="No negative prompt")]
    sampler = sheet.node(
        "KSampler", model=model, positive=guided["CONDITIONING"], negative=negative or empty[0]["CONDITIONING"],
        latent_image=latent, seed=7, steps=20, denoise=denoise, **_FLUX,
    )  # fmt: skip
    decoded = sheet.node("VAEDecode", samples=sampler["LATENT"], vae=vae)
    saved = sheet.node("SaveImage", images=decoded["IMAGE"], filename_prefix=f"isengard/{name}", width=480, height=520)
    return [[guided, *empty, sampler], [decoded, saved]]
