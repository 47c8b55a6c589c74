"""Checks of chapter 2, convolutional networks."""

import numpy as np

from labs.checks import CheckFailed, compare, exercise


# --- Lesson 2.1 -----------------------------------------------------------------------------------------
@exercise(
    "2.1.a",
    "Une sortie : np.sum(image[i:i+h, j:j+l] * kernel), où (i, j) est le coin de la fenêtre.",
    "Les coins vont de 0 à H − h inclus, de stride en stride : range(0, H - h + 1, stride).",
    "Le noyau ne se retourne pas : c'est une corrélation croisée.",
)
def conv2d(answer):
    from scipy.signal import convolve2d, correlate2d

    rng = np.random.default_rng(0)
    cases = (((5, 5), (3, 3), 1), ((6, 9), (2, 3), 1), ((9, 6), (3, 2), 2), ((11, 8), (4, 3), 3), ((4, 4), (4, 4), 1))
    for shape, size, stride in cases:
        image, kernel = rng.normal(size=shape), rng.normal(size=size)
        expected = correlate2d(image, kernel, "valid")[::stride, ::stride]
        got = answer(image.copy(), kernel.copy(), stride)
        given = f"pour une image {shape}, un noyau {size} et un pas de {stride}"
        if np.shape(got) == expected.shape and np.allclose(got, convolve2d(image, kernel, "valid")[::stride, ::stride]):
            raise CheckFailed(
                "Votre noyau est retourné : c'est la convolution des mathématiciens, pas celle des réseaux."
            )
        if np.shape(got) == shape:
            raise CheckFailed(
                "La sortie a la taille de l'image : sans remplissage, la fenêtre ne déborde pas.", stage="forme"
            )
        compare(got, expected, given=given)
    return "égal à SciPy, quel que soit le pas"


@exercise(
    "2.1.b",
    "La fenêtre dilatée couvre d(h − 1) + 1 pixels, et l'image remplie en a H + 2p.",
    "Il reste H + 2p − fenêtre pixels à parcourir, de stride en stride, après la position de départ.",
    "Division entière, puis + 1 : (H + 2p − d(h − 1) − 1) // s + 1.",
)
def conv_size(answer):
    cases = [(7, 3, 1, 0, 1), (7, 3, 2, 0, 1), (8, 3, 2, 0, 1), (8, 3, 2, 1, 1), (32, 5, 1, 2, 1), (32, 3, 1, 0, 2)]
    for size, kernel, stride, padding, dilation in [*cases, (33, 3, 2, 4, 4), (5, 5, 3, 0, 1), (224, 7, 2, 3, 1)]:
        padded, window = np.zeros(size + 2 * padding), np.arange(kernel) * dilation
        starts = np.arange(0, len(padded), stride)
        expected = int(np.sum(starts + window[-1] < len(padded)))  # positions, counted one by one
        got = answer(size, kernel, stride, padding, dilation)
        given = f"pour size={size}, kernel={kernel}, stride={stride}, padding={padding}, dilation={dilation}"
        if padding and dilation == 1 and got == (size + padding - kernel) // stride + 1 != expected:
            raise CheckFailed("Le remplissage s'ajoute des deux côtés : 2p, et non p.")
        if dilation > 1 and got == (size + 2 * padding - dilation * kernel) // stride + 1 != expected:
            raise CheckFailed(
                "Entre h poids il y a h − 1 intervalles, de d pixels chacun : la fenêtre couvre d(h − 1) + 1 pixels."
            )
        if dilation == 1 and np.ndim(got) == 0 and got == expected - 1:
            raise CheckFailed(f"Il manque une position {given} : celle de départ, sans avoir encore bougé (+ 1).")
        if np.ndim(got) == 0 and isinstance(got, (int, float)) and got > expected and got - expected < 2 and stride > 1:
            raise CheckFailed(
                f"Vous comptez {got} positions {given}, il n'en tient que {expected} : arrondissez vers le bas."
            )
        compare(got, np.int64(expected), given=given)
    return "toutes les positions sont comptées"


@exercise(
    "2.1.c",
    "Pour un décalage (a, b) dans la fenêtre, images[:, a : a + H', b : b + L'] donne un pixel de chaque fenêtre.",
    "H' = H − height + 1 et L' = L − width + 1.",
    "Bouclez sur a puis sur b, et concaténez les morceaux sur le dernier axe.",
)
def im2col(answer):
    import tensorflow as tf

    rng = np.random.default_rng(0)
    for shape, height, width in (
        ((1, 4, 4, 1), 2, 2),
        ((2, 5, 6, 1), 3, 2),
        ((2, 6, 5, 3), 2, 3),
        ((1, 3, 4, 2), 3, 4),
    ):
        images = rng.normal(size=shape)
        expected = tf.image.extract_patches(images, [1, height, width, 1], [1] * 4, [1] * 4, "VALID").numpy()
        got = answer(images.copy(), height, width)
        if shape[3] > 1 and np.shape(got) == expected.shape:
            by_channel = (
                expected.reshape(*expected.shape[:3], height * width, -1).swapaxes(3, 4).reshape(expected.shape)
            )
            if np.allclose(got, by_channel):
                raise CheckFailed("Les canaux viennent en premier dans vos lignes : ils doivent y varier le plus vite.")
        compare(got, expected, given=f"pour des images {shape} et une fenêtre {height}×{width}")
    return "égal à TensorFlow"


@exercise(
    "2.1.d",
    "Deux boucles sur les positions, ou sur les size × size décalages dans la fenêtre.",
    "La fenêtre (i, j) est images[:, i*stride : i*stride + size, j*stride : j*stride + size, :].",
    "Le maximum se prend sur les axes 1 et 2, jamais sur les canaux.",
)
def max_pool2d(answer):
    from keras import ops

    rng = np.random.default_rng(0)
    for shape, size, stride in (((1, 4, 4, 1), 2, 2), ((2, 6, 8, 3), 2, 2), ((1, 7, 9, 2), 3, 2), ((1, 8, 6, 2), 3, 3)):
        images = rng.normal(size=shape) - 4  # below zero: a padding of zeros would win everywhere
        expected = np.asarray(ops.max_pool(images, size, strides=stride, padding="valid"))
        got = answer(images.copy(), size, stride)
        if np.shape(got) == expected.shape[:3] != expected.shape:
            raise CheckFailed("Les canaux ont disparu : chacun garde son propre maximum.", stage="forme")
        mean = np.asarray(ops.average_pool(images, size, strides=stride, padding="valid"))
        if np.shape(got) == mean.shape and np.allclose(got, mean):
            raise CheckFailed("C'est la moyenne de chaque fenêtre ; il faut son maximum.")
        compare(got, expected, given=f"pour des images {shape} négatives, size={size}, stride={stride}")
    return "égal à Keras"


@exercise(
    "2.1.e",
    "Sans aucune couche, une sortie voit un pixel : partez de size = 1.",
    "Tenez à jour l'écart entre deux entrées voisines de la couche : 1 au départ, multiplié par chaque pas.",
    "À chaque couche : size += dilation * (kernel - 1) * jump, puis seulement jump *= stride.",
)
def receptive_field(answer):
    stacks = [
        [],
        [(3, 1, 1)],
        [(3, 1, 1)] * 3,
        [(3, 2, 1)],
        [(3, 2, 1), (3, 1, 1)],
        [(5, 1, 1), (2, 2, 1), (5, 1, 1), (2, 2, 1)],
        [(3, 1, 1), (3, 1, 2), (3, 1, 4)],
        [(7, 2, 1), (3, 2, 1), (3, 1, 2), (1, 1, 1)],
    ]
    for stack in stacks:
        expected, got = _seen(stack), answer(list(stack))
        given = f"pour les couches {stack}"
        if got is not None and got is not ... and np.ndim(got) == 0 and got != expected:
            plain = 1 + sum(dilation * (kernel - 1) for kernel, _, dilation in stack)
            if got == plain:
                raise CheckFailed(
                    f"Vous avez oublié les pas {given} : après un pas de 2, deux entrées voisines sont à 2 pixels "
                    f"l'une de l'autre. Vous trouvez {got}, la mesure donne {expected}."
                )
        compare(got, np.int64(expected), given=given)
    return "égal à la mesure, impulsion par impulsion"


def _seen(stack):
    """Extent of the inputs, lit one by one, that reach the first output."""
    signals = np.eye(80)
    for kernel, stride, dilation in stack:
        weights = np.zeros(dilation * (kernel - 1) + 1)
        weights[::dilation] = 1
        signals = np.stack([np.convolve(row, weights, "valid")[::stride] for row in signals])
    return int(np.ptp(np.flatnonzero(signals[:, 0]))) + 1
