"""Checks of the welcome lesson: the trainee's first two boxes."""

import numpy as np

from labs.checks import CheckFailed, compare, exercise


@exercise(
    "0.a",
    'Convertissez d\'abord en nombres réels, avec .astype("float32").',
    "Le blanc vaut 255 ; il doit devenir 1 : divisez par 255.",
)
def to_unit_range(answer):
    rng = np.random.default_rng(0)
    for low, high in ((0, 255), (30, 200)):  # the largest pixel is not always white
        images = rng.integers(low, high + 1, size=(3, 4, 4), dtype="uint8")
        images[0, 0, :2] = [low, high]
        got = answer(images.copy())
        compare(got, images.astype("float64") / 255, given=f"pour des pixels de {low} à {high}")
    if np.asarray(got).dtype != np.float32:
        raise CheckFailed(
            f"Les valeurs sont justes, mais le type est {np.asarray(got).dtype} ; float32 était demandé.", stage="type"
        )
    return "float32, entre 0 et 1"


@exercise(
    "0.b",
    "Comparez les deux tableaux élément par élément : predicted == labels donne un tableau de vrais et de faux.",
    "Un vrai compte pour 1, un faux pour 0 : la moyenne du tableau est la part de vrais.",
)
def accuracy(answer):
    from sklearn.metrics import accuracy_score

    rng = np.random.default_rng(0)
    for count in (1, 10, 1000):
        labels = rng.integers(0, 3, count)
        logits = rng.normal(size=(count, 3))
        expected = accuracy_score(labels, logits.argmax(axis=1))
        compare(answer(logits.copy(), labels.copy()), np.float64(expected), given=f"pour {count} image(s)")
    return "égale à celle de scikit-learn"
