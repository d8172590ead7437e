"""The owner of grants: the one place where plaintext and store meet."""
