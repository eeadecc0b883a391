"""What edge rules may be: values as typed, checked and normalized, all problems at once. Nothing here writes."""
