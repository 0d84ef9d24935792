"""Tasks about pages of documents."""
