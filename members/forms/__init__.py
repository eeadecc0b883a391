"""What people fill in, and one field that several forms share."""
