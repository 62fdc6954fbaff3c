"""Tests of the torch engine's process, on tiny random folders of each family."""
