"""The GitOps controller for Postfix TLS."""

__version__ = "0.1.0"
