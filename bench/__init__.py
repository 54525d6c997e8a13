"""One command per figure that the README states: `make bench-NAME` writes `bench/out/NAME.json`."""
