"""Which files make up the embedded model: those beside it."""

from __future__ import annotations

from ..config import BaseFiles
from ..mini import MODEL_DIR
from .flux1_files import check_parts, check_tokenizers, find_parts


def check_base(_base: BaseFiles, *, encoders: bool = True) -> None:
    """Looks at the embedded model's headers. Raises MODEL_MISSING, MODEL_UNREADABLE or TOKENIZER_MISSING."""
    check_parts(find_parts(BaseFiles(transformer=str(MODEL_DIR)), encoders=encoders))
    check_tokenizers(str(MODEL_DIR))
