"""One module per mesh file format; `meshkit.io` chooses by suffix."""
