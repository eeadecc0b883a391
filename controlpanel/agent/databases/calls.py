"""What the panel may ask of a database host besides resources."""
