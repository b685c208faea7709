"""What other hosts call."""
