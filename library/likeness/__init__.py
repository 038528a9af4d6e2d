"""How like the person a training's samples are, by measurement: they are compared with the photos it learned from."""
