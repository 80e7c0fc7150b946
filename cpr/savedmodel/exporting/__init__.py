"""Exports: from every kind of source to a servable SavedModel, verified before it appears."""

from __future__ import annotations

from cpr.savedmodel.exporting.exported import Exported, ExportedSignature
from cpr.savedmodel.exporting.exporter import export
from cpr.savedmodel.exporting.heads import Head
from cpr.savedmodel.exporting.versions import Retention

__all__ = ["Exported", "ExportedSignature", "Head", "Retention", "export"]
