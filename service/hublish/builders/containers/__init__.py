"""What builds by containers share, whichever engine runs them: the plan, the context, the run, the exported image."""
