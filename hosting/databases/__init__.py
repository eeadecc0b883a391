"""What only databases need: placement, intents, errors, forms, verifiers, and what their hosts should hold."""
