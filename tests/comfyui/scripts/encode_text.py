"""Runs in ComfyUI: encodes texts for FLUX with the encoders of a test, and writes `text.N` and `pooled.N`.

Arguments: CLIP file, T5 file, JSON of model options, JSON list of texts, the file to write.
"""

import json
import sys

import comfy.sd
from safetensors.torch import save_file

clip_path, t5_path, options, texts, out_path = sys.argv[1:6]
clip = comfy.sd.load_clip([clip_path, t5_path], clip_type=comfy.sd.CLIPType.FLUX, model_options=json.loads(options))
results = {}
for index, text in enumerate(json.loads(texts)):
    cond, pooled = clip.encode_from_tokens(clip.tokenize(text), return_pooled=True)
    results[f"text.{index}"], results[f"pooled.{index}"] = cond[0].float().contiguous(), pooled[0].float().contiguous()
save_file(results, out_path)
print(json.dumps({"texts": len(results) // 2}))
