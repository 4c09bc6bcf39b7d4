"""`gan view`: a trained model in the browser. State and mathematics know nothing of the page."""
