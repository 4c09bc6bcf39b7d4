"""What gan does not ship: named in a configuration once this package is installed."""
