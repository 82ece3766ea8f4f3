"""The version, which files carry; it stands below every room. Imports nothing."""

__version__ = "0.1.0"
