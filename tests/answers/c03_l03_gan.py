"""Answers of lesson 3.3."""

import numpy as np


def _softplus(a):
    return np.logaddexp(0, a)


def _sigmoid(a):
    return 1 / (1 + np.exp(-a))


def _frechet(m, a, n, b, *, square=2, root="matrix"):
    values = np.sqrt(np.maximum(np.linalg.eigvals(a @ b).real, 0)).sum()
    cross = {"matrix": values, "elements": np.trace(np.sqrt(a @ b)), "none": 0.0}[root]
    return np.linalg.norm(m - n) ** square + np.trace(a) + np.trace(b) - 2 * cross


WRONG = {
    "discriminator_loss": [
        lambda real, fake: -np.mean(np.log(_sigmoid(real))) - np.mean(np.log(1 - _sigmoid(fake))),  # infinite
        lambda real, fake: -np.mean(_softplus(-real)) - np.mean(_softplus(fake)),  # V itself
        lambda real, fake: np.mean(_softplus(real)) + np.mean(_softplus(-fake)),  # labels exchanged
        lambda real, fake: np.mean(np.concatenate([_softplus(-real), _softplus(fake)])),
    ],
    "generator_loss": [
        lambda fake: -np.mean(_softplus(fake)),  # saturating
        lambda fake: np.mean(_softplus(fake)),  # the discriminator's
        lambda fake: -np.mean(_softplus(-fake)),
        lambda fake: -np.mean(np.log(_sigmoid(fake))),
    ],
    "frechet": [
        lambda m, a, n, b: _frechet(m, a, n, b, root="elements"),
        lambda m, a, n, b: _frechet(m, a, n, b, square=1),
        lambda m, a, n, b: _frechet(m, a, n, b, root="none"),
    ],
}
