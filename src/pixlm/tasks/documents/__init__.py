"""Tasks about pages of documents; each is a declaration on top of :class:`~pixlm.tasks.documents.task.DocumentTask`."""

from __future__ import annotations

from pixlm.tasks.documents.classes import DOC_CLASSIFY
from pixlm.tasks.documents.questions import DOCVQA
from pixlm.tasks.documents.reading import CAPTION, OCR
from pixlm.tasks.documents.receipts import RECEIPTS
from pixlm.tasks.documents.screenshot import SCREENSHOT
from pixlm.tasks.documents.task import DocumentTask

__all__ = ["CAPTION", "DOCVQA", "DOC_CLASSIFY", "DOCUMENTS", "OCR", "RECEIPTS", "SCREENSHOT", "DocumentTask"]

DOCUMENTS: tuple[DocumentTask, ...] = (OCR, RECEIPTS, DOC_CLASSIFY, DOCVQA, CAPTION, SCREENSHOT)
