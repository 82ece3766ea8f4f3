"""Learning rates at known moments: the factor of each schedule, warm-up, and plateau's memory."""

from __future__ import annotations

import math

import pytest

from nnfit.nn.names import SCHEDULES
from nnfit.nn.schedules import Schedule


def _factors(schedule: Schedule, *times: float) -> list[float]:
    return [schedule.at(time) for time in times]


def test_constant() -> None:
    assert _factors(Schedule("constant", 10), 0.0, 5.0, 9.99) == [1.0, 1.0, 1.0]


def test_cosine_falls_along_half_a_cosine() -> None:
    found = _factors(Schedule("cosine", 12), 0.0, 3.0, 4.0, 6.0, 8.0, 12.0)
    half = math.sqrt(0.5)
    expected = [1.0, (1.0 + half) / 2.0, 0.75, 0.5, 0.25, 0.0]
    assert found == pytest.approx(expected, rel=1e-14, abs=1e-15)


def test_step_divides_by_ten_at_each_third() -> None:
    found = _factors(Schedule("step", 9), 0.0, 2.99, 3.0, 5.99, 6.0, 8.99)
    assert found == pytest.approx([1.0, 1.0, 0.1, 0.1, 0.01, 0.01], rel=1e-14)


def test_step_with_its_own_factor_and_length() -> None:
    schedule = Schedule("step", 9, factor=0.5, every=2)
    assert _factors(schedule, 1.9, 2.0, 3.9, 4.0, 8.5) == [1.0, 0.5, 0.5, 0.25, 0.0625]


def test_exponential_ends_at_one_percent() -> None:
    found = _factors(Schedule("exponential", 10), 0.0, 5.0, 10.0)
    assert found == pytest.approx([1.0, 0.1, 0.01], rel=1e-13)


def test_exponential_with_its_own_factor_per_epoch() -> None:
    found = _factors(Schedule("exponential", 10, factor=0.5), 0.0, 0.5, 1.0, 3.0)
    assert found == pytest.approx([1.0, math.sqrt(0.5), 0.5, 0.125], rel=1e-14)


def test_one_cycle_rises_for_three_tenths_and_falls_for_the_rest() -> None:
    found = _factors(Schedule("one_cycle", 10), 0.0, 1.5, 3.0, 6.5, 10.0)
    expected = [1 / 25, (1 / 25 + 1.0) / 2.0, 1.0, (1.0 + 1e-4) / 2.0, 1e-4]
    assert found == pytest.approx(expected, rel=1e-12)


def test_coslog4_is_four_waves_each_twice_as_long_as_the_last() -> None:
    found = _factors(Schedule("coslog4", 15), 0.0, 1.0, 3.0, 7.0, 15.0)
    assert found == pytest.approx([0.0] * 5, abs=1e-14)
    tops = [2.0**k * math.sqrt(2.0) - 1.0 for k in range(4)]  # log2(1 + t) = k + 1/2
    assert _factors(Schedule("coslog4", 15), *tops) == pytest.approx([1.0] * 4, rel=1e-14)
    assert Schedule("coslog4", 15).at(2.0**0.25 - 1.0) == pytest.approx(0.5, rel=1e-14)


def test_flat_cos_stays_for_half_of_the_run_and_falls_to_0() -> None:
    found = _factors(Schedule("flat_cos", 12), 0.0, 5.99, 6.0, 9.0, 10.0, 12.0)
    assert found == pytest.approx([1.0, 1.0, 1.0, 0.5, 0.25, 0.0], rel=1e-14, abs=1e-15)


def test_plateau_halves_after_ten_epochs_without_a_better_loss() -> None:
    schedule = Schedule("plateau", 100)
    schedule.end_epoch(1.0)
    for _ in range(9):
        schedule.end_epoch(1.0)  # equal is not better
    assert schedule.at(10.0) == 1.0
    schedule.end_epoch(2.0)
    assert schedule.at(11.0) == 0.5
    for _ in range(10):
        schedule.end_epoch(1.5)
    assert schedule.at(21.0) == 0.25


def test_plateau_counts_again_after_a_better_loss() -> None:
    schedule = Schedule("plateau", 100, factor=0.1, every=2)
    for loss in (1.0, 2.0, 0.9, 2.0):
        schedule.end_epoch(loss)
    assert schedule.at(4.0) == 1.0
    schedule.end_epoch(0.9)
    assert schedule.at(5.0) == pytest.approx(0.1)


def test_only_plateau_listens_and_it_needs_a_loss() -> None:
    for name in SCHEDULES:
        schedule = Schedule(name, 10, every=1)
        before = schedule.at(5.0)
        for _ in range(5):
            schedule.end_epoch(None if name == "plateau" else 1.0)
        assert schedule.at(5.0) == before


@pytest.mark.parametrize("name", SCHEDULES)
def test_warm_up_rises_linearly_then_the_schedule_has_the_time_left(name: str) -> None:
    warm, plain = Schedule(name, 12, warmup_epochs=2), Schedule(name, 10)
    assert _factors(warm, 0.0, 0.5, 1.0, 1.75) == [0.0, 0.25, 0.5, 0.875]
    times = [2.0, 2.5, 6.0, 11.9]
    assert _factors(warm, *times) == pytest.approx(_factors(plain, *(t - 2.0 for t in times)))


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("epochs", [1, 2, 3, 100])
def test_no_step_has_the_rate_zero_and_none_exceeds_the_configured_one(
    name: str, epochs: int
) -> None:
    schedule = Schedule(name, epochs, warmup_epochs=epochs // 3)
    factors = [schedule.at((step + 0.5) / 7.0) for step in range(7 * epochs)]
    assert 0.0 < min(factors) and max(factors) <= 1.0
