"""The HTTP side: webhooks in, run pages out. Never blocks the event loop, never changes state on GET."""
