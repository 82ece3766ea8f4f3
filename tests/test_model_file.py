"""The model file: what is in it, the same bytes again, and nothing but a line for a damaged one.

Reproducible training is tested with `nnfit train`; here it is the file itself.
"""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import nnfit
from nnfit.config.younger import YOUNGER
from nnfit.errors import ModelFileError, OutputError
from nnfit.model.file.declared import FORMAT_VERSION

if TYPE_CHECKING:
    from conftest import Commands, Example

Arrays = dict[str, Any]
WRONG: tuple[Any, ...] = (None, -1, "x", [], {}, 1e308, [None], True)


def arrays_of(raw: bytes) -> Arrays:
    with np.load(io.BytesIO(raw), allow_pickle=False) as found:
        return {name: found[name] for name in found.files}


def meta_of(raw: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(arrays_of(raw)["meta"].tobytes())
    return found


def packed(arrays: Arrays, **kind: Any) -> bytes:
    """Return a zip of .npy files as `np.savez` would write it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", **kind) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=True)
            archive.writestr(f"{name}.npy", member.getvalue())
    return buffer.getvalue()


def with_meta(raw: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    """Return the file with a changed `meta`."""
    arrays, meta = arrays_of(raw), meta_of(raw)
    change(meta)
    arrays["meta"] = np.frombuffer(json.dumps(meta).encode(), np.uint8)
    return packed(arrays)


def refusal(raw: bytes) -> str:
    """Return the one line that loading `raw` ends with."""
    Path("m.npz").write_bytes(raw)
    with pytest.raises(ModelFileError) as caught:
        nnfit.load("m.npz")
    (line,) = caught.value.messages
    return line


# what is in it -------------------------------------------------------------------------------


def test_np_load_reads_weights_meta_and_history(tiny: Example) -> None:
    found = arrays_of(tiny.npz)
    shapes = {name: (array.shape, array.dtype.name) for name, array in found.items()}
    size = shapes.pop("meta")
    assert size == ((len(found["meta"]),), "uint8")
    assert shapes == {
        "W1": ((8, 4), "float32"),
        "b1": ((8,), "float32"),
        "W2": ((3, 8), "float32"),
        "b2": ((3,), "float32"),
        "history_epoch": ((30,), "int64"),
        "history_train_loss": ((30,), "float64"),
        "history_validation_loss": ((30,), "float64"),
        "history_metric": ((30,), "float64"),
        "history_learning_rate": ((30,), "float64"),
        "held_out_scores": ((10, 1), "float64"),
    }
    assert found["history_epoch"].tolist() == list(range(1, 31))
    assert found["history_train_loss"][-1] < 0.5 * found["history_train_loss"][0]


@pytest.fixture
def walked(folder: Path) -> bytes:
    """A model that kept the path of its training: 3 epochs and the start."""
    config = {"data": {"target": "y"}, "model": {"hidden_sizes": [2]}}
    table = pd.DataFrame({"x": np.arange(20.0), "y": np.arange(20.0) ** 2 + 0.5})
    return nnfit.train({**config, "training": {"epochs": 3, "keep_path": True}}, table).to_bytes()


def test_the_path_of_training_is_there_when_asked_for(walked: bytes, folder: Path) -> None:
    found = arrays_of(walked)
    assert meta_of(walked)["path_points"] == 4
    assert found["history_parameters_epoch"].tolist() == [0, 1, 2, 3]
    path = found["history_parameters"]
    assert (path.shape, path.dtype.name) == ((4, 7), "float32")  # P = 2 x 2 + 1 x 3
    (folder / "m.npz").write_bytes(walked)
    model = nnfit.load("m.npz")
    assert model.to_bytes() == walked
    # a row is W1 | b1, then W2 | b2, as the network has them
    best = model.training["best_epoch"]
    np.testing.assert_array_equal(path[best], model.network.parameters.flat)
    W1, b1 = found["W1"], found["b1"]
    np.testing.assert_array_equal(path[best][:4], np.column_stack([W1, b1]).reshape(-1))


@pytest.mark.parametrize(
    ("name", "change", "line"),
    [
        ("history_parameters", lambda a: a[:3],
         "history_parameters has shape (3, 7), meta says (4, 7)"),
        ("history_parameters", lambda a: a * np.nan,
         "history_parameters holds numbers that are not finite"),
        ("history_parameters", lambda a: a.astype(np.float64),
         "history_parameters is float64, meta says float32"),
        ("history_parameters_epoch", lambda a: a[::-1],
         "history_parameters_epoch does not count epochs"),
        ("history_parameters_epoch", lambda a: a - 1,
         "history_parameters_epoch does not count epochs"),
        ("history_parameters_epoch", lambda a: a + 1,
         "history_parameters_epoch does not count epochs"),
        *(("history_epoch", change, "history_epoch does not count epochs from 1") for change in (
            lambda a: a[::-1], lambda a: a + 1, lambda a: a * 0, lambda a: a + 2**62)),
        *((f"history_{name}", change, f"history_{name} holds numbers that are not finite")
          for name in ("train_loss", "validation_loss", "learning_rate")
          for change in (lambda a: np.where(a == a[0], np.nan, a), lambda a: a - np.inf)),
        ("history_train_loss", lambda a: a * np.nan,
         "history_train_loss holds numbers that are not finite"),
    ],
)  # fmt: skip
def test_what_is_kept_of_the_epochs_is_checked(
    walked: bytes, name: str, change: Callable[[Any], Any], line: str
) -> None:
    arrays = arrays_of(walked)
    arrays[name] = np.ascontiguousarray(change(arrays[name]))
    assert refusal(packed(arrays)) == f"m.npz: {line}; train the model again"


def test_epochs_may_lack_a_validation_loss_and_have_any_metric(walked: bytes) -> None:
    """Without held-out rows the loss is NaN in all epochs; an rmse beyond float64 is infinite."""
    arrays = arrays_of(walked)
    arrays["history_validation_loss"] *= np.nan
    arrays["history_metric"][:2] = np.inf, np.nan
    Path("m.npz").write_bytes(packed(arrays))
    assert np.isnan(nnfit.load("m.npz").history["validation_loss"]).all()


@pytest.fixture
def stepped(folder: Path) -> bytes:
    """A model that recorded its steps: 3 epochs of 2."""
    config = {"data": {"target": "y", "validation": 0}, "model": {"hidden_sizes": [2]}}
    table = pd.DataFrame({"x": np.arange(20.0), "y": np.arange(20.0) ** 2 + 0.5})
    training = {"epochs": 3, "batch_size": 10, "record_steps": True}
    return nnfit.train({**config, "training": training}, table).to_bytes()


def test_the_losses_of_steps_are_there_when_asked_for_and_leave_no_trace_else(
    stepped: bytes, tiny: Example, folder: Path
) -> None:
    found = arrays_of(stepped)["history_step_loss"]
    assert (found.shape, found.dtype.name, meta_of(stepped)["steps_per_epoch"]) == (
        (6,), "float64", 2
    )  # fmt: skip
    (folder / "m.npz").write_bytes(stepped)
    assert nnfit.load("m.npz").to_bytes() == stepped
    assert "steps_per_epoch" not in (meta := meta_of(tiny.npz))
    for key in YOUNGER:  # the bytes are as before they were
        *section, name = key.split(".")
        assert name not in (meta["config"][section[0]] if section else meta["config"])
    assert "output" not in meta["config"]


@pytest.mark.parametrize("change", [lambda a: a * np.nan, lambda a: np.where(a == a[1], np.inf, a)])
def test_losses_of_steps_are_finite(stepped: bytes, change: Callable[[Any], Any]) -> None:
    arrays = arrays_of(stepped)
    arrays["history_step_loss"] = change(arrays["history_step_loss"])
    assert refusal(packed(arrays)) == (
        "m.npz: history_step_loss holds numbers that are not finite; train the model again"
    )


@pytest.mark.parametrize("steps", [0, -1, True, "2", 2.0, 2**60, []])
def test_a_wrong_number_of_steps_in_an_epoch_is_refused(stepped: bytes, steps: Any) -> None:
    assert refusal(with_meta(stepped, lambda meta: meta.update(steps_per_epoch=steps))) == (
        "m.npz: the number of steps in an epoch is out of range; train the model again"
    )


@pytest.mark.parametrize(("steps", "n"), [(3, 9), (10**9, 100_000)])
def test_as_many_losses_of_steps_as_there_were_steps(stepped: bytes, steps: int, n: int) -> None:
    assert refusal(with_meta(stepped, lambda meta: meta.update(steps_per_epoch=steps))) == (
        f"m.npz: history_step_loss has shape (6,), meta says ({n},); train the model again"
    )
    assert "belongs to no nnfit model" in refusal(
        with_meta(stepped, lambda meta: meta.pop("steps_per_epoch"))
    )


@pytest.mark.parametrize("points", [-1, 5, True, "4", 10**12, None])
def test_a_wrong_number_of_points_is_refused(walked: bytes, points: Any) -> None:
    assert refusal(with_meta(walked, lambda meta: meta.update(path_points=points))) == (
        "m.npz: the number of points on the path of training is out of range; train the model again"
    )


@pytest.fixture
def several(folder: Path) -> bytes:
    """A model of four members."""
    data = {"target": "y", "validation": 0}  # whose members are not judged one by one
    config = {"data": data, "model": {"members": 4, "hidden_sizes": [2]}}
    table = pd.DataFrame({"x": np.arange(20.0), "y": np.arange(20.0) ** 2 + 0.5})
    return nnfit.train({**config, "training": {"epochs": 2}}, table).to_bytes()


def test_members_are_the_first_axis_of_weights(several: bytes, tiny: Example) -> None:
    found = arrays_of(several)
    assert meta_of(several)["network"]["members"] == 4
    assert [found[name].shape for name in ("W1", "b1", "W2", "b2")] == [
        (4, 2, 1), (4, 2), (4, 1, 2), (4, 1),
    ]  # fmt: skip
    Path("m.npz").write_bytes(several)
    assert nnfit.load("m.npz").to_bytes() == several
    alone = nnfit.load("m.npz").member(2).to_bytes()
    assert "members" not in meta_of(alone)["network"]
    np.testing.assert_array_equal(arrays_of(alone)["W1"], found["W1"][2])
    assert "members" not in meta_of(tiny.npz)["network"]  # as it was before there were any


@pytest.mark.parametrize("members", [0, -1, 1001, 10**12, True, "4", 4.0, 4.5, None, [4], {}])
def test_a_wrong_number_of_members_is_refused(several: bytes, members: Any) -> None:
    line = refusal(with_meta(several, lambda meta: meta["network"].update(members=members)))
    assert line == "m.npz: members must be an integer from 1 to 1000; train the model again"


@pytest.mark.parametrize("members", [1, 2, 1000])
def test_as_many_arrays_as_members(several: bytes, members: int) -> None:
    expected = (2, 1) if members == 1 else (members, 2, 1)
    assert refusal(with_meta(several, lambda meta: meta["network"].update(members=members))) == (
        f"m.npz: W1 has shape (4, 2, 1), meta says {expected}; train the model again"
    )
    assert "W1 has shape (4, 2, 1), meta says (2, 1)" in refusal(
        with_meta(several, lambda meta: meta["network"].pop("members"))
    )


@pytest.mark.parametrize("judged", [0, 3, 5, True, "4", None])
def test_the_losses_of_members_are_of_all_of_them(several: bytes, judged: object) -> None:
    assert refusal(with_meta(several, lambda meta: meta.update(judged_members=judged))) == (
        "m.npz: the losses of members are of another number of members; train the model again"
    )


def test_the_units_of_all_members_have_a_limit(several: bytes) -> None:
    """A block of rows has room for the units of all members: with a million each, for 1000."""

    def wide(meta: dict[str, Any]) -> None:
        meta["network"].update(members=1000, sizes=[1, 1047, 1])

    line = refusal(with_meta(several, wide))
    assert line == ("m.npz: the units of all members are more than 1048576; train the model again")
    fits = refusal(
        with_meta(several, lambda meta: (wide(meta), meta["network"].update(members=999)))
    )
    assert "W1 has shape" in fits


def test_members_have_no_path_of_training(several: bytes) -> None:
    assert refusal(with_meta(several, lambda meta: meta.update(path_points=1))) == (
        "m.npz: the number of points on the path of training is out of range; train the model again"
    )


def test_a_file_without_a_path_need_not_say_so(walked: bytes, tiny: Example) -> None:
    """As those written before paths were kept."""
    (Path("m.npz")).write_bytes(with_meta(tiny.npz, lambda meta: meta.pop("path_points")))
    assert nnfit.load("m.npz").trajectory is None
    assert refusal(with_meta(walked, lambda meta: meta.pop("path_points"))) == (
        "m.npz: holds 'history_parameters.npy', which belongs to no nnfit model; "
        "train the model again"
    )


def test_a_model_older_than_the_keys_of_numbers(tiny: Example, folder: Path) -> None:
    def older(meta: dict[str, Any]) -> None:
        for key in ("decimal", "thousands", "numbers", "skip_rows", "comment"):
            del meta["config"]["data"][key]

    (folder / "m.npz").write_bytes(with_meta(tiny.npz, older))
    frame = pd.read_csv(io.StringIO(tiny.csv))
    found, expected = nnfit.load("m.npz").predict(frame), nnfit.load("tiny.npz").predict(frame)
    assert found.tolist() == expected.tolist()


def test_the_spelling_of_targets_is_checked(price: Example) -> None:
    def change(spellings: Any) -> Callable[[dict[str, Any]], object]:
        return lambda meta: meta["scaler"].update(spellings=spellings)

    line = refusal(with_meta(price.npz, change([])))
    assert line.startswith("m.npz: target_scaler.spellings must be an object")
    plain = {"decimal": ".", "thousands": None, "currency": "$", "percent": False}
    line = refusal(with_meta(price.npz, change({"other": plain})))
    assert line.startswith("m.npz: target_scaler.spellings must be of targets")


def test_meta_holds_all_that_prediction_needs(tiny: Example) -> None:
    meta = meta_of(tiny.npz)
    assert meta["format_version"] == FORMAT_VERSION
    assert meta["nnfit_version"] == nnfit.__version__
    assert (meta["task"], meta["targets"], meta["classes"]) == (
        "classification",
        ["kind"],
        ["a", "b", "c"],
    )
    assert meta["config"]["data"]["path"] == "tiny.csv"
    assert meta["config"]["model"]["hidden_sizes"] == [8]
    assert set(meta["metrics"]) == {"train", "validation", "test"}
    assert [column["name"] for column in meta["encoder"]["columns"]] == ["x", "colour"]


def test_the_zip_has_fixed_times_and_order(tiny: Example) -> None:
    with zipfile.ZipFile(io.BytesIO(tiny.npz)) as archive:
        members = archive.infolist()
    assert [m.filename for m in members][:5] == ["meta.npy", "W1.npy", "b1.npy", "W2.npy", "b2.npy"]
    assert {m.date_time for m in members} == {(1980, 1, 1, 0, 0, 0)}
    assert not any(m.flag_bits & 0x1 or m.extra or m.comment for m in members)


@pytest.mark.parametrize("name", ["tiny", "labels", "binary", "price", "pair"])
def test_loading_and_saving_gives_the_same_bytes(
    examples: dict[str, Example], folder: Path, name: str
) -> None:
    (folder / "m.npz").write_bytes(examples[name].npz)
    model = nnfit.load("m.npz")
    assert model.to_bytes() == examples[name].npz
    model.save("again.npz")
    assert (folder / "again.npz").read_bytes() == examples[name].npz


def test_ten_lines_of_numpy_reproduce_a_prediction(cli: Commands, price: Example) -> None:
    x = np.array([[80.0, 3.0], [120.5, 5.0]])
    # the ten lines: no nnfit, no pandas
    with np.load("price.npz") as f:
        W, b = f["W1"], f["b1"]
        meta = json.loads(f["meta"].tobytes())
    scalers = [item["scaler"] for item in meta["encoder"]["inputs"]]
    shift, scale = (np.array([s[key] for s in scalers]) for key in ("shift", "scale"))
    z = W @ ((x - shift) / scale).T + b[:, None]
    y_hat = z.T * meta["scaler"]["scales"] + meta["scaler"]["means"]
    found = nnfit.load("price.npz").predict(pd.DataFrame(x, columns=["area", "rooms"]))
    np.testing.assert_allclose(y_hat[:, 0], found, rtol=1e-12)


def test_a_hidden_layer_and_classes_in_numpy(tiny: Example) -> None:
    f, meta = arrays_of(tiny.npz), meta_of(tiny.npz)
    frame = pd.read_csv("tiny.csv")
    scaler = meta["encoder"]["inputs"][0]["scaler"]
    categories = meta["encoder"]["columns"][1]["categories"]
    one_hot = frame["colour"].to_numpy()[:, None] == np.array(categories)
    x = np.column_stack([(frame["x"] - scaler["shift"]) / scaler["scale"], one_hot])
    a = np.maximum(f["W1"] @ x.T + f["b1"][:, None], 0.0)
    z = f["W2"] @ a + f["b2"][:, None]
    p = np.exp(z - z.max(axis=0)) / np.exp(z - z.max(axis=0)).sum(axis=0)
    np.testing.assert_allclose(nnfit.load("tiny.npz").predict_proba(frame), p.T, atol=1e-6)


# damaged, foreign, hostile -------------------------------------------------------------------


def test_what_is_no_model(tiny: Example, folder: Path) -> None:
    with pytest.raises(ModelFileError, match=r"^nope.npz: no such file; 'nnfit train' writes one$"):
        nnfit.load("nope.npz")
    with pytest.raises(ModelFileError, match=r"^\.: is a folder; expected a model file \(\.npz\)$"):
        nnfit.load(".")
    foreign = "m.npz: not an nnfit model; expected a .npz that nnfit wrote"
    for raw in (b"", b"P", b"x,y\n1,2\n", tiny.yaml.encode(), b"\x93NUMPY", bytes(1000)):
        assert refusal(raw) == foreign
    assert refusal(packed({"a": np.arange(3)})) == "m.npz: not an nnfit model; it holds no 'meta'"


def test_another_format_version(tiny: Example) -> None:
    for version in (FORMAT_VERSION + 1, 0, "1", None, 1.5):
        raw = with_meta(tiny.npz, partial(_put, ("format_version",), version))
        assert refusal(raw) == (
            f"m.npz: format {version!r}, this nnfit reads format 1; "
            "train again or install a newer nnfit"
        )


def test_a_pickle_is_never_loaded(tiny: Example, folder: Path) -> None:
    class Payload:
        def __reduce__(self) -> Any:
            return Path.touch, (Path("owned"),)

    for name in ("meta", "W1", "history_epoch"):
        arrays = arrays_of(tiny.npz)
        arrays[name] = np.array([Payload()], dtype=object)
        meta_says = {"meta": "uint8", "W1": "float32", "history_epoch": "int64"}[name]
        assert refusal(packed(arrays)) == (
            f"m.npz: {name} is object, meta says {meta_says}; train the model again"
        )
        assert not (folder / "owned").exists()


def test_arrays_that_do_not_fit(tiny: Example) -> None:
    def changed(**new: Any) -> bytes:
        return packed({**arrays_of(tiny.npz), **new})

    W1 = arrays_of(tiny.npz)["W1"]
    again = "; train the model again"
    for raw, reason in [
        (changed(W1=W1.T.copy()), "W1 has shape (4, 8), meta says (8, 4)"),
        (changed(W1=W1[:, :3].copy()), "W1 has shape (8, 3), meta says (8, 4)"),
        (changed(W1=W1.astype(np.float64)), "W1 is float64, meta says float32"),
        (changed(W1=W1.astype(complex)), "W1 is complex128, meta says float32"),
        (changed(W1=np.full_like(W1, np.nan)), "W1 holds numbers that are not finite"),
        (changed(b2=np.array([1, np.inf, 0], np.float32)), "b2 holds numbers that are not finite"),
        (changed(W9=W1), "holds 'W9.npy', which belongs to no nnfit model"),
    ]:
        assert refusal(raw) == f"m.npz: {reason}{again}"
    arrays = arrays_of(tiny.npz)
    del arrays["b1"]
    assert refusal(packed(arrays)) == f"m.npz: holds no 'b1.npy'{again}"


def test_a_member_that_is_there_twice(tiny: Example) -> None:
    buffer = io.BytesIO(tiny.npz)
    with (
        pytest.warns(UserWarning, match="Duplicate name"),
        zipfile.ZipFile(buffer, "a") as archive,
    ):
        archive.writestr("W1.npy", b"")
    assert refusal(buffer.getvalue()) == "m.npz: holds 'W1.npy' twice; train the model again"


def test_a_small_file_cannot_claim_a_large_model(tiny: Example) -> None:
    def grow(meta: dict[str, Any]) -> None:
        meta["network"]["sizes"] = [4, 10**6, 3]

    begin = time.perf_counter()
    assert refusal(with_meta(tiny.npz, grow)) == (
        "m.npz: W1 has shape (8, 4), meta says (1000000, 4); train the model again"
    )
    bomb = packed({**arrays_of(tiny.npz), "meta": np.zeros(10**8, np.uint8)},
                  compression=zipfile.ZIP_DEFLATED)  # fmt: skip
    assert len(bomb) < 10**6
    assert refusal(bomb) == (
        "m.npz: 'meta' has 100000128 bytes; at most 67108864; train the model again"
    )
    assert time.perf_counter() - begin < 30.0


LATER_KEYS = {"decimal": ".", "thousands": None, "numbers": "auto", "skip_rows": 0, "comment": None}


def test_the_config_is_read_once_and_older_models_lack_some_keys(tiny: Example) -> None:
    """What commands read is typed; what they don't read is kept and written as it was."""

    def other(meta: dict[str, Any]) -> None:
        meta["config"]["data"] |= {"comment": "#", "skip_rows": 2, "missing_values": {"x": ["?"]}}
        meta["config"] |= {"class_weight": {"a": 2}, "later": [None]}

    def older(meta: dict[str, Any]) -> None:
        for key in LATER_KEYS:
            del meta["config"]["data"][key]

    raw = with_meta(tiny.npz, other)
    Path("m.npz").write_bytes(raw)
    model = nnfit.load("m.npz")
    kept = model.kept
    assert (kept.data.comment, kept.data.skip_rows) == ("#", 2)
    assert (kept.data.missing_values, kept.class_weight) == ({"x": ("?",)}, {"a": 2.0})
    assert meta_of(model.to_bytes()) == meta_of(raw)
    Path("m.npz").write_bytes(with_meta(tiny.npz, older))
    data = nnfit.load("m.npz").kept.data
    assert {key: getattr(data, key) for key in LATER_KEYS} == LATER_KEYS


def test_deep_json(tiny: Example) -> None:
    arrays = arrays_of(tiny.npz)
    arrays["meta"] = np.frombuffer(b'{"a":' + b"[" * 10**6, np.uint8)
    deep = "m.npz: 'meta' is nested over 100 levels deep; train the model again"
    assert refusal(packed(arrays)) == deep

    for levels in (98, 99):  # below meta and config; what a text holds opens nothing
        nested: Any = []
        for _ in range(levels - 1):
            nested = [nested]
        raw = with_meta(
            tiny.npz,
            lambda m, x=nested: m.update(
                classes=["a", "[" * 200, '\\"{'], config=m["config"] | {"x": x}
            ),
        )
        if levels == 98:
            Path("m.npz").write_bytes(raw)
            assert nnfit.load("m.npz").classes[1] == "[" * 200
        else:
            assert refusal(raw) == deep
    arrays["meta"] = np.frombuffer(b"[1]", np.uint8)
    assert refusal(packed(arrays)) == "m.npz: 'meta' is not a JSON object; train the model again"


@pytest.mark.parametrize("name", ["tiny", "price"])
def test_no_entry_of_meta_is_trusted(examples: dict[str, Example], folder: Path, name: str) -> None:
    """Replace every value of meta by values of the wrong kind: refused, or of no consequence."""
    example = examples[name]
    frame = pd.read_csv(io.StringIO(example.csv))
    meta = meta_of(example.npz)
    used = {key: meta[key] for key in meta if key not in ("config", "metrics", "training")}
    tried = 0
    for path in _paths(used):
        for wrong in WRONG:
            (folder / "m.npz").write_bytes(with_meta(example.npz, partial(_put, path, wrong)))
            tried += 1
            try:
                found = nnfit.load("m.npz").predict(frame)
            except nnfit.NnfitError as err:
                assert len(err.messages) == 1
                assert "\n" not in str(err)
            else:
                assert found.shape == (len(frame),), path
    assert tried > 200


def _put(path: tuple[Any, ...], value: Any, meta: Any) -> None:
    """Put `value` at `path` in `meta`."""
    for part in path[:-1]:
        meta = meta[part]
    meta[path[-1]] = value


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Any:
    """Yield the path of every value within `value`."""
    if path:
        yield path
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _paths(item, (*path, key))


def test_inspect_of_a_damaged_file_is_one_line(cli: Commands, tiny: Example, folder: Path) -> None:
    raw = bytearray(tiny.npz)
    place = tiny.npz.index(b"\x93NUMPY", 2000) + 200  # within a weight array
    raw[place] ^= 0xFF
    (folder / "tiny.npz").write_bytes(raw)
    for command in ("inspect tiny.npz", "predict tiny.npz tiny.csv", "evaluate tiny.npz tiny.csv"):
        result = cli(*command.split())
        assert (result.code, result.out) == (2, "")
        assert result.err.startswith("nnfit: error: tiny.npz: damaged (")
        assert result.err.endswith("train it again\n") and result.err.count("\n") == 1


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_load_would_refuse_is_not_saved(tiny: Example, value: float) -> None:
    model, before = nnfit.load("tiny.npz"), Path("tiny.npz").read_bytes()
    model.network.parameters.b[0][0] = value
    with pytest.raises(OutputError, match="^the model's b1 holds numbers that are not finite"):
        model.save("tiny.npz")
    assert Path("tiny.npz").read_bytes() == before
