"""Labelled pictures in memory."""

import numpy as np
import pytest
import torch
from PIL import Image

from condgen.data.labelled_images import UNLABELLED, Batch, DataConfig, Dataset, require_good
from condgen.data.loading import Draw, Order, batches
from condgen.data.manifest import write
from condgen.errors import UserError

CLASSES = ("cat", "dog")


def draw(folder, rows):
    """`rows`: (split, label or None, pixels). The path of the manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for number, (split, label, pixels) in enumerate(rows):
        Image.fromarray(np.asarray(pixels, np.uint8)).save(folder / f"{number}.png")
        written.append({"split": split, "image": f"{number}.png"} | ({} if label is None else {"label": label}))
    write(folder / "manifest.jsonl", written)
    return folder / "manifest.jsonl"


def plain(value, size=4):
    return np.full((size, size), value, np.uint8)


def many(count):
    """`count` training pictures of each class in turn, and one validation picture."""
    rows = [("train", CLASSES[n % 2], plain(n)) for n in range(2 * count)]
    return [*rows, ("validation", "cat", plain(255))]


def test_pictures_are_decoded_once_into_one_tensor(tmp_path):
    manifest = draw(tmp_path, [("train", "dog", plain(0)), ("train", None, plain(255)), ("train", "cat", plain(51))])
    dataset = Dataset(DataConfig(manifest=str(manifest)), size=4, channels=1, classes=CLASSES)
    for file in tmp_path.glob("*.png"):
        file.unlink()
    assert (dataset.images.shape, dataset.images.dtype, len(dataset)) == ((3, 1, 4, 4), torch.uint8, 3)
    assert dataset.images[:, 0, 0, 0].tolist() == [0, 255, 51]
    assert dataset.labels.tolist() == [1, UNLABELLED, 0]
    assert dataset.labels.dtype == torch.int64
    item = dataset[Draw(2, (0, 0))]
    assert isinstance(item, Batch)
    assert item.image.shape == (1, 4, 4)
    torch.testing.assert_close(item.image, torch.full((1, 4, 4), -0.6))
    assert (dataset[Draw(0, (0, 0))].image == -1).all()
    assert (dataset[Draw(1, (0, 0))].image == 1).all()
    batch = next(batches(dataset, Order(3, 3, seed=0)))
    assert (batch.image.shape, batch.label.shape) == ((3, 1, 4, 4), (3,))
    assert sorted(batch.label.tolist()) == [-1, 0, 1]


def test_grey_and_colour_are_converted_either_way(tmp_path):
    colour = np.zeros((4, 4, 3), np.uint8)
    colour[..., 1] = 200
    manifest = draw(tmp_path, [("train", "cat", colour), ("train", "cat", plain(90))])
    config = DataConfig(manifest=str(manifest))
    grey = Dataset(config, size=4, channels=1, classes=CLASSES).images
    assert grey[:, 0, 0, 0].tolist() == [round(0.587 * 200), 90]  # ITU-R 601
    rgb = Dataset(config, size=4, channels=3, classes=CLASSES).images
    assert rgb[:, :, 0, 0].tolist() == [[0, 200, 0], [90, 90, 90]]


def test_few_labels_are_equally_many_of_each_class_and_more_contain_fewer(tmp_path):
    manifest = str(draw(tmp_path, many(8)))

    def chosen(**settings):
        dataset = Dataset(DataConfig(manifest=manifest, **settings), size=4, channels=1, classes=CLASSES)
        rows = dataset.labelled_rows()
        assert (dataset.labels[rows] == rows % 2).all()
        return set(rows.tolist())

    few, more = chosen(labels=4), chosen(labels=8)
    assert len(few) == 4
    assert sum(row % 2 for row in few) == 2
    assert few < more
    assert chosen(labels=4) == few
    assert len({frozenset(chosen(labels=4, labels_seed=seed)) for seed in range(6)}) > 1
    assert chosen() == set(range(16))


def test_labelled_alone_and_validation_keeps_its_labels(tmp_path):
    config = DataConfig(manifest=str(draw(tmp_path, many(3))), labels=2)
    dataset = Dataset(config, size=4, channels=1, classes=CLASSES)
    part = dataset.labelled()
    assert (len(dataset), len(part)) == (6, 2)
    assert sorted(part.labels.tolist()) == [0, 1]
    assert part.images[:, 0, 0, 0].tolist() == dataset.labelled_rows().tolist()
    validation = Dataset(config, size=4, channels=1, classes=CLASSES, split="validation")
    assert validation.labels.tolist() == [0]
    unlabelled = Dataset(config, size=4, channels=1, classes=())
    assert unlabelled.labels.unique().tolist() == [UNLABELLED]
    with pytest.raises(UserError, match="no picture has a label"):
        unlabelled.labelled()


@pytest.mark.parametrize("order", ["sorted", "in turn"])
def test_a_limit_draws_rows_from_all_over(tmp_path, order):
    rows = [("train", CLASSES[n // 20 if order == "sorted" else n % 2], plain(n)) for n in range(40)]
    config = DataConfig(manifest=str(draw(tmp_path, rows)))
    first, second = (Dataset(config, size=4, channels=1, classes=CLASSES, limit=20) for _ in range(2))
    values = first.images[:, 0, 0, 0].tolist()
    assert values == sorted(set(values))
    assert len(values) == 20
    assert first.labels.tolist() == [CLASSES.index(rows[value][1]) for value in values]
    assert min(first.labels.bincount()) >= 5
    assert torch.equal(first.images, second.images)
    assert len(Dataset(config, size=4, channels=1, classes=CLASSES, limit=50)) == 40


def test_numbers_of_labels_that_do_not_fit_are_said(tmp_path):
    manifest = str(draw(tmp_path, many(3)))
    with pytest.raises(UserError, match=r"data\.labels=3 are not equally many of 2 classes"):
        require_good(DataConfig(manifest=manifest, labels=3), CLASSES)
    with pytest.raises(UserError, match=r"class 'cat' has 3 training .* label, and data\.labels=8 takes 4"):
        require_good(DataConfig(manifest=manifest, labels=8), CLASSES)
    with pytest.raises(ValueError, match="must not be negative"):
        DataConfig(labels=-1)


def test_good_data_passes_and_numbers_serve_as_labels(tmp_path):
    rows = [("train", 7, plain(0)), ("train", None, plain(1)), ("validation", "8", plain(2))]
    config = DataConfig(manifest=str(draw(tmp_path, rows)))
    require_good(config, ("7", "8"))
    assert Dataset(config, size=4, channels=1, classes=("7", "8")).labels.tolist() == [0, UNLABELLED]


def test_labels_that_are_no_class_are_said_with_their_rows(tmp_path):
    rows = [("train", "cat", plain(0)), ("train", "cow", plain(1)), ("validation", "owl", plain(2))]
    config = DataConfig(manifest=str(draw(tmp_path, rows)))
    with pytest.raises(UserError) as caught:
        require_good(config, CLASSES)
    assert str(caught.value) == (
        f"{config.manifest}: 1 rows (lines 2) have a label that is no class of the model: cow; "
        "the classes are cat, dog: change the rows or model.classes"
    )
    require_good(config, ())  # nobody looks at labels


def test_bad_files_are_named_in_a_table_and_a_clean_manifest_is_written(tmp_path, capsys):
    manifest = draw(tmp_path, many(2))
    (tmp_path / "1.png").write_bytes((tmp_path / "1.png").read_bytes()[:40])
    (tmp_path / "2.png").unlink()
    config = DataConfig(manifest=str(manifest))
    with pytest.raises(UserError, match=r"has 2 errors, see the table; mend them, or train on .*clean\.jsonl, the 3"):
        require_good(config, CLASSES)
    table = capsys.readouterr().err
    assert "there is no such file" in table
    assert "damaged" in table
    require_good(DataConfig(manifest=str(tmp_path / "manifest.clean.jsonl")), CLASSES)
    with pytest.raises(UserError, match=r"1\.png"):
        Dataset(config, size=4, channels=1, classes=CLASSES)


def test_both_splits_are_needed(tmp_path, capsys):
    config = DataConfig(manifest=str(draw(tmp_path, [("train", "cat", plain(0))])))
    with pytest.raises(UserError, match="has 1 error,"):
        require_good(config, CLASSES)
    assert "no row of split 'validation'" in capsys.readouterr().err
