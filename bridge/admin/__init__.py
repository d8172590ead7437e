"""Looking after grants and keys: what admins ask for, and what the bridge does by itself."""
