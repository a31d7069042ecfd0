"""What happened to an instance, kept: drift found, changes applied, changes taken back."""
