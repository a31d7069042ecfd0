"""Alerts on their way out: through Apprise to mail, chat and webhooks."""
