"""Attacks and their honest evaluation, chapter 6: `dalvi`, the game of 2004; `gradient`, from L-BFGS to PGD."""

from labs.attacks import dalvi, gradient
from labs.attacks.gradient import fgsm, lbfgs, pgd

__all__ = ["dalvi", "fgsm", "gradient", "lbfgs", "pgd"]
