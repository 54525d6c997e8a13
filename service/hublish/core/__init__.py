"""Values and decisions of hublish: pure code, no I/O, no clock, no environment, no randomness, no logging."""
