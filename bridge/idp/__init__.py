"""What differs between identity providers: parameters they take, and how a login goes on."""
