"""Taking refresh tokens in: from login hooks, and from files of those who come with some."""
