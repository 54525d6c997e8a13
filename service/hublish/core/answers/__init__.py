"""What the bot says: comments, check runs, pull requests. Values in, Markdown out."""
