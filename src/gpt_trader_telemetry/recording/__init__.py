"""Recording: from a decorated call to a value that can be collected, at next to no cost."""
