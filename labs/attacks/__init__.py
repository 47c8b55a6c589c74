"""Attacks and their honest evaluation, chapter 6.

`dalvi`, the game of 2004; `gradient`, from L-BFGS to PGD; `glasses`, frames that fool a face recogniser; `signs`,
stickers on road signs; `evaluation`, the worst case of each image; `defences`, networks that train against it;
`certificates`, what no attack can do.
"""

from labs.attacks import certificates, dalvi, defences, evaluation, glasses, gradient, signs
from labs.attacks.certificates import certified, certify, lower_bound
from labs.attacks.evaluation import random_search, resists, robust_accuracy
from labs.attacks.glasses import eyeglasses
from labs.attacks.gradient import fgsm, lbfgs, pgd
from labs.attacks.signs import stickers

__all__ = [
    "certificates",
    "certified",
    "certify",
    "dalvi",
    "defences",
    "evaluation",
    "eyeglasses",
    "fgsm",
    "glasses",
    "gradient",
    "lbfgs",
    "lower_bound",
    "pgd",
    "random_search",
    "resists",
    "robust_accuracy",
    "signs",
    "stickers",
]
