from __future__ import annotations

import pytest
import torch

from condgen.conditioning.encoders import CodeSpace, one_hot


def test_one_hot():
    assert one_hot(torch.tensor([2, 0]), 3).tolist() == [[0, 0, 1], [1, 0, 0]]
    assert one_hot(torch.tensor([2, 0]), 3).dtype == torch.float32


class TestCodeSpace:
    SPACE = CodeSpace(categorical=(10, 3), continuous=2)

    def test_width(self):
        assert self.SPACE.width == 15

    def test_chosen_codes_by_hand(self):
        code = CodeSpace(categorical=(2, 3), continuous=1).encode(torch.tensor([[1, 0]]), torch.tensor([[-0.5]]))
        assert code.vector.tolist() == [[0, 1, 1, 0, 0, -0.5]]

    def test_drawn_codes_cover_their_ranges(self):
        code = self.SPACE.draw(2000, generator=torch.Generator().manual_seed(0))
        assert code.vector.shape == (2000, 15)
        for column, count in enumerate((10, 3)):
            shares = torch.bincount(code.categories[:, column]) / 2000
            assert shares.tolist() == pytest.approx([1 / count] * count, abs=0.04)
        assert code.values.min() < -0.95
        assert code.values.max() > 0.95
        assert code.values.abs().max() <= 1
        assert code.values.mean().item() == pytest.approx(0, abs=0.05)
        assert torch.equal(code.vector[:, 13:], code.values)
        assert torch.equal(code.vector[:, :10].argmax(1), code.categories[:, 0])

    def test_draws_can_be_repeated(self):
        first, second = (self.SPACE.draw(5, generator=torch.Generator().manual_seed(3)).vector for _ in range(2))
        assert torch.equal(first, second)
        assert not torch.equal(first, self.SPACE.draw(5).vector)

    def test_one_kind_of_code_is_enough(self):
        assert CodeSpace(categorical=(4,)).draw(3).vector.shape == (3, 4)
        assert CodeSpace(continuous=2).draw(3).vector.shape == (3, 2)

    @pytest.mark.parametrize("settings", [{}, {"categorical": (1,)}, {"continuous": -1, "categorical": (3,)}])
    def test_senseless_spaces_are_refused(self, settings):
        with pytest.raises(ValueError, match="code"):
            CodeSpace(**settings)
