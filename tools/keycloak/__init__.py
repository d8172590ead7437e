"""A Keycloak for demos and tests: fetched once, set up in a folder, run as a process.

Owns processes and files. What a realm needs is in `keycloak/` at the top of the tree; what Keycloak
does at a login is the provider's, in `hooks/keycloak`.
"""
