"""Operations on keys, the audit log and reloads."""
