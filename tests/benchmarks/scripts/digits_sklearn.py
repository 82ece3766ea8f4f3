"""The digits network as a scikit-learn script: CSV in, model and test accuracy out.

Usage: digits_sklearn.py DATA MODEL
"""

import json
import pickle
import sys
import warnings

import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import MinMaxScaler

data, output = sys.argv[1:]
frame = pd.read_csv(data)
y = frame.pop("digit").to_numpy()
X_train, X_test, y_train, y_test = train_test_split(
    frame.to_numpy(float), y, test_size=0.2, stratify=y, random_state=0
)
scaler = MinMaxScaler().fit(X_train)
model = MLPClassifier(
    (128, 64), batch_size=64, max_iter=30, alpha=0.0, tol=0.0, n_iter_no_change=30, random_state=0
)
warnings.simplefilter("ignore", ConvergenceWarning)
model.fit(scaler.transform(X_train), y_train)
with open(output, "wb") as file:
    pickle.dump((scaler, model), file)
accuracy = model.score(scaler.transform(X_test), y_test)
print(json.dumps({"metrics": {"test": {"accuracy": accuracy}}}))
