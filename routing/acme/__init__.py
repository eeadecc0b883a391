"""Speaking with a certificate authority by ACME (RFC 8555). Nothing here writes rows."""
