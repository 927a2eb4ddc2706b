"""AWS as the story sees it: one file an idea, one try a call."""
