"""A run's directory: what every kind of training writes there, and how it is read back."""
