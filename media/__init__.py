"""Photos and captions as files: found, told by content, decoded, read. What library and trainer stand on."""
