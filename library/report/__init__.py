"""What a photo is worth for training: pictures in, numbers and plain sentences out. Nothing is stored here."""
