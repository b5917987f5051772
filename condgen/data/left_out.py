"""What a preparation left out, as findings: for those who must know before a training, not after."""

from __future__ import annotations

import re
from collections.abc import Sequence

from condgen.data.findings import WHOLE_FILE, Finding

_REPEATED = re.compile(r": (holds )?the same ((picture|sound) )?as ")


def findings_of(left_out: Sequence[str]) -> list[Finding]:
    """A finding of each line `file: problem; fix` of `Prepared.left_out`.

    Files that cannot be used are errors: whoever gave twenty pairs shall not train on nineteen unasked. A repeated one
    is a note, as training goes on rightly without it.
    """
    return [_finding(line) for line in left_out]


def _finding(line: str) -> Finding:
    file, _, rest = line.partition(": ")
    problem, _, fix = rest.partition("; ")
    if _REPEATED.search(line):
        return Finding(WHOLE_FILE, file, problem, "nothing to do: it was left out of training", is_error=False)
    return Finding(WHOLE_FILE, file, problem, fix or "mend it, or take it out")
