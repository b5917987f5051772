"""KTH's actions: where in a file they are, and whose they are."""

from __future__ import annotations

import pytest

from condgen.data.kth import read_kth, read_sequences
from condgen.data.manifest import Split
from condgen.errors import UserError

TEXT = """\
 Training: person11, 12, 13
person11_boxing_d1\t\tframes\t1-95, 96-185
person25_handwaving_d3\tframes\t10-40
person22_walking_d4\tframes\t 5-60 , 100-150
person13_handclapping_d3\t*missing*
"""


def test_every_time_of_an_action_is_a_take(tmp_path):
    (tmp_path / "00sequences.txt").write_text(TEXT)
    for name in ("person11_boxing_d1_uncomp", "person25_handwaving_d3", "person22_walking_d4_uncomp", "other"):
        (tmp_path / f"{name}.avi").touch()
    takes = read_kth([tmp_path], tmp_path / "00sequences.txt")
    assert [(take.about.name, take.about.split, take.start, take.stop) for take in takes] == [
        ("boxing/person11_boxing_d1_1", Split.TRAIN, 0, 95),
        ("boxing/person11_boxing_d1_2", Split.TRAIN, 95, 185),
        ("walking/person22_walking_d4_1", Split.TEST, 4, 60),
        ("walking/person22_walking_d4_2", Split.TEST, 99, 150),
        ("handwaving/person25_handwaving_d3_1", Split.VALIDATION, 9, 40),
    ]
    assert takes[0].about.further == {"person": 11, "setting": "outdoors"}
    assert takes[2].about.captions[1] == "a person is walking indoors"


def test_what_is_not_as_published_is_refused(tmp_path):
    sequences = tmp_path / "00sequences.txt"
    with pytest.raises(UserError, match="cannot be read"):
        read_sequences(sequences)
    sequences.write_text("nothing")
    with pytest.raises(UserError, match="has no line such as"):
        read_sequences(sequences)
    sequences.write_text("person11_boxing_d1 frames 95-1")
    with pytest.raises(UserError, match=r"sequences\.txt:1: .* is not as published"):
        read_sequences(sequences)
    sequences.write_text(TEXT)
    with pytest.raises(UserError, match="has no file such as"):
        read_kth([tmp_path], sequences)
    (tmp_path / "person13_handclapping_d3_uncomp.avi").touch()
    with pytest.raises(UserError, match=r"does not say where in .*person13_handclapping_d3_uncomp\.avi the action is"):
        read_kth([tmp_path], sequences)
