"""The parts of the public engine, one file a topic; `croupier.Engine` is all of them."""
