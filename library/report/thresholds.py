"""Every threshold of the photo report in one table, with what it is compared to and where it comes from."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """A number that findings are judged by."""

    value: float
    unit: str
    why: str

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def _row(value: float, unit: str, why: str) -> Threshold:
    return Threshold(value=value, unit=unit, why=why)


THRESHOLDS: dict[str, Threshold] = {
    "working_side": _row(1024, "pixels", "Sharpness is judged at the long side that photos have in training at most."),
    # Size
    "small_warn": _row(
        0.75, "of the training size", "Below, the photo is enlarged by a third and more, which is soft."
    ),
    "small_reject": _row(0.5, "of the training size", "Below, three of four pixels that are learned are made up."),
    # Sharpness: see sharpness.edge_blur
    "blur_warn": _row(1.3, "pixels", "A Gaussian blur of 2 pixels measures this: lashes and hair begin to go."),
    "blur_reject": _row(2.7, "pixels", "A Gaussian blur of 4 pixels measures this: lashes and single hairs are gone."),
    "moved_warn": _row(
        0.6, "pixels", "A movement of 10 pixels and more measures 0.7 to 2; unmoved pictures at most 0.3."
    ),
    # Light, of 255
    "dark_warn": _row(100, "of 255", "Even highlights are below middle grey: three stops too dark for anything white."),
    "dark_reject": _row(55, "of 255", "Five stops too dark: what brightening brings out is mostly noise."),
    "face_dark_warn": _row(
        50, "of 255", "Highlights on lit skin of any colour are above 80; below 50 shape is guesswork."
    ),
    "face_dark_reject": _row(25, "of 255", "The face is a silhouette."),
    "face_lit": _row(80, "of 255", "A face with such highlights is lit, however dark the rest of the photo is."),
    "blown_warn": _row(
        0.1, "of the area", "Without white backdrops, well exposed photos lose 2 or 3 hundredths to white."
    ),
    "blown_reject": _row(0.35, "of the area", "A third of the photo has no detail to learn from."),
    "face_blown_warn": _row(0.08, "of the face", "Beyond highlights on forehead and nose: cheeks lose their shape."),
    "face_blown_reject": _row(0.35, "of the face", "A third of the face has no detail to learn from."),
    "contrast_warn": _row(60, "of 255", "From the darkest to the lightest parts ordinary photos have 150 and more."),
    # Compression
    "jpeg_warn": _row(40, "JPEG quality", "Below about 40 blocks show on skin; messengers save at 60 to 80."),
    "jpeg_reject": _row(15, "JPEG quality", "Blocks are all there is of skin and hair."),
    "blocks_warn": _row(1.3, "grey levels", "Steps between 8 × 8 blocks as JPEG leaves them at quality 10 to 30."),
    # Faces
    "face_small_warn": _row(
        64,
        "pixels high",
        "At the training size (an eighth of it where that is less): 8 latent cells, no likeness in fewer.",
    ),
    "second_face": _row(0.4, "of the largest face's height", "Smaller faces are people in the background."),
    "other_person": _row(0.363, "cosine", "OpenCV's threshold for SFace: at and above it two faces are one person."),
    "other_person_reject": _row(
        0.2, "cosine", "Most pairs of different people are below it, hardly any of one person."
    ),
    # Near duplicates: see fingerprint.alike
    "duplicate_same": _row(0.975, "likeness", "The picture saved again, resized or cropped by a few hundredths."),
    "duplicate_near": _row(
        0.9, "likeness", "Frames of one burst and larger crops; other poses before one wall are below 0.86."
    ),
    # No photo
    "screen_bar": _row(0.8, "of the strip", "A status bar is one plain strip with a few small signs in it."),
    "seam": _row(
        0.6, "of the length", "A straight jump from edge to edge, a pixel wide: lenses hardly ever draw that."
    ),
    "gutter": _row(0.6, "of the length", "A plain strip from edge to edge with different pictures on its sides."),
    # Variety
    "framing_close_up": _row(0.5, "face heights below the chin", "Less shows no shoulders."),
    "framing_shoulders": _row(2.0, "face heights below the chin", "Chest and shoulders end here."),
    "framing_full_body": _row(6.5, "face heights below the chin", "From here on legs and feet fit in."),
    "pose_turned": _row(0.2, "of the distance between the eyes", "The nose is off the middle: some 20 degrees."),
    "light_dim": _row(75, "of 255", "The middle brightness of photos that look dim is below."),
    "light_bright": _row(165, "of 255", "The middle brightness of photos that look bright is above."),
    "light_warm": _row(30, "of 255", "Red less blue in evening sun and under lamps is above."),
    "light_cool": _row(-15, "of 255", "Red less blue in shade and under an overcast sky is below."),
    "same_background": _row(15, "of 255", "Distance of the rims' colours; below, people see one place."),
    "same_clothes": _row(16, "of 255", "Distance of the chest's colours; below, people see the same clothes."),
    "one_group": _row(0.5, "of the photos", "A trait that half of the photos share binds to the likeness."),
    # The set
    "photos_few": _row(10, "photos", "With fewer, single photos are learned by heart instead of the person."),
    "photos_good": _row(15, "photos", "15 to 30 different photos are what identity LoRAs are usually trained on."),
    "full_body_wanted": _row(0.1, "of the photos", "Enough to learn build and posture beside the face."),
    "close_wanted": _row(0.3, "of the photos", "The likeness is in the face, so faces should fill a third of the set."),
    "turned_wanted": _row(0.2, "of the photos", "Enough to learn the profile, or the look into the camera."),
    "one_light": _row(0.8, "of the photos", "With so many in one light, that light is learned with the person."),
}


def limit(name: str) -> float:
    """A threshold's value."""
    return THRESHOLDS[name].value
