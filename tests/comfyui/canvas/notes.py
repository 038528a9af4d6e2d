"""What stands at the left of each shared workflow: what it does, what is needed, and what to press."""

from __future__ import annotations

_FILES = """**Needed once** (ComfyUI offers to download what is missing):

- `flux1-dev.safetensors` in *diffusion_models*
- `clip_l.safetensors`, `t5xxl_fp16.safetensors` in *text_encoders*
- `ae.safetensors` in *vae*

Other names (fp8, for instance)? Choose them in the loaders. You have the all-in-one `flux1-dev-fp8` in *checkpoints*?
Put one *Load Checkpoint* in place of the three loaders."""
_CHARACTER = """A character needs a LoRA for FLUX first: the workflow *train-a-character-on-flux* or the Isengard panel
makes one.
(*ada*, who comes with the pack, is a drawn face for the embedded model: she has none.)"""

NOTES = {
    "try-out-on-the-embedded-model": """## Try everything out on the embedded model

Press **Run**. In a few minutes, on any computer:

1. *Character*: Ada, who comes with the pack, is put into your library.
2. *Prepare Training*: her photos become a training job.
3. *Train LoRA*: the small embedded model learns her. Watch the bar, the samples and the loss.
4. *Mini Pictures*: the same prompts without and with her LoRA.

Press **Run** again: nothing is trained twice. Stop it in the middle and run again: it goes on where it was.

Next: the workflow *practice-with-your-own-photos*, or the Isengard panel in the sidebar.""",
    "practice-with-your-own-photos": """## Practise the whole way with your own photos

In minutes, on any computer, without any download.

1. Open the **Isengard panel** (sidebar, or the page `/isengard`), create a character and drop 10 to 30 photos.
2. Choose the character under **1**. New here? Press `R` so that ComfyUI reads its lists again.
3. Press **Run**. *Train LoRA* shows samples and loss while it works.
4. Look at the sheet under **3**: one row for each checkpoint, one column for each strength.

**What to expect:** the embedded model is tiny and knows drawn faces only. It picks up hair, skin and colours, not a
likeness. What you learn here (photos, checkpoints, strength) is the same with FLUX: *train-a-character-on-flux*.""",
    "train-a-character-on-flux": f"""## Train your character on FLUX.1-dev

1. Create a character in the **Isengard panel** and drop 15 to 30 different photos. Read its photo report.
2. Choose the character under **1**. Not in the list? Press `R`.
3. Press **Run**. *Prepare* reads photos and captions once; *Train* then frees ComfyUI's memory and trains.

You may close the browser. **Stopping** saves: press Run again and it goes on. The finished LoRA gets a name of its own
in `models/loras/isengard`. Same photos and settings? It is not trained again.

*quick* shows soon whether the photos are good; *balanced* is for most people. 0 for steps and rank follows the preset.
A GPU is needed: what yours can do, and how long it takes, is told in the panel before you begin.

{_FILES} For training on that one, choose it in *Train LoRA*, too.""",
    "picture-of-a-character": f"""## A picture of your character

1. Choose the character under **2**. Not in the list? Press `R`.
2. Write what you want to see under **3**. `{{trigger}}` becomes the character's trigger word.
3. Press **Run**. The picture is in ComfyUI's output folder under `isengard`.

Too stiff, or too much like the photos? Lower the **strength** to 0.7–0.9, or choose an earlier **version**
(*compare-checkpoints-on-flux* helps). Not alike? Strength 1.1, and nothing in the prompt that contradicts the person.

{_CHARACTER}

{_FILES}""",
    "two-characters-in-one-picture": f"""## Two characters in one picture

1. Choose **two different** characters under **2**: the upper LoRA goes on the model first, the lower one on top.
2. Under **3**, say for each where it is and what it does. Both texts are joined into one prompt.
3. Press **Run**.

**Be patient with it.** Two LoRAs on one model mix: faces can swap or melt together. What helps: a clear *left* and
*right*, different clothes and hair in the text, strengths of 0.7–0.9, some seeds. It works best for two people who
look different, with different class words (a woman and a man, a person and a dog).

{_CHARACTER}

{_FILES}""",
    "character-with-controlnet-canny": f"""## Your character in the composition of another picture

1. Choose the character under **2**.
2. Load a picture under **3**: its outlines are what is followed. Fewer lines: higher thresholds.
3. Describe the new picture under **4**, choose the shape that fits it, and press **Run**.

**strength** and **end_percent** of *Apply ControlNet* are at 0.6: the outlines set the pose, then let go, so that
the face becomes your character's and not that of the picture. Face still wrong? Lower both.

{_CHARACTER}

{_FILES}
- `flux-canny-controlnet-v3.safetensors` in *controlnet*""",
    "character-with-an-image-prompt": f"""## Your character, in the manner of another picture

Redux reads a picture as if it were a prompt: colours, light, place, style.

1. Choose the character under **2**.
2. Load a picture under **3**.
3. Write a prompt under **4** and press **Run**.

**strength** of *Apply Style Model* says how much the picture counts: at 1 it drowns the prompt and the face of your
character; 0.3–0.6 leaves room for both. Pictures without a face work best.

{_CHARACTER}

{_FILES}
- `flux1-redux-dev.safetensors` in *style_models*
- `sigclip_vision_patch14_384.safetensors` in *clip_vision*""",
    "upscale-a-picture-of-a-character": f"""## A picture of your character, twice as large

1. Load the picture under **3** and choose the character in it under **2**.
2. Write its prompt again, in a few words.
3. Press **Run**: an upscaler enlarges it, then FLUX draws the details again with the character's LoRA on, so that the
   face stays the face.

**denoise** in the sampler is 0.3. More invents more; less changes less. Memory runs out? Set *scale_by* to 0.375.

{_CHARACTER}

{_FILES}
- `RealESRGAN_x4plus.safetensors` in *upscale_models*""",
    "compare-checkpoints-on-flux": f"""## Which checkpoint is the best?

A training that goes on too long copies its photos; one that ends too soon is not a likeness yet. This makes one
picture for each checkpoint and each strength, all with the same seed, on one sheet.

1. Choose the training under **2**. Its id is the character's name and when it was made. Empty? Train one first,
   then press `R`.
2. Write a prompt under **3** that is *not* like the photos: another place, another expression.
3. Press **Run**.

Choose the row that is a good likeness *and* still does what the prompt says. In the Isengard panel, that checkpoint
becomes one of the character's LoRAs; then it is in the list *version* of *Apply Character*.

The model under **1** comes **without** a LoRA. The text field of *Checkpoint Grid* stays empty: it is for trainings on
the embedded model, which need nothing else but the job (*practice-with-your-own-photos* has it).

{_FILES}""",
}
"""By file name, without its ending."""
