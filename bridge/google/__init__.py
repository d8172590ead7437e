"""What Google is to the bridge: its endpoints, its answers, its scopes. Knows no grant."""
