"""The digits network as a torch script: CSV in, model and test accuracy out.

Usage: digits_torch.py DATA MODEL
"""

import json
import sys

import numpy as np
import pandas as pd
import torch

data, output = sys.argv[1:]
torch.manual_seed(0)
torch.set_num_threads(1)
frame = pd.read_csv(data)
y = torch.from_numpy(frame.pop("digit").to_numpy())
X = torch.from_numpy(frame.to_numpy(np.float32))
order = torch.randperm(len(X))
test, train = order[: len(X) // 5], order[len(X) // 5 :]
low, high = X[train].amin(dim=0), X[train].amax(dim=0)
X = (X - low) / (high - low).clamp(min=1e-12)
X_train, y_train = X[train], y[train]

model = torch.nn.Sequential(
    torch.nn.Linear(64, 128),
    torch.nn.ReLU(),
    torch.nn.Linear(128, 64),
    torch.nn.ReLU(),
    torch.nn.Linear(64, 10),
)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
loss_of = torch.nn.CrossEntropyLoss()
for _ in range(30):
    total = 0.0
    for rows in torch.randperm(len(X_train)).split(64):
        loss = loss_of(model(X_train[rows]), y_train[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(rows)
torch.save({"model": model.state_dict(), "low": low, "high": high}, output)
with torch.inference_mode():
    accuracy = (model(X[test]).argmax(dim=1) == y[test]).float().mean().item()
print(json.dumps({"metrics": {"test": {"accuracy": accuracy}}}))
