"""PyTorch's and scikit-learn's side of the benchmark `fashion`: answers one line on standard output for each line on standard input.

`torch FOLDER EPOCHS SEED` and `sklearn FOLDER EPOCHS SEED` train 784-128-10 on Fashion-MNIST with ReLU, Adam and batches of 200, and
answer with the accuracy on the test part and the seconds of training, the data being in memory.
"""

import sys
import time
import warnings

import numpy as np
from fashion_data import part

THREADS = int(sys.argv[1])
HIDDEN, BATCH, RATE = 128, 200, 1e-3


def with_torch(train, test, epochs, seed):
    import torch
    from torch import nn

    torch.set_num_threads(THREADS)
    torch.manual_seed(seed)
    x, t = map(torch.tensor, train)
    start = time.perf_counter()
    model = nn.Sequential(nn.Linear(784, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 10))
    optimiser = torch.optim.Adam(model.parameters(), lr=RATE)
    loss = nn.CrossEntropyLoss()
    for _ in range(epochs):
        for batch in torch.randperm(len(x)).split(BATCH):
            optimiser.zero_grad()
            loss(model(x[batch]), t[batch]).backward()
            optimiser.step()
    seconds = time.perf_counter() - start
    with torch.no_grad():
        predicted = model(torch.tensor(test[0])).argmax(1).numpy()
    return [np.mean(predicted == test[1]), seconds]


def with_sklearn(train, test, epochs, seed):
    from sklearn.neural_network import MLPClassifier
    from threadpoolctl import threadpool_limits

    # No tolerance: all epochs are gone through, as on the other sides.
    model = MLPClassifier(
        (HIDDEN,), alpha=0, batch_size=BATCH, learning_rate_init=RATE, max_iter=epochs, random_state=seed, tol=0, n_iter_no_change=epochs + 1
    )
    with threadpool_limits(THREADS), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = time.perf_counter()
        model.fit(*train)
        seconds = time.perf_counter() - start
    return [model.score(*test), seconds]


parts = {}
for line in sys.stdin:
    library, folder, epochs, seed = line.split()
    if folder not in parts:
        parts[folder] = part(folder, "train"), part(folder, "t10k")
    run = with_torch if library == "torch" else with_sklearn
    print(*run(*parts[folder], int(epochs), int(seed)), flush=True)
