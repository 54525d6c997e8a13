"""Who may use the HTTP API: tokens, what they may do, how a request is signed with one. Pure."""
