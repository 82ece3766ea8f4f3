"""One example explained: its numbers against gradcheck, training and plain NumPy.

How it is drawn is tested with the report room, the command with the commands.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import nnfit
from nnfit.config.reading import load_config
from nnfit.dataset.dataset import prepare
from nnfit.errors import NnfitError
from nnfit.inside.explanation import FIRST_COLUMNS, FIRST_ROWS, explain
from nnfit.nn.activations import ACTIVATIONS
from nnfit.nn.names import OUTPUT_ACTIVATIONS
from nnfit.nn.residuals import RESIDUAL_LOSSES
from nnfit.observer import Observer
from nnfit.table.rows import NamedRows
from nnfit.training.streams import stream

if TYPE_CHECKING:
    from conftest import Example

Found = dict[str, Any]


def gradients(found: Found) -> dict[str, Any]:
    """Return what was held against the complex step, W1, b1, ... and x."""
    steps = found["backward"]
    all_of_them = [g for step in steps for g in step["gradients"]] + [steps[-1]["handed_down"]]
    return {g["parameter"]: g for g in all_of_them}


def weights(found: Found) -> dict[str, Any]:
    return {p["parameter"]: np.array(p["values"]) for p in found["parameters"]}


def check(found: Found) -> None:
    """Hold every number against its formula, and every gradient against its complex step."""
    network, layers, steps = weights(found), found["forward"], found["backward"]
    check_graph(found)
    v = np.array(found["inputs"]["values"])
    values = [v]
    for layer in layers:
        i = layer["layer"]
        z = network[f"W{i}"] @ v + network.get(f"b{i}", 0.0)
        np.testing.assert_allclose(layer["z"], z, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(layer["Wv"], network[f"W{i}"] @ v, rtol=1e-12, atol=1e-14)
        first = network[f"W{i}"][0] * v
        np.testing.assert_allclose(layer["unit"]["products"], first, rtol=1e-15)
        assert layer["unit"]["z"] == layer["z"][0]
        v = np.array(layer["v"])
        values.append(v)
    assert found["prediction"]["y_hat"] == layers[-1]["v"]
    assert [step["layer"] for step in steps] == [layer["layer"] for layer in reversed(layers)]
    close = {"rtol": 1e-12, "atol": 1e-15}
    l2 = 2.0 * found["loss"]["penalty"] / sum((W**2).sum() for n, W in network.items() if "W" in n)
    handed = None
    for step in steps:
        i, delta = step["layer"], np.array(step["delta"]["values"])
        factors = [np.array(factor["values"]) for factor in step["delta"]["factors"]]
        if len(factors) == 2:
            np.testing.assert_allclose(delta, factors[0] * factors[1], **close)
        if "product" in step["delta"]:
            np.testing.assert_allclose(step["delta"]["product"], delta, rtol=1e-11, atol=1e-15)
        if handed is not None:
            np.testing.assert_allclose(factors[0], handed, **close)
        by_name = {g["parameter"]: g for g in step["gradients"]}
        assert list(by_name) == [name for name in (f"W{i}", f"b{i}") if name in network]
        dW = np.outer(delta, values[i - 1]) + l2 * network[f"W{i}"]
        np.testing.assert_allclose(by_name[f"W{i}"]["values"], dW, **close)
        if f"b{i}" in by_name:
            np.testing.assert_array_equal(by_name[f"b{i}"]["values"], delta)
        handed = np.array(step["handed_down"]["values"])
        np.testing.assert_allclose(handed, network[f"W{i}"].T @ delta, **close)
    for name, gradient in gradients(found).items():
        assert gradient["relative_error"] <= 1e-9, name
        numeric = np.array(gradient["complex_step"], np.float64)
        np.testing.assert_allclose(gradient["values"], numeric, rtol=1e-6, atol=1e-14)
        assert gradient["entries"] == np.isfinite(numeric).sum() > 0


def check_graph(found: Found) -> None:
    """Hold the graph's numbers: those of the steps, and each entry of v[0] by the chain rule."""
    nodes = {node["node"]: node for node in found["graph"]}
    assert len(nodes) == len(found["graph"])
    seen: set[str] = set()
    for name, node in nodes.items():  # each after what it is made of
        assert set(node["inputs"]) <= seen and len(node["inputs"]) == len(node["local"])
        seen.add(name)
    loss, n = found["loss"], len(found["forward"])
    assert (nodes["L"]["value"], nodes["L"]["derivative"]) == (loss["total"], 1.0)
    for layer, step in zip(found["forward"], found["backward"][::-1], strict=True):
        i, delta = layer["layer"], step["delta"]["values"]
        out = nodes["ŷ" if i == n else f"v[{i}]"]
        assert (nodes[f"z[{i}]"]["value"], nodes[f"z[{i}]"]["derivative"]) == (layer["z"], delta)
        assert out["value"] == layer["v"]
        for gradient in step["gradients"]:
            node = nodes[f"{gradient['parameter'][0]}[{i}]"]
            assert node["derivative"] == gradient["values"]
        below = nodes[f"v[{i - 1}]"]["derivative"]
        assert below == step["handed_down"]["values"]
        if f"b[{i}]" in nodes:
            assert nodes[f"Wv[{i}]"]["value"] == layer["Wv"]
            assert nodes[f"Wv[{i}]"]["derivative"] == nodes[f"b[{i}]"]["derivative"] == delta
    for k, column in enumerate(found["columns"], 1):
        node, terms = nodes[f"x_{k}"], column["terms"]
        assert (node["formula"], node["value"]) == (column["column"], column["value"])
        assert node["derivative"] == column["derivative"]
        by_hand = sum(term["derivative"] * term["slope"] for term in terms)
        assert column["derivative"] == pytest.approx(by_hand, rel=1e-14, abs=1e-300)
        assert column["relative_error"] is None or column["relative_error"] <= 1e-9
        for term in terms:
            assert term["derivative"] == nodes[f"v[0]_{term['input']}"]["derivative"]


def table(rng: np.random.Generator, n: int = 12) -> pd.DataFrame:
    frame = pd.DataFrame(rng.normal(size=(n, 5)).round(3), columns=["a", "b", "c", "p", "q"])
    frame["kind"] = np.array(["red", "green", "blue"])[np.arange(n) % 3]
    frame["two"] = np.array(["no", "yes"])[np.arange(n) % 2]
    return frame


def config(target: Any, **sections: Any) -> dict[str, Any]:
    """Return a config for `table` with two hidden layers."""
    data = {"target": target, "include": ["a", "b", "c"], "validation": 0}
    sections["data"] = data | sections.get("data", {})
    sections["model"] = {"hidden_sizes": [4, 3], "activation": "tanh"} | sections.get("model", {})
    return sections


# every architecture --------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["p", "kind", "two"])
@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_every_activation(rng: np.random.Generator, name: str, target: str) -> None:
    found = explain(config(target, model={"activation": name}), table(rng), row=2)
    check(found)
    assert {step["activation"] for step in found["forward"][:-1]} == {name}


@pytest.mark.parametrize("loss", RESIDUAL_LOSSES)
@pytest.mark.parametrize("output", OUTPUT_ACTIVATIONS)
def test_every_output_with_every_residual_loss(
    rng: np.random.Generator, output: str, loss: str
) -> None:
    model = {"hidden_sizes": [4], "output_activation": output}
    found = explain(config(["p", "q"], model=model, loss=loss), table(rng), row=4)
    check(found)
    delta = found["backward"][0]["delta"]
    assert len(delta["factors"]) == (1 if output == "softmax" else 2)
    y_hat, y = np.array(found["prediction"]["y_hat"]), np.array(found["target"]["y"])
    by_hand = {
        "mse": 2.0 * (y_hat - y),
        "mae": np.sign(y_hat - y),
        "huber": np.clip(y_hat - y, -1.0, 1.0),
    }
    np.testing.assert_allclose(delta["factors"][0]["values"], by_hand[loss] / 2.0, rtol=1e-14)


@pytest.mark.parametrize("target", ["kind", "two"])
def test_the_fused_pairs_give_y_hat_minus_y(rng: np.random.Generator, target: str) -> None:
    found = explain(config(target), table(rng), row=3)
    check(found)
    delta = found["backward"][0]["delta"]
    y_hat, y = np.array(found["prediction"]["y_hat"]), np.array(found["target"]["y"])
    np.testing.assert_allclose(delta["values"], y_hat - y, rtol=1e-13)
    assert (delta["formula"], delta["derivation"][-1]) == ("ŷ − y", "ŷ − y")
    outer, *slope = (np.array(factor["values"]) for factor in delta["factors"])
    if target == "two":
        np.testing.assert_allclose(outer, -y / y_hat + (1.0 - y) / (1.0 - y_hat), rtol=1e-12)
        np.testing.assert_allclose(slope, [y_hat * (1.0 - y_hat)], rtol=1e-12)
        return
    np.testing.assert_allclose(outer, -y / y_hat, rtol=1e-14)
    jacobian = [[p * ((j == k) - q) for k, q in enumerate(y_hat)] for j, p in enumerate(y_hat)]
    np.testing.assert_allclose(delta["jacobian"], jacobian, rtol=1e-12)


@pytest.mark.parametrize("classes", [2, 5, 6])
def test_the_jacobian_of_up_to_five_classes(rng: np.random.Generator, classes: int) -> None:
    frame = table(rng, 24)
    frame["kind"] = [f"k{i % classes}" for i in range(24)]
    found = explain(config("kind", loss="cross_entropy"), frame)
    check(found)
    jacobian = found["backward"][0]["delta"]["jacobian"]
    assert (jacobian is None) == (classes > 5)


@pytest.mark.parametrize("z", [40.0, -40.0, 800.0, -800.0])
@pytest.mark.parametrize("row", [1, 2])  # of y = 0 and y = 1
def test_where_y_hat_is_nearly_0_or_1_the_factors_have_their_digits(
    rng: np.random.Generator, z: float, row: int
) -> None:
    model = nnfit.train(config("two", model={"hidden_sizes": []}, training={"epochs": 1}),
                        table(rng))  # fmt: skip
    model.network.parameters.flat[:] = 0.0
    model.network.parameters.b[0][:] = z
    delta = explain(model, table(rng), row=row)["backward"][0]["delta"]
    outer, slope = (factor["values"][0] for factor in delta["factors"])
    y, e = row - 1.0, np.exp(-abs(z))
    wrong = (z > 0) != bool(y)
    assert slope == pytest.approx(e, rel=1e-12, abs=0.0)
    if not wrong:
        assert outer == pytest.approx(1.0 - 2.0 * y, rel=1e-12)
    elif e > 0.0:
        assert outer == pytest.approx((1.0 - 2.0 * y) / e, rel=1e-12)
    else:
        assert outer is None and delta["values"][0] == 1.0 - 2.0 * y


@pytest.mark.parametrize("target", ["p", ["p", "q"], "kind", "two"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("hidden", [[], [3], [3, 2, 4, 3]])
def test_every_depth_with_and_without_bias(
    rng: np.random.Generator, target: Any, bias: bool, hidden: list[int]
) -> None:
    model = {"hidden_sizes": hidden, "bias": bias}
    found = explain(config(target, model=model, optimizer={"l2": 0.3}), table(rng))
    check(found)
    assert ("b1" in weights(found)) == bias
    assert found["loss"]["penalty"] > 0.0
    assert found["loss"]["loss"] == found["loss"]["data_loss"]
    assert found["loss"]["total"] == found["loss"]["loss"] + found["loss"]["penalty"]
    assert found["n_parameters"] == sum(p["count"] for p in found["parameters"])
    nodes = [node["node"] for node in found["graph"]]
    assert nodes[0] == "x_1" and nodes[-1] == "L" and {"loss", "penalty"} < set(nodes)
    assert ("Wv[1]" in nodes) == bias
    squares = found["loss"]["squared_norm"]
    if target == ["p", "q"]:
        y_hat, y = np.array(found["prediction"]["y_hat"]), np.array(found["target"]["y"])
        assert squares == pytest.approx(np.linalg.norm(y_hat - y) ** 2, rel=1e-13)
        assert squares == pytest.approx(2.0 * found["loss"]["loss"], rel=1e-13)
    else:
        assert squares is None


def test_dropout_is_off_and_said(rng: np.random.Generator) -> None:
    frame = table(rng)
    plain = explain(config("p"), frame)
    found = explain(config("p", model={"dropout": 0.4}), frame)
    check(found)
    assert found["notes"][0] == "dropout 0.4 is off: every unit takes part"
    assert found["forward"] == plain["forward"] and found["backward"] == plain["backward"]


@pytest.mark.parametrize("target", ["p", "kind"])
@pytest.mark.parametrize("sizes", [[], [4, 3]])
def test_a_learned_scale_has_its_places(
    rng: np.random.Generator, sizes: list[int], target: str
) -> None:
    rows = table(rng)
    scaled_network = {"input_scale": True, "activation": "elu", "hidden_sizes": sizes}
    model = nnfit.train(
        config(target, model=scaled_network, training={"epochs": 3},
               optimizer={"scale_rate": 90}), rows,
    )  # fmt: skip
    found = explain(model, rows, row=3)
    p, nodes = weights(found), {node["node"]: node for node in found["graph"]}
    x, close = np.array(found["inputs"]["values"]), {"rtol": 1e-12, "atol": 1e-14}
    assert (np.abs(p["s"] - 1.0) > 0.01).all()
    for name, gradient in gradients(found).items():
        numeric = np.array(gradient["complex_step"])
        np.testing.assert_allclose(gradient["values"], numeric, rtol=1e-6, atol=1e-14, err_msg=name)
    assert set(gradients(found)) == {*p, "x"}
    scaled, handed = p["s"] * x, np.array(nodes["s ⊙ v[0]"]["derivative"])
    np.testing.assert_allclose(nodes["s ⊙ v[0]"]["value"], scaled, **close)
    np.testing.assert_allclose(nodes["s"]["derivative"], handed * x, **close)
    np.testing.assert_allclose(nodes["v[0]"]["derivative"], handed * p["s"], **close)
    below = scaled
    for layer in found["forward"]:
        i = layer["layer"]
        z = p[f"W{i}"] @ below + p[f"b{i}"]
        np.testing.assert_allclose(layer["z"], z, **close)
        assert sum(layer["unit"]["products"]) + p[f"b{i}"][0] == pytest.approx(z[0], rel=1e-12)
        below = np.array(layer["v"])
        if i > len(sizes):
            break
        np.testing.assert_allclose(below, np.where(z > 0.0, z, np.expm1(z)), **close)
        g, slope = np.array(nodes[f"v[{i}]"]["derivative"]), np.where(z > 0.0, 1.0, np.exp(z))
        np.testing.assert_allclose(nodes[f"z[{i}]"]["derivative"], g * slope, **close)
    seen: set[str] = set()
    for node in found["graph"]:  # each after what it is made of
        assert set(node["inputs"]) <= seen and len(node["inputs"]) == len(node["local"])
        seen.add(node["node"])


def test_what_the_recipe_trains_with_is_told(rng: np.random.Generator) -> None:
    recipe = config("kind", model={"parametrization": "ntk"}, training={"label_smoothing": 0.1})
    assert explain(recipe, table(rng))["notes"][-2:] == [
        "label smoothing 0.1 is off: y is the label as it is",
        "the update is plain gradient descent; training uses adam, the rates of ntk",
    ]


def test_phi_is_the_input(rng: np.random.Generator) -> None:
    frame = table(rng)
    found = explain(
        config("p", features=["a", "a**2"], data={"include": None}, model={"hidden_sizes": []},
               preprocessing={"numeric": "none"}), frame, row=5)  # fmt: skip
    assert found["inputs"]["names"] == ["a", "a**2"]
    a = frame["a"][4]
    assert found["inputs"]["values"] == pytest.approx([a, a * a], rel=1e-15)


@pytest.mark.parametrize("numeric", ["none", "standardize", "minmax", "robust"])
def test_the_derivative_through_phi_down_to_the_columns(
    rng: np.random.Generator, numeric: str
) -> None:
    """Against differences of a loss that is written out here, from the columns up."""
    frame = table(rng)
    features = ["a", "a**2", "sin(3*b)*a", "exp(b) - `c`/2", "c"]
    found = explain(
        config("p", features=features, data={"include": None}, model={"hidden_sizes": [3]},
               preprocessing={"numeric": numeric, "target": "none"}), frame, row=5)  # fmt: skip
    check(found)
    network = weights(found)

    def phi(a: Any, b: Any, c: Any) -> Any:
        return np.array([a, a**2, np.sin(3.0 * b) * a, np.exp(b) - c / 2.0, c])

    table_of_phi = phi(*frame[["a", "b", "c"]].to_numpy().T)
    shift, scale = {
        "none": lambda X: (0.0 * X[:, 0], 1.0 + 0.0 * X[:, 0]),
        "standardize": lambda X: (X.mean(axis=1), X.std(axis=1)),
        "minmax": lambda X: (X.min(axis=1), X.max(axis=1) - X.min(axis=1)),
        "robust": lambda X: (
            np.median(X, axis=1),
            np.subtract(*np.quantile(X, [0.75, 0.25], axis=1)),
        ),
    }[numeric](table_of_phi)

    def loss(x: Any) -> float:
        v = (phi(*x) - shift) / scale
        if numeric == "robust":
            v = v / np.sqrt(1.0 + (v / 3.0) ** 2)
        v = np.tanh(network["W1"] @ v + network["b1"])
        return float((network["W2"] @ v + network["b2"] - frame["p"][4])[0] ** 2)

    x = frame.loc[4, ["a", "b", "c"]].to_numpy(float)
    assert found["loss"]["loss"] == pytest.approx(loss(x), rel=1e-12)
    h = 1e-5 * np.eye(3)
    differences = [(loss(x + step) - loss(x - step)) / 2e-5 for step in h]
    derivatives = [column["derivative"] for column in found["columns"]]
    np.testing.assert_allclose(derivatives, differences, rtol=1e-6, atol=1e-8)
    assert [column["column"] for column in found["columns"]] == ["a", "b", "c"]
    assert [len(column["terms"]) for column in found["columns"]] == [3, 2, 2]
    steps = [column["complex_step"] for column in found["columns"]]
    np.testing.assert_allclose(derivatives, steps, rtol=1e-12)


def test_what_is_no_number_has_no_derivative(rng: np.random.Generator) -> None:
    frame = table(rng)
    frame.loc[3, "a"] = np.nan
    frame["L"] = frame["y"] = frame["b"]  # names that the graph has for itself
    data = {"include": ["a", "kind", "L", "y", "c"]}
    preprocessing = {"numeric": "quantile"}
    found = explain(config("p", data=data, preprocessing=preprocessing), frame, row=4)
    nodes = {node["node"]: node for node in found["graph"]}
    by_name = {node["formula"]: node for node in found["graph"]}
    assert {c["column"] for c in found["columns"]} == {"a", "L", "y", "c"}
    assert all(c["derivative"] is None for c in found["columns"])  # a kink at every training value
    assert found["columns"][0]["value"] == pytest.approx(frame["a"].median())  # imputed
    assert by_name["kind"]["value"] == "red" and by_name["kind"]["derivative"] is None
    assert by_name["kind=red"]["inputs"] == [by_name["kind"]["node"]]
    assert by_name["a is missing"]["value"] == 1.0
    assert by_name["a is missing"]["inputs"] == ["x_1"]
    assert len(nodes) == len(found["graph"])


@pytest.mark.parametrize("gap", [None, np.nan])
def test_a_gap_among_categories_is_no_text(rng: np.random.Generator, gap: Any) -> None:
    frame = table(rng)
    frame.loc[2, "kind"] = gap
    found = explain(config("p", data={"include": ["a", "kind"]}), frame, row=3)
    check(found)
    by_name = {node["formula"]: node for node in found["graph"]}
    assert by_name["kind"]["value"] == "" and by_name["kind is missing"]["value"] == 1.0


def test_a_column_called_as_a_term_is_not_taken_for_it(rng: np.random.Generator) -> None:
    frame = table(rng).rename(columns={"b": "u1", "c": "z"})
    settings = config("p", features=["u1", "sin(3*a)", "exp(z)"], data={"include": None})
    found = explain(settings, frame)
    check(found)
    nodes = {node["node"]: node for node in found["graph"]}
    assert nodes["φ_2"]["inputs"] == ["φ_2.u1"] and nodes["φ_3"]["inputs"] == ["x_3"]
    assert nodes["φ_2.u1"]["value"] == 3.0 * frame["a"][0]


@pytest.mark.parametrize(("a", "derivative"), [(0.0, False), (0.5, True)])
def test_at_a_kink_of_phi_there_is_no_derivative(
    rng: np.random.Generator, a: float, derivative: bool
) -> None:
    frame = table(rng)
    frame.loc[0, "a"] = a
    settings = config("p", features=["relu(a)"], data={"include": None})
    found = explain(settings, frame)
    (column,) = found["columns"]
    assert (column["derivative"] is not None) == derivative


# the chain rule as text ----------------------------------------------------------------------


def test_the_chains_and_what_they_reuse(rng: np.random.Generator) -> None:
    top, middle, bottom = explain(config("p"), table(rng))["backward"]

    def product(part: Found) -> str:
        return " ".join(f"({f['term']})" if f["reused"] else f["term"] for f in part["chain"])

    assert product(top["delta"]) == "∂L/∂ŷ ∂ŷ/∂z[3]"
    assert product(top["gradients"][0]) == "∂L/∂ŷ ∂ŷ/∂z[3] ∂z[3]/∂W[3]"
    assert product(top["handed_down"]) == "∂L/∂ŷ ∂ŷ/∂z[3] ∂z[3]/∂v[2]"
    above = "(∂L/∂ŷ) (∂ŷ/∂z[3]) (∂z[3]/∂v[2])"
    assert product(middle["delta"]) == f"{above} ∂v[2]/∂z[2]"
    assert product(middle["gradients"][1]) == f"{above} ∂v[2]/∂z[2] ∂z[2]/∂b[2]"
    above += " (∂v[2]/∂z[2]) (∂z[2]/∂v[1])"
    assert product(bottom["gradients"][0]) == f"{above} ∂v[1]/∂z[1] ∂z[1]/∂W[1]"
    assert product(bottom["handed_down"]) == f"{above} ∂v[1]/∂z[1] ∂z[1]/∂v[0]"
    assert bottom["gradients"][0]["formula"] == "delta[1] v[0]ᵀ"


# gradcheck -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["tiny", "labels", "binary", "price", "pair"])
def test_gradients_and_complex_steps_are_gradchecks(
    request: pytest.FixtureRequest, name: str
) -> None:
    example: Example = request.getfixturevalue(name)
    row = pd.read_csv(f"{name}.csv").iloc[[6]]
    found = gradients(explain(nnfit.load(f"{name}.npz"), row))
    checks = nnfit.check_gradients(nnfit.load(f"{name}.npz"), row)["checks"]
    assert [c["parameter"] for c in checks] == list(
        dict.fromkeys(p for p in ("W1", "b1", "W2", "b2", "x") if p in found)
    )
    for c in checks:
        gradient = found[c["parameter"]]
        place = tuple(c["index"][1:] if c["parameter"] == "x" else c["index"])
        assert np.array(gradient["values"])[place] == c["analytic"], example.name
        assert np.array(gradient["complex_step"])[place] == c["numeric"]
        assert gradient["relative_error"] == c["relative_error"]
    # the file's own row is the same, found by its number
    again = gradients(explain(f"{name}.npz", row=7))
    np.testing.assert_allclose(again["W1"]["values"], found["W1"]["values"], rtol=1e-12)


def test_a_configs_gradients_are_gradchecks_on_average(tiny: Example) -> None:
    file = load_config("tiny.yaml")
    train = prepare(file, None, stream(0, "split"), Observer()).parts["train"]
    eight = train.numbers[np.unique(np.linspace(0, len(train) - 1, 8).astype(int))]
    rows = [gradients(explain("tiny.yaml", row=int(row))) for row in eight]
    for c in nnfit.check_gradients("tiny.yaml")["checks"][:-1]:
        mean = np.mean([np.array(row[c["parameter"]]["values"]) for row in rows], axis=0)
        assert mean[tuple(c["index"])] == pytest.approx(c["analytic"], rel=1e-12)


def test_of_a_large_array_a_sample_is_compared_and_all_that_a_table_shows(
    rng: np.random.Generator,
) -> None:
    found = explain(config("p", model={"hidden_sizes": [60, 50]}), table(rng))
    W2 = gradients(found)["W2"]
    assert (W2["shape"], np.array(W2["values"]).shape) == ([50, 60], (50, 60))
    numeric = np.array(W2["complex_step"], np.float64)
    assert 400 < W2["entries"] == np.isfinite(numeric).sum() < 500
    rows, columns = [*range(FIRST_ROWS), 49], [*range(FIRST_COLUMNS), 59]
    assert np.isfinite(numeric[np.ix_(rows, columns)]).all()
    assert W2["relative_error"] <= 1e-9


# the row -------------------------------------------------------------------------------------


def test_rows_have_the_numbers_of_the_file(tiny: Example) -> None:
    frame = pd.read_csv("tiny.csv")
    file = load_config("tiny.yaml")
    dataset = prepare(file, None, stream(0, "split"), Observer())
    drawn = []
    for row in range(1, 49):
        found = explain("tiny.yaml", row=row)
        X = dataset.encoding.encoder.transform(NamedRows(frame.iloc[[row - 1]], "tiny.csv"))
        np.testing.assert_array_equal(found["inputs"]["values"], X[0])
        assert found["target"]["value"] == frame["kind"][row - 1]
        drawn.append(found["drawn"])
        trained = explain("tiny.npz", row=row)
        np.testing.assert_allclose(trained["inputs"]["values"], X[0], rtol=1e-12)
        assert (trained["target"]["value"], trained["drawn"]) == (found["target"]["value"], None)
    numbers = {name: part.numbers for name, part in dataset.parts.items()}
    assert [row for row, name in enumerate(drawn, 1) if name == "train"] == list(numbers["train"])
    assert drawn.count("validation") == len(numbers["validation"]) == 10


@pytest.mark.parametrize("source", ["tiny.yaml", "tiny.npz"])
def test_rows_are_counted_past_gaps_in_the_target(tiny: Example, folder: Path, source: str) -> None:
    header, *rows = tiny.csv.splitlines()
    rows[2] = rows[2].rsplit(",", 1)[0] + ","
    (folder / "tiny.csv").write_text("\n".join([header, *rows]), encoding="utf-8")
    found = explain(source, row=4)
    assert found["target"]["value"] == rows[3].rsplit(",", 1)[1]
    with pytest.raises(NnfitError) as raised:
        explain(source, row=3)
    assert str(raised.value) == ("tiny.csv, row 3: no value in 'kind'; choose another with --row")


def test_a_row_far_down_a_long_file(
    tiny: Example, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nnfit.csv.reading.BLOCK_ROWS", 100)
    header, *rows = tiny.csv.splitlines(keepends=True)
    (folder / "long.csv").write_text(header + "".join(rows * 50), encoding="utf-8")
    expected = explain("tiny.npz", row=5)
    found = explain("tiny.npz", "long.csv", row=48 * 49 + 5)
    assert (found["data"], found["row"]) == ("long.csv", 48 * 49 + 5)
    for key in ("forward", "backward", "target", "loss"):
        assert found[key] == expected[key]


def test_a_held_out_file_numbers_its_own_rows(tiny: Example, folder: Path) -> None:
    (folder / "more.csv").write_text(tiny.csv, encoding="utf-8")
    held_out = tiny.yaml.replace("target: kind", "target: kind\n  validation: more.csv")
    (folder / "c.yaml").write_text(held_out, encoding="utf-8")
    assert explain("c.yaml", row=48)["drawn"] == "train"
    with pytest.raises(NnfitError, match=r"^--row: got 49; tiny.csv ends with row 48$"):
        explain("c.yaml", row=49)


# what it means -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["labels", "binary", "price", "pair"])
def test_the_prediction_is_predicts(request: pytest.FixtureRequest, name: str) -> None:
    request.getfixturevalue(name)
    model, frame = nnfit.load(f"{name}.npz"), pd.read_csv(f"{name}.csv")
    found = explain(f"{name}.npz", row=9)
    predicted = model.predict(frame)[8]
    value, truth = found["prediction"]["value"], found["target"]["value"]
    if model.labels is not None:
        assert value == str(predicted) or float(value) == float(predicted)
        p = model.predict_proba(frame)[8]
        assert list(found["prediction"]["probabilities"]) == list(model.classes)
        np.testing.assert_allclose(list(found["prediction"]["probabilities"].values()), p,
                                   rtol=1e-5, atol=1e-7)  # fmt: skip
        assert str(truth) == pd.read_csv(f"{name}.csv", dtype=str)[model.targets[0]][8]
    else:
        targets = list(model.targets)
        value = list(value.values()) if len(targets) > 1 else value
        truth = list(truth.values()) if len(targets) > 1 else [truth]
        np.testing.assert_allclose(value, predicted, rtol=1e-4)
        assert truth == frame.loc[8, targets].tolist()
        assert "y and ŷ are standardized, as the loss sees them" in found["notes"]
    assert ("worked out in float64 from the model's float32 weights" in found["notes"]) == (
        name != "price"
    )


def test_the_weights_are_the_models(tiny: Example) -> None:
    found = weights(explain("tiny.npz"))
    with np.load("tiny.npz") as arrays:
        for name, array in found.items():
            np.testing.assert_array_equal(array, arrays[name])


def test_a_near_perfect_prediction_leaves_no_digits_and_says_so(tiny: Example) -> None:
    model = nnfit.load("tiny.npz")
    model.network.parameters.flat[:] *= 1.5
    rows = [explain(model, pd.read_csv("tiny.csv"), row=row) for row in range(1, 13)]
    doubtful = [max(g["relative_error"] for g in gradients(f).values()) > 1e-9 for f in rows]
    assert any(doubtful) and not all(doubtful)
    for found, doubt in zip(rows, doubtful, strict=True):
        assert any("no digits left to compare" in note for note in found["notes"]) == doubt


def test_what_is_not_finite_is_none(pair: Example) -> None:
    model = nnfit.load("pair.npz")
    optimizer = {**model.config["optimizer"], "learning_rate": 1e300}
    model = dataclasses.replace(model, config={**model.config, "optimizer": optimizer})
    found = explain(model, pd.read_csv("pair.csv"))
    check(found)
    assert (found["update"]["loss_before"] > 0.0, found["update"]["loss_after"]) == (True, None)


def test_numbers_beyond_float64_are_none_and_told(price: Example) -> None:
    model = nnfit.load("price.npz")
    model.network.parameters.flat[:] *= 1e305
    found = explain(model, pd.read_csv("price.csv"))
    assert found["prediction"]["value"] is None
    assert found["loss"]["loss"] is None
    model.network.parameters.flat[:] = np.inf
    found = explain(model, pd.read_csv("price.csv"))
    assert gradients(found)["W1"]["relative_error"] is None
    assert any("number not finite" in note for note in found["notes"])


# the update ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sections",
    [
        {"target": "p"},
        {"target": ["p", "q"], "loss": "huber", "optimizer": {"l2": 0.2}},
        {"target": "kind", "class_weight": {"red": 4}, "optimizer": {"l2": 0.1}},
        {"target": "two", "class_weight": "balanced", "data": {"weight": "w"}},
    ],
    ids=["plain", "l2", "class weights", "weights"],
)
def test_an_epochs_step_is_one_epoch_of_gradient_descent(
    rng: np.random.Generator, sections: dict[str, Any]
) -> None:
    """The mean gradient over all training rows, as training itself makes the step."""
    frame = table(rng, 40)
    frame["w"] = rng.uniform(0.0, 3.0, 40).round(2)
    sections["optimizer"] = {"name": "sgd", "learning_rate": 0.3} | sections.get("optimizer", {})
    training = {"epochs": 1, "batch_size": "full", "dtype": "float64"}
    settings = config(**sections, training=training)
    settings["data"]["validation"] = 0.25
    found = explain(settings, frame, row=5, epoch_step=True)
    check(found)
    model = nnfit.train({**settings, "training": {**training, "patience": None}}, frame)
    assert model.training["rows"]["train"] == found["update"]["rows"] == 30
    for p in found["update"]["parameters"]:
        letter, i = p["parameter"][0], p["layer"] - 1
        trained = getattr(model.network.parameters, letter)[i]
        np.testing.assert_allclose(p["after"], trained, rtol=1e-10, atol=1e-13)
        before = np.array(weights(found)[p["parameter"]])
        np.testing.assert_allclose(p["after"], before - 0.3 * np.array(p["gradient"]), rtol=1e-12)
    assert found["update"]["loss_after"] < found["update"]["loss_before"]


def test_the_step_of_one_row(rng: np.random.Generator) -> None:
    settings = config("p", optimizer={"learning_rate": 0.01, "l2": 0.1})
    found = explain(settings, table(rng), row=3)
    update, by_name = found["update"], gradients(found)
    assert (update["over"], update["rows"], update["learning_rate"]) == ("row", 1, 0.01)
    assert update["loss_before"] == pytest.approx(found["loss"]["loss"], rel=1e-14)
    W, b = (
        [np.array(p["after"]) for p in update["parameters"] if p["parameter"][0] == letter]
        for letter in "Wb"
    )
    a = np.array(found["inputs"]["values"])
    for i in (0, 1):
        a = np.tanh(W[i] @ a + b[i])
    y_hat, y = W[2] @ a + b[2], np.array(found["target"]["y"])
    after = ((y_hat - y) ** 2).mean() + 0.05 * sum((w**2).sum() for w in W)
    assert update["total_after"] == pytest.approx(after, rel=1e-13)
    assert update["total_after"] < update["total_before"] == found["loss"]["total"]
    penalty = 0.05 * sum((w**2).sum() for w in W)
    assert update["penalty_after"] == pytest.approx(penalty, rel=1e-13)
    for p in update["parameters"]:
        assert p["gradient"] == by_name[p["parameter"]]["values"]


def test_the_epochs_step_of_a_model_takes_all_rows_by_their_weights(
    rng: np.random.Generator, folder: Path
) -> None:
    frame = table(rng, 15)
    frame["w"] = rng.uniform(0.0, 3.0, 15).round(2)
    frame.to_csv("t.csv", index=False)
    settings = config("kind", data={"path": "t.csv", "weight": "w"}, training={"epochs": 2})
    nnfit.train(settings).save("t.npz")
    found = explain("t.npz", row=2, epoch_step=True)
    rows = [gradients(explain("t.npz", row=row)) for row in range(1, 16)]
    assert (found["update"]["over"], found["update"]["rows"]) == ("training rows", 15)
    for p in found["update"]["parameters"]:
        each = np.array([row[p["parameter"]]["values"] for row in rows])
        mean = np.tensordot(frame["w"] / frame["w"].sum(), each, 1)
        np.testing.assert_allclose(p["gradient"], mean, rtol=1e-10, atol=1e-14)
    weight = (
        f"the row weighs s = {frame['w'][1]:g}: in a minibatch of N rows its ℓ counts s / (N s̄)"
    )
    assert any(note.startswith(weight) for note in found["notes"])
    assert "weighs" not in " ".join(explain("t.npz", row=2)["notes"])  # not read then


def test_notes_tell_what_training_has_beside(rng: np.random.Generator) -> None:
    def notes(**optimizer: Any) -> list[str]:
        found = explain(
            config("p", optimizer=optimizer, preprocessing={"target": "none"}), table(rng)
        )
        return list(found["notes"])

    assert notes(name="sgd") == []
    assert notes(name="sgd", bias_rate=0.1, scale_rate=6) == [
        "the update is plain gradient descent; training uses bias_rate 0.1, scale_rate 6"
    ]
    assert notes(name="adamw", weight_decay=0.1, clip_norm=1, schedule="cosine") == [
        "the update is plain gradient descent; training uses adamw, weight_decay, clip_norm, "
        "schedule cosine"
    ]


def test_the_derivative_through_bins_is_the_sum_over_the_pieces(rng: np.random.Generator) -> None:
    """Against differences of the loss; at an edge, which is a training value, there is none."""
    frame = table(rng)
    model = config("p", features=["a", "a*b"], data={"include": None}, model={"hidden_sizes": [3]},
                   preprocessing={"bins": 3, "numeric": "robust"})  # fmt: skip

    def at(a: float, b: float) -> Any:
        moved = pd.concat([frame, frame.iloc[:1].assign(a=a, b=b, p=0.5)], ignore_index=True)
        return explain(nnfit.train({**model, "training": {"epochs": 1}}, frame), moved,
                       row=len(moved))  # fmt: skip

    a, b = float(frame["a"].quantile(0.4)) + 1e-3, 0.123
    found = at(a, b)
    check(found)
    x, y = found["columns"]
    assert [len(x["terms"]), len(y["terms"])] == [8, 4]
    assert sum(term["slope"] != 0.0 for term in x["terms"]) > 2  # a piece beside each scaled one
    h = 1e-6
    for column, da, db in ((x, h, 0.0), (y, 0.0, h)):
        ahead, behind = (at(a + sign * da, b + sign * db)["loss"]["loss"] for sign in (1, -1))
        assert column["derivative"] == pytest.approx((ahead - behind) / (2 * h), rel=1e-5)
        assert column["complex_step"] == pytest.approx(column["derivative"], rel=1e-10)
    nodes = {node["node"]: node for node in found["graph"]}
    assert nodes["v[0]_2"]["formula"].startswith("clip((") and nodes["v[0]_2"]["inputs"] == ["x_1"]
    at_edge = explain(model, frame.assign(a=frame["a"].round(0)), row=1)["columns"][0]
    assert at_edge["derivative"] is None and at_edge["complex_step"] is None
