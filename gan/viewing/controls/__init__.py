"""The controls of the page, one tab a file; what they show of data is shown as text."""
