"""Certificates that members bring along: what is right, what they are told, the form, and the reminders."""
