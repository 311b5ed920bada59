"""What stands between contributors and the training: limits, inspection, the gate, and the book of who sent what."""

from soulsai_core.safety.book import Book as Book
from soulsai_core.safety.gate import Gate as Gate
