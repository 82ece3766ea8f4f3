"""Activations: values against their formulas, slopes against numerical ones, and extremes.

The formulas here are written with `math`, number by number, so that nothing is shared with the
code under test.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nnfit.gradcheck.numeric import COMPLEX_STEP
from nnfit.nn.activations import ACTIVATIONS
from nnfit.nn.names import ACTIVATIONS as NAMES_OF

Array = NDArray[Any]


def _sigmoid(z: float) -> float:
    return 1.0 / (1.0 + math.exp(-z)) if z >= 0.0 else math.exp(z) / (1.0 + math.exp(z))


def _softplus(z: float) -> float:
    return max(z, 0.0) + math.log1p(math.exp(-abs(z)))


def _gelu(z: float) -> float:
    return 0.5 * z * (1.0 + math.tanh(math.sqrt(2.0 / math.pi) * (z + 0.044715 * z**3)))


FORMULAS: dict[str, Callable[[float], float]] = {
    "identity": lambda z: z,
    "sigmoid": _sigmoid,
    "tanh": math.tanh,
    "relu": lambda z: max(z, 0.0),
    "leaky_relu": lambda z: z if z > 0.0 else 0.01 * z,
    "elu": lambda z: z if z > 0.0 else math.expm1(z),
    # alpha and scale as printed by Klambauer et al. 2017
    "selu": lambda z: 1.0507009873554805 * (z if z > 0.0 else 1.6732632423543772 * math.expm1(z)),
    "gelu": _gelu,
    "silu": lambda z: z * _sigmoid(z),
    "mish": lambda z: z * math.tanh(_softplus(z)),
    "softplus": _softplus,
}

# (f(-1e4), f'(-1e4), f(1e4), f'(1e4))
FAR = {
    "identity": (-1e4, 1.0, 1e4, 1.0),
    "sigmoid": (0.0, 0.0, 1.0, 0.0),
    "tanh": (-1.0, 0.0, 1.0, 0.0),
    "relu": (0.0, 0.0, 1e4, 1.0),
    "leaky_relu": (-100.0, 0.01, 1e4, 1.0),
    "elu": (-1.0, 0.0, 1e4, 1.0),
    "selu": (-1.7580993408473766, 0.0, 1.0507009873554805e4, 1.0507009873554805),
    "gelu": (0.0, 0.0, 1e4, 1.0),
    "silu": (0.0, 0.0, 1e4, 1.0),
    "mish": (0.0, 0.0, 1e4, 1.0),
    "softplus": (0.0, 0.0, 1e4, 1.0),
}

NAMES = sorted(ACTIVATIONS)


def _value(name: str, z: Array) -> Array:
    a = np.full_like(z, 7.0)  # what the buffer held must not matter
    ACTIVATIONS[name].f(z, a, np.full_like(z, 7.0))
    return a


def _slope(name: str, z: Array) -> Array:
    z, a, slope = z.copy(), np.full_like(z, 7.0), np.full_like(z, 7.0)
    ACTIVATIONS[name].f(z, a, slope)  # may leave in the slope what its derivative needs
    ACTIVATIONS[name].df(z, a, slope)
    return slope


def test_every_activation_has_a_formula_here() -> None:
    assert set(FORMULAS) == set(FAR) == set(ACTIVATIONS)


@pytest.mark.parametrize("name", NAMES)
def test_values_are_the_formulas(name: str) -> None:
    z = np.linspace(-20.0, 20.0, 161).reshape(7, 23)  # 0 is among them
    expected = np.vectorize(FORMULAS[name])(z)
    # 1 + tanh has one rounding at 1, times |z| <= 20: an absolute error of a few 1e-15
    np.testing.assert_allclose(_value(name, z), expected, rtol=1e-14, atol=5e-15)


@pytest.mark.parametrize("name", NAMES)
def test_slope_is_the_complex_step_of_the_value(name: str) -> None:
    z = np.linspace(-8.0, 8.0, 160).reshape(4, 40)
    numeric = _value(name, z + 1j * COMPLEX_STEP).imag / COMPLEX_STEP
    np.testing.assert_allclose(_slope(name, z), numeric, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", NAMES)
def test_slope_is_the_central_difference_of_the_formula(name: str) -> None:
    h = 1e-5
    z = np.linspace(-8.0, 8.0, 160)  # the nearest points lie 0.05 from the kink at 0
    f = np.vectorize(FORMULAS[name])
    numeric = (f(z + h) - f(z - h)) / (2.0 * h)
    # h^2 f'''/6 < 1e-10 and round-off eps |f|/h < 2e-10
    np.testing.assert_allclose(_slope(name, z), numeric, rtol=1e-8, atol=1e-9)


def test_slope_of_sigmoid_is_sigmoid_times_one_minus_sigmoid() -> None:
    z = np.linspace(-6.0, 6.0, 49)
    s = np.vectorize(_sigmoid)(z)
    np.testing.assert_allclose(_slope("sigmoid", z), s * (1.0 - s), rtol=1e-12, atol=1e-16)


def test_slopes_at_the_kink_are_those_from_the_left() -> None:
    kinked = [name for name, f in ACTIVATIONS.items() if 0.0 in f.kinks]
    found = {name: _slope(name, np.zeros(1)).item() for name in kinked}
    assert found == {
        "relu": 0.0,
        "leaky_relu": 0.01,
        "elu": 1.0,
        "selu": pytest.approx(1.0507009873554805 * 1.6732632423543772, rel=1e-15),
    }


@pytest.mark.parametrize("name", NAMES)
def test_kinks_are_where_slope_or_curvature_jumps(name: str) -> None:
    h = 1e-6
    jumps = []
    for z in np.linspace(-8.0, 8.0, 161).round(1):  # 0 is among them
        slope = _slope(name, z + h * np.array([-2.0, -1.0, 1.0, 2.0]))
        bends = abs(float((slope[3] - slope[2]) - (slope[1] - slope[0]))) / h
        if abs(float(slope[2] - slope[1])) > 0.01 or bends > 0.5:
            jumps.append(float(z))
    assert tuple(jumps) == ACTIVATIONS[name].kinks


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize("name", NAMES)
def test_far_values_and_slopes_are_the_limits(name: str, dtype: Any) -> None:
    low, low_slope, high, high_slope = FAR[name]
    z: Array = np.array([[-1e4, 1e4]], dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        a, slope = _value(name, z), _slope(name, z)
    assert a.dtype == slope.dtype == dtype
    eps = 2.0 * np.finfo(dtype).eps
    np.testing.assert_allclose(a, np.array([[low, high]]), rtol=eps, atol=0.0)
    np.testing.assert_allclose(slope, np.array([[low_slope, high_slope]]), rtol=eps, atol=eps)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", NAMES)
def test_nothing_overflows_on_the_way(name: str, dtype: Any) -> None:
    z = np.concatenate([-np.geomspace(1e4, 1e-30, 200), np.geomspace(1e-30, 1e4, 200)])
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        a, slope = _value(name, z.astype(dtype)), _slope(name, z.astype(dtype))
    assert np.isfinite(a).all() and np.isfinite(slope).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_value_leaves_z_alone_and_fills_a_part_of_a_larger_array(name: str) -> None:
    z = np.linspace(-3.0, 3.0, 12).reshape(3, 4)
    before, larger = z.copy(), np.ones((4, 4))
    ACTIVATIONS[name].f(z, larger[:3], np.empty_like(z))
    np.testing.assert_array_equal(z, before)
    np.testing.assert_array_equal(larger[:3], _value(name, z))
    np.testing.assert_array_equal(larger[3], np.ones(4))


def test_gelu_is_near_the_exact_one() -> None:
    z = np.linspace(-5.0, 5.0, 101)
    exact = [0.5 * x * (1.0 + math.erf(x / math.sqrt(2.0))) for x in z]
    np.testing.assert_allclose(_value("gelu", z), exact, rtol=0.0, atol=5e-4)  # 2016, section 2


def test_each_activation_names_the_initialization_of_its_family() -> None:
    names = {name: NAMES_OF[name].initialization for name in ACTIVATIONS}
    assert names["relu"] == names["leaky_relu"] == "he"
    assert names["selu"] == "lecun"
    assert names["identity"] == names["sigmoid"] == names["tanh"] == "glorot"
