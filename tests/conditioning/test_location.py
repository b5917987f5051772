from __future__ import annotations

import pytest
import torch

from condgen.conditioning.location import box_mask, crop, gate, heat_maps, paste
from condgen.data.locations import MINIMUM_EXTENT

COLUMNS = torch.arange(1.0, 6).expand(5, 5)[None, None]  # 1 2 3 4 5 in each row
ROWS = COLUMNS.mT


def boxes(*rows) -> torch.Tensor:
    return torch.tensor(rows)


def keypoints(*points) -> torch.Tensor:
    return torch.tensor([points], dtype=torch.float)


class TestCropAndPaste:
    def test_the_whole_picture_changes_nothing(self):
        features, whole = torch.randn(2, 3, 6, 7), boxes([0.0, 0, 1, 1], [0, 0, 1, 1])
        torch.testing.assert_close(crop(features, whole), features)
        torch.testing.assert_close(paste(features, whole), features)

    def test_crop_of_the_right_half(self):
        """Places -1, -.5, 0, .5, 1 look at 0, .25, .5, .75, 1: x moves columns and leaves rows alone."""
        right = boxes([0.5, 0, 0.5, 1])
        torch.testing.assert_close(crop(COLUMNS, right)[0, 0], torch.tensor([3, 3.5, 4, 4.5, 5]).expand(5, 5))
        torch.testing.assert_close(crop(ROWS, right), ROWS)

    def test_crop_of_the_lower_half(self):
        lower = boxes([0, 0.5, 1, 0.5])
        torch.testing.assert_close(crop(ROWS, lower)[0, 0, :, 0], torch.tensor([3, 3.5, 4, 4.5, 5]))
        torch.testing.assert_close(crop(COLUMNS, lower), COLUMNS)

    def test_paste_into_the_right_half_is_zero_outside(self):
        """Places look at 2 p - 1 = -3, -2, -1, 0, 1, of which two are outside."""
        torch.testing.assert_close(
            paste(COLUMNS, boxes([0.5, 0, 0.5, 1]))[0, 0], torch.tensor([0.0, 0, 1, 3, 5]).expand(5, 5)
        )

    def test_paste_into_a_quarter_of_the_top(self):
        """Box in the left upper quarter: columns and rows 1 3 5 0 0."""
        pasted = paste(COLUMNS * ROWS, boxes([0, 0, 0.5, 0.5]))[0, 0]
        line = torch.tensor([1.0, 3, 5, 0, 0])
        torch.testing.assert_close(pasted, line[:, None] * line)

    def test_the_box_of_each_sample_is_its_own(self):
        features = torch.cat([COLUMNS, COLUMNS])
        pasted = paste(features, boxes([0.5, 0, 0.5, 1], [0, 0, 0.5, 1]))
        assert pasted[0, 0, 0].tolist() == [0, 0, 1, 3, 5]
        assert pasted[1, 0, 0].tolist() == [1, 3, 5, 0, 0]

    def test_crop_takes_back_what_paste_did(self):
        smooth = torch.linspace(0, 1, 33).expand(33, 33)[None, None]
        box = boxes([0.25, 0.25, 0.5, 0.5])
        torch.testing.assert_close(crop(paste(smooth, box), box), smooth, atol=1e-5, rtol=0)

    def test_a_crop_beyond_the_picture_fades_to_zero(self):
        """Columns 4, 4.5, 5, 5.5 (half outside) and 6."""
        assert crop(COLUMNS, boxes([0.75, 0, 0.5, 1]))[0, 0, 0].tolist() == [4, 4.5, 5, 2.5, 0]

    def test_a_box_of_no_width_is_drawn_at_the_minimum(self):
        thin, least = boxes([0.5, 0, 0.0, 1]), boxes([0.5, 0, MINIMUM_EXTENT, 1])
        torch.testing.assert_close(paste(COLUMNS, thin), paste(COLUMNS, least))

    @pytest.mark.parametrize("change", [crop, paste])
    def test_gradients_go_to_the_features(self, change):
        features = torch.randn(1, 2, 4, 4, dtype=torch.float64, requires_grad=True)
        box = boxes([0.2, 0.3, 0.5, 0.4])
        change(features, box).sum().backward()
        assert features.grad.abs().sum() > 0

    def test_places_stay_exact_under_autocast(self):
        fine = torch.linspace(0, 1, 257).expand(1, 1, 257, 257)
        box = boxes([0.1, 0.2, 0.3, 0.4])
        with torch.autocast("cpu", torch.bfloat16):
            half = crop(fine.bfloat16(), box)
        assert half.dtype is torch.bfloat16
        torch.testing.assert_close(half.float(), crop(fine.bfloat16().float(), box), atol=4e-3, rtol=0)


class TestBoxMask:
    def test_cells_are_covered_by_their_share(self):
        mask = box_mask(boxes([0.125, 0.5, 0.5, 0.25]), 4)  # columns 0.5 to 2.5 of 4, row 2
        expected = torch.zeros(4, 4)
        expected[2] = torch.tensor([0.5, 1, 0.5, 0])
        torch.testing.assert_close(mask[0, 0], expected)

    def test_its_mean_is_the_area(self):
        assert box_mask(boxes([0.13, 0.41, 0.37, 0.29]), 16).mean().item() == pytest.approx(0.37 * 0.29, abs=1e-6)


class TestKeypoints:
    def test_each_has_a_map_with_one_cell(self):
        maps = heat_maps(keypoints((0.3, 0.9, 1), (0.74, 0.1, 1)), 4)  # columns 1.2 and 2.96, rows 3.6 and 0.4
        expected = torch.zeros(1, 2, 4, 4)
        expected[0, 0, 3, 1] = expected[0, 1, 0, 2] = 1
        assert torch.equal(maps, expected)

    def test_the_edges_belong_to_the_outer_cells(self):
        maps = heat_maps(keypoints((0, 0, 1), (1, 1, 1)), 16)
        assert maps[0, 0, 0, 0] == maps[0, 1, 15, 15] == 1
        assert maps.sum() == 2

    def test_invisible_ones_leave_no_trace(self):
        assert heat_maps(keypoints((0.3, 0.3, 0), (0.3, 0.3, 0.4)), 8).sum() == 0

    def test_a_mirrored_point_lies_in_the_mirrored_cell(self):
        points = torch.cat([torch.rand(1, 5, 2), torch.ones(1, 5, 1)], dim=2)
        mirrored = points * torch.tensor([-1, 1, 1]) + torch.tensor([1, 0, 0])
        assert torch.equal(heat_maps(mirrored, 16), heat_maps(points, 16).flip(-1))

    def test_the_gate_is_open_once_however_many_points_there_are(self):
        maps = heat_maps(keypoints((0.1, 0.1, 1), (0.1, 0.1, 1), (0.9, 0.1, 1), (0.9, 0.9, 0)), 2)
        assert gate(maps).tolist() == [[[[1, 1], [0, 0]]]]


@pytest.mark.parametrize(("height", "width"), [(16, 16), (5, 9)])
def test_values_and_gradients_are_those_of_grid_sample(height, width):
    torch.manual_seed(0)
    box = torch.cat([torch.rand(8, 2) - 0.2, 0.05 + torch.rand(8, 2)], dim=1)  # some reach out of the map
    features = torch.randn(8, 3, height, width, requires_grad=True)
    centre, extent = 2 * (box[:, :2] + box[:, 2:] / 2) - 1, box[:, 2:]
    for ours, scale, shift in ((crop, extent, centre), (paste, 1 / extent, -centre / extent)):
        theta = torch.cat([torch.diag_embed(scale), shift[:, :, None]], dim=2)
        grid = torch.nn.functional.affine_grid(theta, list(features.shape), align_corners=True)
        expected = torch.nn.functional.grid_sample(features, grid, align_corners=True)
        found, weights = ours(features, box), torch.randn(8, 3, height, width)
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
        (gradient,) = torch.autograd.grad((found * weights).sum(), features)
        torch.testing.assert_close(
            gradient, torch.autograd.grad((expected * weights).sum(), features)[0], atol=1e-4, rtol=0
        )
