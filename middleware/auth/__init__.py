"""Authentication, authorization and the audit of refusals."""
