"""The nouns: what people state and what wdrip reports."""
