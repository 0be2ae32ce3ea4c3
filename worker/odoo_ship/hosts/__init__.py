"""Where the worker runs: `base` says what a release needs of a host, `here` which one this is."""
