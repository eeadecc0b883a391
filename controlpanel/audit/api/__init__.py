"""The record by REST."""
