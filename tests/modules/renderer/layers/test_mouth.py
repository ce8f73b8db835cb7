"""Teeth are drawn between parted lips only, and stand where skull and jaw are."""

from __future__ import annotations

import torch

from modules.renderer.layers.mouth import LOWER, UPPER, MouthLayer, Opening, between_lips, on_plane


def opening(gap: float, shift: float = 0.0) -> Opening:
    """Make a mouth 0.8 wide, open by `gap`, whose lips both lie `shift` higher than they usually do."""
    y, x = torch.meshgrid(torch.linspace(0.5, -0.5, 41), torch.linspace(-0.6, 0.6, 49), indexing="ij")
    lips, usual = torch.zeros(1, 68, 2), torch.zeros(68, 2)
    for points, high in ((UPPER, 0.5), (LOWER, -0.5)):
        lips[0, points, 0] = usual[points, 0] = torch.linspace(-0.4, 0.4, 5)
        lips[0, points, 1] = high * gap + shift
        usual[points, 1] = high * 0.1
    return Opening(torch.stack([x, y], dim=-1)[None], lips, usual)


def trained(size: int = 16) -> MouthLayer:
    torch.manual_seed(0)
    layer = MouthLayer(size)
    with torch.no_grad():
        layer.leave.weight.normal_(std=0.3)
    return layer


def test_nothing_changes_at_first_nor_where_lips_are_or_are_shut():
    colour = torch.rand(1, 3, 41, 49)
    assert torch.equal(MouthLayer(16)(colour, opening(0.4)), colour)
    layer = trained()
    assert torch.equal(layer(colour, opening(0.0)), colour)
    inside, _ = between_lips(opening(0.4))
    drawn = layer(colour, opening(0.4))
    outside = (inside == 0).expand_as(colour)
    assert outside.any()
    assert not outside.all()
    assert torch.equal(drawn[outside], colour[outside])
    assert (drawn - colour)[(inside == 1).expand_as(colour)].abs().mean() > 0.01


def test_inside_is_what_lies_between_the_lips():
    inside, near = between_lips(opening(0.4))
    middle = inside[0, 0, :, 24]
    assert middle[20] == 1
    assert max(middle[:8].max(), middle[-8:].max()) == 0
    assert inside[0, 0, 20, [0, -1]].max() == 0
    assert near[0, 0, 20, 24] > 0
    assert near[0, 0, 5, 24] < 0


def test_the_upper_teeth_stay_in_the_skull_and_the_lower_ones_go_with_the_jaw():
    layer = trained()
    (upper, lower), (same, moved) = (layer._read(opening(gap)) for gap in (0.2, 0.6))
    assert torch.equal(upper, same)
    assert (lower - moved).abs().max() > 0.01


def test_points_are_seen_in_a_plane_before_the_eye():
    eye, depth = torch.tensor([0.0, 0.0, 10.0]), torch.tensor(1.0)
    torch.testing.assert_close(on_plane(torch.tensor([[0.5, 1.0, 1.0]]), eye, depth), torch.tensor([[0.5, 1.0]]))
    torch.testing.assert_close(on_plane(torch.tensor([[1.0, 0.0, 5.5]]), eye, depth), torch.tensor([[2.0, 0.0]]))
    assert on_plane(torch.tensor([[1.0, 1.0, 12.0]]), eye, depth).isfinite().all(), "what lies behind the eye"
