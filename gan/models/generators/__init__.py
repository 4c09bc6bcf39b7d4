"""The generators that ship; a further one is one more file here."""
