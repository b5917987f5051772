from __future__ import annotations

import pytest

from condgen.errors import UserError
from condgen.text.encoder import TextConfig, build
from condgen.text.remarks import warn_of


@pytest.fixture(scope="module")
def encoder():
    built = build(TextConfig(width=8, length=66, channels=[4, 4, 4], hidden=4)).eval()
    built.learn_vocabulary(["a red bird"])
    return built


def test_a_program_is_warned_of_words_that_are_new(encoder, recwarn):
    warn_of(encoder, "a red bird")
    assert not recwarn.list
    with pytest.warns(UserWarning, match="never seen 'purple'"):
        warn_of(encoder, "a purple bird")


def test_a_text_of_which_nothing_is_known_is_refused(encoder):
    with pytest.raises(UserError, match="knows no word of 'zzz'; it knows such as"):
        warn_of(encoder, "zzz")
