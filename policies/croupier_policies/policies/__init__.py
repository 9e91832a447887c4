"""The policies: a reward model with an exploration law, and objects that are both."""
