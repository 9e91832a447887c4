"""Vowpal Wabbit as a policy."""
