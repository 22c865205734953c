"""DataFrame batches: rows in, rows out, with a journal that loses nothing."""
