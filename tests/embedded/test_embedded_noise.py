# ruff: noqa: E402 - without torch the module is skipped before it imports anything
"""Noise levels, weights, losses, learning rates."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the extra `embedded` is not installed: no torch")

from lorabridge.backends.embedded.trainer.job import Noise, Optimizer, Scheduler
from lorabridge.backends.embedded.trainer.noise import draw_noise, level_weights, picture_losses, resolution_shift
from lorabridge.backends.embedded.trainer.optim import make_optimizer, rate_factor


def levels(tokens: int = 256, **keys: object) -> torch.Tensor:
    return draw_noise(Noise.model_validate(keys), (1, 1, 1), tokens, 0, range(3000))[0]


@pytest.mark.parametrize(
    ("keys", "mean"),
    [
        ({}, 0.5),
        ({"bias": "content"}, 0.25),
        ({"bias": "style"}, 0.75),
        ({"bias": "balanced"}, 0.5),
        ({"timestep_sampling": "logit_normal", "mean": -1.0, "std": 0.01}, 0.269),
        ({"timestep_sampling": "sigmoid"}, 0.5),
        ({"timestep_sampling": "shift", "shift": 3.0, "sigmoid_scale": 0.01}, 0.75),
        ({"min_timestep": 0.2, "max_timestep": 0.4}, 0.3),
    ],
)
def test_levels_lie_where_they_should(keys: dict[str, object], mean: float) -> None:
    drawn = levels(**keys)
    assert drawn.min() >= keys.get("min_timestep", 0.0)
    assert drawn.max() <= keys.get("max_timestep", 1.0)
    assert float(drawn.mean()) == pytest.approx(mean, abs=0.02)


def test_balanced_is_a_mixture_and_not_the_middle() -> None:
    drawn = levels(bias="balanced")
    assert float(((drawn < 0.1) | (drawn > 0.9)).float().mean()) > 0.4


def test_larger_pictures_are_shifted_to_more_noise() -> None:
    assert resolution_shift(256) == pytest.approx(1.6487, abs=1e-3)
    assert resolution_shift(4096) == pytest.approx(3.1582, abs=1e-3)
    small, large = (levels(tokens, timestep_sampling="auto_shift").mean() for tokens in (256, 4096))
    assert small < large


def test_what_is_drawn_does_not_depend_on_the_batch() -> None:
    noise = Noise(noise_offset=0.1)
    together = draw_noise(noise, (4, 8, 8), 64, 7, [3, 4, 5])
    alone = draw_noise(noise, (4, 8, 8), 64, 7, [4])
    assert torch.equal(together[1][1], alone[1][0])
    assert together[0][1] == alone[0][0]
    assert not torch.equal(draw_noise(noise, (4, 8, 8), 64, 8, [4])[1], alone[1])


def test_bell_weights_have_mean_one_and_peak_in_the_middle() -> None:
    grid = torch.linspace(0, 1, 10001)
    weights = level_weights(Noise(weighting="bell_shaped"), grid, None)
    assert float(weights.mean()) == pytest.approx(1.0, abs=1e-3)
    assert int(weights.argmax()) == 5000


def test_min_snr_bounds_the_weight_of_little_noise() -> None:
    weights = level_weights(Noise(weighting="min_snr"), torch.zeros(3), torch.tensor([0.5, 5.0, 50.0]))
    assert weights.tolist() == pytest.approx([1.0, 1.0, 0.1])


@pytest.mark.parametrize(("loss", "value"), [("mse", 4.0), ("huber", 0.5 * 0.25 + 0.5 * 1.5), ("smooth_l1", 1.75)])
def test_losses(loss: str, value: float) -> None:
    noise = Noise.model_validate({"loss": loss, "delta": 0.5})
    found = picture_losses(noise, torch.full((2, 1, 2, 2), 2.0), torch.zeros(2, 1, 2, 2), None)
    assert found.tolist() == pytest.approx([value, value])


def test_a_mask_leaves_out_what_it_covers() -> None:
    predicted = torch.tensor([[[[1.0, 3.0]]]])
    mask = torch.tensor([[[[1.0, 0.0]]]])
    assert picture_losses(Noise(), predicted, torch.zeros_like(predicted), mask).tolist() == [1.0]


@pytest.mark.parametrize(
    ("keys", "factors"),
    [
        ({"type": "constant"}, [1, 1, 1, 1, 1]),
        ({"type": "constant", "warmup_steps": 4}, [0.25, 0.5, 0.75, 1, 1]),
        ({"type": "linear"}, [1, 0.75, 0.5, 0.25, 0]),
        ({"type": "linear", "min_lr_ratio": 0.5}, [1, 0.875, 0.75, 0.625, 0.5]),
        ({"type": "cosine"}, [1, 0.853553, 0.5, 0.146447, 0]),
        ({"type": "polynomial", "power": 2.0}, [1, 0.5625, 0.25, 0.0625, 0]),
        ({"type": "cosine_with_restarts", "cycles": 2}, [1, 0.5, 1, 0.5, 0]),
    ],
)
def test_learning_rates(keys: dict[str, object], factors: list[float]) -> None:
    spec = Scheduler.model_validate(keys)
    assert [rate_factor(spec, step, 5) for step in range(5)] == pytest.approx(factors, abs=1e-5)


@pytest.mark.parametrize("kind", ["adamw", "sgd", "adafactor"])
def test_optimizers_take_a_step(kind: str) -> None:
    parameter = torch.nn.Parameter(torch.ones(4, 4))
    optimizer = make_optimizer(Optimizer.model_validate({"type": kind, "lr": 0.1}), [parameter])
    parameter.square().sum().backward()
    optimizer.step()
    assert float(parameter.detach().abs().mean()) < 1


@pytest.mark.parametrize(("kind", "package"), [("adamw8bit", "bitsandbytes"), ("prodigy", "prodigyopt")])
def test_a_missing_optimizer_names_its_package(kind: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(RuntimeError, match=f"needs the package {package}"):
        make_optimizer(Optimizer.model_validate({"type": kind}), [torch.nn.Parameter(torch.ones(1))])


def test_an_argument_that_the_optimizer_does_not_take() -> None:
    with pytest.raises(RuntimeError, match="optimizer sgd does not take"):
        make_optimizer(Optimizer.model_validate({"type": "sgd", "args": {"nonsense": 1}}), [torch.nn.Parameter(torch.ones(1))])
