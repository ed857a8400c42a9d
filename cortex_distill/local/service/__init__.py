"""The local engine as a service: one process owns a folder's files, everybody else is a client over loopback."""
