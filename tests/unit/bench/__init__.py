"""Unit tests of the benches: what is compared, and what is concluded from figures."""
