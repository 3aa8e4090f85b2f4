"""A directory that stands for site-packages, to install plugins in."""

from __future__ import annotations

from support.site_packages import site

__all__ = ["site"]
