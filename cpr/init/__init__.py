"""Starts projects: from templates, or around a model that is there already."""

from __future__ import annotations

from cpr.init.project import NewProject, create_project

__all__ = ["NewProject", "create_project"]
