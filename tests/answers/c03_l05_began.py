"""Answers of lesson 3.5."""

import numpy as np


def _bound(real, real_copy, fake, fake_copy, *, error, gap=np.abs):
    return gap(error(real - real_copy) - error(fake - fake_copy))


WRONG = {
    "error_bound": [
        lambda *images: _bound(*images, error=np.mean),  # errors of both signs cancel
        lambda *images: _bound(*images, error=lambda r: np.mean(r**2)),  # η = 2
        lambda *images: _bound(*images, error=lambda r: np.abs(r).mean(), gap=lambda d: d),  # signed
        lambda *images: _bound(*images, error=lambda r: np.abs(r).sum(axis=(1, 2, 3)).mean()),  # pixels summed
    ],
    "update_balance": [
        lambda k, real, fake, gamma, rate: k + rate * (gamma * real - fake),  # not clipped
        lambda k, real, fake, gamma, rate: np.clip(k - rate * (gamma * real - fake), 0, 1),
        lambda k, real, fake, gamma, rate: np.clip(k + rate * (real - gamma * fake), 0, 1),
        lambda k, real, fake, gamma, rate: np.clip(k + gamma * real - fake, 0, 1),
        lambda k, real, fake, gamma, rate: max(k + rate * (gamma * real - fake), 0),
    ],
    "convergence": [
        lambda real, fake, gamma: real + gamma * real - fake,
        lambda real, fake, gamma: np.abs(gamma * real - fake),
        lambda real, fake, gamma: real + np.abs(real - gamma * fake),
        lambda real, fake, gamma: real + np.abs(real - fake),
    ],
}
