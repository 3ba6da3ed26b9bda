"""The corpus of brand mentions, and what is trained and measured with it."""
