"""What the polls have told, and what of it survives a restart."""

from __future__ import annotations

from exporter.store.book import Book
from exporter.store.facts import TaskFacts
from exporter.store.keeper import Keeper, LedgerError
from exporter.store.memory import Store
from exporter.store.outlook import Outlook

__all__ = ["Book", "Keeper", "LedgerError", "Outlook", "Store", "TaskFacts"]
