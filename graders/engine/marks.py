"""How the author of a test cell marks it to run beside the student's code: by a line in it, or by a tag."""

from __future__ import annotations

import re

TAG = "in-student-process"
_MARK = re.compile(rf"^\s*#+\s*{TAG}\s*$", re.MULTILINE | re.IGNORECASE)


def is_marked(source: str) -> bool:
    """Whether a test cell's text asks for it to run beside the student's code.

    >>> is_marked("# in-student-process"), is_marked("assert 'in-student-process'")
    (True, False)
    """
    return bool(_MARK.search(source))
