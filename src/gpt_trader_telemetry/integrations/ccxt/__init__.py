"""ccxt, synchronous, asynchronous and pro: what its methods do, what they answer, and its feeds."""
