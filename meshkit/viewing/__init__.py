"""Meshes in the browser: a guarded server and what it shows. Needs the extra `[view]`."""
