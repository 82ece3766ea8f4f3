"""What was decided before a run, for those who look on.

Nothing is decided here.
"""

from __future__ import annotations

from nnfit.config.reading import ConfigFile
from nnfit.dataset.dataset import Dataset
from nnfit.dataset.deciding import count_kinds
from nnfit.dataset.outcome import Outcome
from nnfit.nn.network import Network
from nnfit.observer import Plan


def make_plan(
    file: ConfigFile,
    dataset: Dataset,
    network: Network,
    output: str,
    batch_size: int,
    threads: int,
) -> Plan:
    """Return what was decided, for the start panel."""
    config, architecture = file.config, network.architecture
    metric = Outcome.of(network, dataset.targets, dataset.labels, dataset.encoding.scaler).metric
    optimizer = f"{config.optimizer.name}, learning rate {config.optimizer.learning_rate:g}"
    if config.optimizer.schedule != "constant":
        optimizer += f", {config.optimizer.schedule}"
    return Plan(
        config=file.name,
        data=dataset.name,
        output=output,
        task=dataset.task,
        targets=dataset.targets,
        classes=() if dataset.labels is None else dataset.labels.classes,
        rows={name: len(part) for name, part in dataset.parts.items()},
        columns=count_kinds(dataset.columns),
        n_inputs=architecture.sizes[0],
        layer_sizes=architecture.sizes,
        activations=(*architecture.activations, architecture.output_activation),
        loss=dataset.loss,
        n_parameters=architecture.n_parameters,
        optimizer=optimizer,
        epochs=config.training.epochs,
        batch_size=batch_size,
        dtype=network.dtype.name,
        threads=threads,
        metric=metric if "validation" in dataset.parts else f"train_{metric}",
        decided=dataset.notes,
    )
