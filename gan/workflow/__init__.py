"""Workflows of our commands, run by Snakemake: a study, and many scans to one data set."""
