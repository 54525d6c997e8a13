"""Files of a repository read into plain data with the place of every value: limits first, nothing trusted."""
