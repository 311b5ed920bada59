"""`soulsai new`: a package for a new plugin, complete and tested, made from templates."""

from soulsai_core.plugins.scaffold.names import Names, check_unused, names_of
from soulsai_core.plugins.scaffold.package import KINDS, create, with_article

__all__ = ["KINDS", "Names", "check_unused", "create", "names_of", "with_article"]
