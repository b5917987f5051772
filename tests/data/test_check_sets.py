"""The data check on sets of rows: two unpaired domains, splits with too few rows, and files that not every row has."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from PIL import Image

from condgen.data import manifest as manifests
from condgen.data.check import Demands, FieldPair, check
from condgen.data.check_sets import exchanged
from condgen.data.findings import WHOLE_FILE
from condgen.data.manifest import Manifest, Split
from condgen.data.media import Media

DOMAINS = ("a", "b")
DEMANDS = Demands(fields={"image": Media.IMAGE}, domains=DOMAINS, splits=(Split.TRAIN, Split.VALIDATION))
OTHER = {"a": "b", "b": "a"}


def picture(path, seed, domain="a", size=(24, 20)):
    """Reddish noise in domain a, bluish in domain b."""
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 120, (size[1], size[0], 3), dtype=np.uint8)
    pixels[..., 0 if domain == "a" else 2] += np.uint8(random.integers(60, 130))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def rows_of(folder, counts):
    """Rows (split, domain) -> count, and their files."""
    rows = []
    for split, domain, count in counts:
        for number in range(count):
            name = f"{split}/{domain}/{number}.png"
            picture(folder / name, (len(rows), number), domain)
            rows.append({"split": str(split), "domain": domain, "image": name})
    return rows


def checked(folder, rows, demands=DEMANDS):
    manifests.write(folder / "m.jsonl", rows)
    return check(Manifest.read(folder / "m.jsonl"), demands)


def both(train=2, validation=1):
    return [(split, domain, n) for split, n in (("train", train), ("validation", validation)) for domain in DOMAINS]


def test_two_sets_that_are_right_have_no_findings(tmp_path):
    assert checked(tmp_path, rows_of(tmp_path, both())) == []


def test_every_row_belongs_to_a_known_domain(tmp_path):
    rows = rows_of(tmp_path, both())
    rows[0] |= {"domain": "c"}
    del rows[2]["domain"]
    found = checked(tmp_path, rows)
    assert [(finding.line, finding.problem, finding.is_error) for finding in found] == [
        (1, "domain 'c'", True),
        (3, "no 'domain'", True),
    ]
    assert found[0].fix == 'set "domain" to one of a, b'


def test_every_split_needs_both_domains(tmp_path):
    rows = [row for row in rows_of(tmp_path, both()) if (row["split"], row["domain"]) != ("validation", "b")]
    (finding,) = checked(tmp_path, rows)
    assert (finding.line, finding.is_error) == (WHOLE_FILE, True)
    assert finding.problem == "no row of split 'validation' and domain 'b'"
    (finding,) = checked(tmp_path, [row for row in rows if row["split"] == "train"])
    assert finding.problem == "no row of split 'validation'"
    picture(tmp_path / "new.png", 99)  # a split that nobody asks for may have one
    whole = [*rows_of(tmp_path, both()), {"split": "test", "domain": "a", "image": "new.png"}]
    assert checked(tmp_path, whole) == []


@pytest.mark.parametrize(("domains", "where"), [(DOMAINS, " and domain 'a'"), ((), "")])
def test_too_few_rows_are_an_error(tmp_path, domains, where):
    counts = [("train", "a", 1), ("train", "b", 3 if domains else 0), *both()[2:]]
    demands = Demands(fields={"image": Media.IMAGE}, domains=domains, minimum_rows={Split.TRAIN: 3})
    rows = rows_of(tmp_path, counts)
    (finding,) = checked(tmp_path, rows, demands)
    assert (finding.line, finding.is_error, finding.fix) == (WHOLE_FILE, True, "give at least 3")
    assert finding.problem == f"only 1 row of split 'train'{where}"


def test_a_picture_of_both_domains_is_an_error_in_training(tmp_path):
    rows = rows_of(tmp_path, both())
    picture(tmp_path / "validation/b/0.png", 7)
    for split in ("train", "validation"):
        (tmp_path / split / "a/0.png").write_bytes((tmp_path / split / "b/0.png").read_bytes())
    found = checked(tmp_path, rows)
    assert [(finding.line, finding.problem, finding.is_error) for finding in found] == [
        (3, "same as train/a/0.png (line 1, train), there domain 'a' and here 'b'", True),
        (6, "same as validation/a/0.png (line 5, validation), there domain 'a' and here 'b'", False),
    ]
    assert found[0].fix == "take line 1 or line 3 out: a picture is of one domain"


def test_a_picture_in_two_splits_is_an_error_whatever_its_domain(tmp_path):
    rows = rows_of(tmp_path, both())
    (tmp_path / "train/a/0.png").write_bytes((tmp_path / "validation/b/0.png").read_bytes())
    (finding,) = checked(tmp_path, rows)
    assert (finding.line, finding.is_error) == (1, True)
    assert finding.problem == "same as validation/b/0.png (line 6, validation)"


def test_domains_that_are_exchanged_in_validation_are_found_by_their_colours(tmp_path):
    rows = rows_of(tmp_path, both(14, 5))
    assert checked(tmp_path, rows) == []
    swapped = [row | {"domain": OTHER[row["domain"]]} if row["split"] == "validation" else row for row in rows]
    (finding,) = checked(tmp_path, swapped)
    assert (finding.line, finding.is_error, finding.fix) == (WHOLE_FILE, True, "swap the two in validation")
    assert finding.problem == (
        "a and b of validation have the colours of each other in train: 5 of 5 in a, 5 of 5 in b"
    )
    one = [row | {"domain": "b"} if row == rows[-6] else row for row in rows]  # one of five is no exchange
    assert checked(tmp_path, one) == []
    few = [row for row in swapped if not row["image"].endswith(("1.png", "2.png", "3.png"))]  # 10 of each in training
    assert checked(tmp_path, few) == []


def sides(random, apart, count):
    """Of two dimensions: the means are `apart` deviations from each other in one of them."""
    first = 10 * random.standard_normal((count, 2))
    second = 10 * random.standard_normal((count, 2))
    first[:, 0] += 10 * apart
    return first, second


def test_colours_that_overlap_make_a_note_at_most():
    random = np.random.default_rng(0)
    train, validation = sides(random, 1.2, 300), sides(random, 1.2, 80)
    assert exchanged(train, validation, DOMAINS, Split.VALIDATION) is None
    problem = exchanged(train, validation[::-1], DOMAINS, Split.VALIDATION)
    assert not problem.is_error
    assert problem.fix.startswith("swap the two in validation, if not meant: by colours, 7")
    few = [side[:5] for side in validation[::-1]]
    assert exchanged(train, few, DOMAINS, Split.VALIDATION) is None


def test_a_split_that_only_differs_is_not_exchanged():
    random = np.random.default_rng(0)
    train, validation = sides(random, 6, 100), sides(random, 6, 40)
    darker = tuple(side - [60, 0] for side in validation)  # the first now lies where the second does, which is further
    assert exchanged(train, darker, DOMAINS, Split.VALIDATION) is None
    assert exchanged(train, validation[::-1], DOMAINS, Split.VALIDATION).is_error
    same = sides(random, 0, 100)
    assert exchanged(same, validation, DOMAINS, Split.VALIDATION) is None
    assert exchanged(same, validation[::-1], DOMAINS, Split.VALIDATION) is None


def test_a_hidden_partner_may_be_missing_but_not_damaged(tmp_path):
    rows = rows_of(tmp_path, both())
    for row in rows:
        row["sha256"] = hashlib.sha256((tmp_path / row["image"]).read_bytes()).hexdigest()
    for row, size in zip(rows[4:], [(24, 20), (24, 21)], strict=True):
        row["partner"] = f"partners/{row['image']}"
        picture(tmp_path / row["partner"], len(row["partner"]) + size[1], size=size)
    demands = Demands(
        fields={"image": Media.IMAGE, "partner": Media.IMAGE},
        optional=["partner"],
        domains=DOMAINS,
        pairs=[FieldPair("image", "partner", same_content=False)],
    )
    (finding,) = checked(tmp_path, rows, demands)
    assert (finding.line, finding.problem) == (6, "24x21 and image is 24x20")
    rows[0]["sha256"] = "0" * 64  # the hash of the one file that all rows have
    rows[4]["partner_sha256"] = "0" * 64
    rows[5]["partner"] = "partners/none/0.png"
    found = checked(tmp_path, rows, demands)
    assert [(finding.line, finding.file) for finding in found] == [
        (1, "train/a/0.png"),
        (5, "partners/validation/a/0.png"),
        (6, "partners/none/0.png"),
    ]
    assert [finding.problem for finding in found] == ["changed since the manifest was made"] * 2 + ["missing"]
