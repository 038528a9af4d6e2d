"""Runs in ComfyUI: encodes texts for FLUX with the encoders of a test, and writes `<T5 file>.text.N` and `.pooled.N`.

Arguments: JSON of model options, JSON list of texts, the file to write, the CLIP file, T5 files.
"""

import json
import sys
from pathlib import Path

import comfy.sd
from safetensors.torch import save_file

options, texts, out_path, clip_path, *t5_paths = sys.argv[1:]
results = {}
for t5_path in t5_paths:
    chosen = {"clip_type": comfy.sd.CLIPType.FLUX, "model_options": json.loads(options)}
    clip = comfy.sd.load_clip([clip_path, t5_path], **chosen)
    for index, text in enumerate(json.loads(texts)):
        cond, pooled = clip.encode_from_tokens(clip.tokenize(text), return_pooled=True)
        results[f"{Path(t5_path).stem}.text.{index}"] = cond[0].float().contiguous()
        results[f"{Path(t5_path).stem}.pooled.{index}"] = pooled[0].float().contiguous()
save_file(results, out_path)
print(json.dumps({"tensors": len(results)}))
