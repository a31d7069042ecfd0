"""SMTP sessions and the mail log as facts. Nothing is judged here."""
