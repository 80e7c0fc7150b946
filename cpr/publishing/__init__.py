"""Gives files and folders their names only when they are whole."""

from cpr.publishing.files import ANOTHER_PLACE, write_atomically
from cpr.publishing.folders import publish, publish_new, unfinished_folder

__all__ = ["ANOTHER_PLACE", "publish", "publish_new", "unfinished_folder", "write_atomically"]
