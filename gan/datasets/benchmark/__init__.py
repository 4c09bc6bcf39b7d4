"""Benchmark sets that anyone can make: the same faces, labels and splits for every method."""
