"""Policies against each other: who meets which, what the difference is, and which becomes the champion."""
