"""One alias: what it shows, whose it is, how it is written, and how it is put right."""
