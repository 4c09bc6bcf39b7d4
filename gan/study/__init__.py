"""Models side by side: trained, measured alike, and held against what the paper claims."""
