"""Whether a user must be asked to consent again: evidence, policy, orders, rest."""
