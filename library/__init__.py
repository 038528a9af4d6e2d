"""Characters, photos and captions: ordinary files on disk, and an index of them."""
