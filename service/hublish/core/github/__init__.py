"""What GitHub sends and is asked: events, commands, triggers, consent, and the ports towards it."""
