"""Certificates that settings name by their files; every error names the setting and the file."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

from agent.errors import AgentError

File = str | Path


def require_readable(setting: str, file: File) -> None:
    """Raise `AgentError` for a file that cannot be read."""
    if not os.access(file, os.R_OK):
        raise AgentError(f"{setting}: cannot read {file}")


def trusting(setting: str, ca_file: File | None) -> ssl.SSLContext:
    """For a client, which trusts who the file vouches for; None: whom the system trusts.

    Raises `AgentError` for a file that is no certificate.
    """
    try:
        return ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError:
        raise AgentError(f"{setting}: {ca_file} is no PEM certificate") from None
    except OSError as error:
        raise AgentError(f"{setting}: {ca_file}: {error.strerror}") from None


def show(context: ssl.SSLContext, settings: str, certificate: File, key: File | None) -> None:
    """Have a context show a certificate; `key` is None where it stands in the certificate's file.

    `settings` are the names of both. Raises `AgentError` for files that do not belong together.
    """
    try:
        # Without an answer to give, OpenSSL would ask for the key's password on the terminal.
        context.load_cert_chain(certificate, key, password="")
    except (OSError, ValueError):  # an SSLError is an OSError
        raise AgentError(
            f"{settings}: {certificate} and {key or 'itself'} are no PEM certificate with its key"
        ) from None
