"""The bridge's own trip to Google's consent and back: links, callback, redemption."""
