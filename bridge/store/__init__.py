"""Where sealed records live: the contract in `base`, one module a backend."""
