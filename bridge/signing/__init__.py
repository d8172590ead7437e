"""Signatures of messages, apart from what the messages say."""
