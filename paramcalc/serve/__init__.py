"""A page with an editor: a spec is counted, checked and mended while somebody types it."""
