"""FLUX.1's VAE: the same in either naming, whole or not at all, and large pictures in tiles."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL
from safetensors.torch import load_file, save_file

from isengard.errors import IsengardError
from isengard.tests.trainer.flux_encoders import CPU, part, vae_folder
from isengard.trainer.families import load_family
from isengard.trainer.families.flux1_codec import FluxCodec
from isengard.trainer.families.flux1_files import CONFIGS
from isengard.trainer.families.flux1_vae import load_vae
from isengard.trainer.mini import MODEL_DIR
from isengard.trainer.modelfiles import identify

__all__ = ["vae_folder"]
FAMILY = load_family("flux1-dev")


@pytest.mark.slow
@torch.no_grad()
def test_the_vae_is_the_same_in_either_naming(vae_folder: Path, tmp_path: Path) -> None:
    """ae.safetensors gives the latents of a VAE that diffusers built itself, shifted and scaled as FLUX wants them."""
    by_hand = AutoencoderKL.from_config(AutoencoderKL.load_config(str(CONFIGS / "vae"), local_files_only=True)).eval()
    stored = load_file(vae_folder / "diffusers.safetensors")
    by_hand.load_state_dict({name: value.float() for name, value in stored.items()})
    pixels = torch.rand(3, 48, 64) * 2 - 1
    expected = (by_hand.encode(pixels[None]).latent_dist.mode()[0] - 0.1159) * 0.3611
    picture = by_hand.decode(expected[None] / 0.3611 + 0.1159).sample[0]
    for name in ("ae", "diffusers"):
        codec = FluxCodec({"vae": part(vae_folder / f"{name}.safetensors", "vae")}, str(MODEL_DIR), 8, CPU)
        torch.testing.assert_close(codec.encode_image(pixels), expected)
    codec.write_decoder(tmp_path)
    decoded = torch.tensor(list(FAMILY.load_decoder(tmp_path, CPU).decode(expected).tobytes())).view(48, 64, 3)
    wanted = ((picture / 2 + 0.5).clamp(0, 1) * 255).permute(1, 2, 0)
    assert (decoded - wanted).abs().max() < 2
    assert wanted.std() > 1


def test_a_vae_that_lacks_a_tensor_is_an_error(tmp_path: Path) -> None:
    """A file with a VAE's first layers only is known by them, and refused when it is loaded."""
    names = {"encoder.conv_in.weight": (128, 3, 3, 3), "decoder.conv_in.weight": (512, 16, 3, 3)}
    names |= {"decoder.mid.block_1.norm1.weight": (512,)}
    save_file({name: torch.zeros(shape) for name, shape in names.items()}, tmp_path / "ae.safetensors")
    with pytest.raises(IsengardError) as caught:
        load_vae(part(tmp_path / "ae.safetensors", "vae"))
    assert caught.value.code == "MODEL_UNREADABLE"


def test_large_pictures_are_decoded_in_tiles(tmp_path: Path) -> None:
    """Beyond 1,024 pixels the memory stays that of a tile."""
    FluxCodec({"vae": identify(MODEL_DIR).parts["vae"]}, str(MODEL_DIR), 8, CPU).write_decoder(tmp_path)
    decoder = FAMILY.load_decoder(tmp_path, CPU)
    sizes: list[int] = []
    vae = decoder._vae  # type: ignore[attr-defined]
    vae.decoder.register_forward_pre_hook(lambda _module, inputs: sizes.append(max(inputs[0].shape[-2:])))
    assert decoder.decode(torch.randn(16, 16, 128)).size == (1024, 128)
    assert sizes == [128]
    assert decoder.decode(torch.randn(16, 16, 136)).size == (1088, 128)
    assert len(sizes) == 3
    assert max(sizes) == 128
