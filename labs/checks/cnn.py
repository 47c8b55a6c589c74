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
        if np.ndim(got) == 0 and got != expected:
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


# --- Lesson 2.2 -----------------------------------------------------------------------------------------
@exercise(
    "2.2.a",
    "Un filtre de côté size qui lit n cartes a size² × n poids, et un biais : faites la somme sur les filtres.",
    "Le sous-échantillonnage appris a deux paramètres par carte : un coefficient et un biais.",
    "Une couche dense a inputs × outputs poids, et outputs biais.",
)
def parameters(answer):
    lenet5 = (
        ("conv", 5, (1,) * 6), ("subsample", 6), ("conv", 5, (3,) * 6 + (4,) * 9 + (6,)), ("subsample", 16),
        ("conv", 5, (16,) * 120), ("dense", 120, 84),
    )  # fmt: skip
    others = (("conv", 3, (1,)), ("conv", 1, (2, 5)), ("dense", 1, 1), ("dense", 7, 3), ("subsample", 1))
    for layer in (*others, *lenet5):
        expected, got = _keras_parameters(layer), answer(layer)
        if np.ndim(got) == 0 and got != expected:
            _diagnose_parameters(layer, got, expected)
        compare(got, np.int64(expected), given=f"pour {_brief(layer)}")
    compare(sum(map(answer, lenet5)), np.int64(60_000), given="pour la somme des couches de LeNet-5")
    return "égal à Keras, et aux 60 000 paramètres de l'article"


def _keras_parameters(layer):
    """The count of Keras: a convolution a filter, a depthwise one for the subsampling, a dense layer."""
    from keras import layers

    kind, *numbers = layer
    if kind == "conv":
        size, sources = numbers
        built = [(layers.Conv2D(1, size), read) for read in set(sources)]
    elif kind == "subsample":
        built, sources = [(layers.DepthwiseConv2D(1), numbers[0])], (numbers[0],)
    else:
        built, sources = [(layers.Dense(numbers[1]), numbers[0])], (numbers[0],)
    for one, read in built:
        one.build((None, read) if kind == "dense" else (None, 8, 8, read))
    counts = {read: one.count_params() for one, read in built}
    return sum(counts[read] for read in sources)


def _diagnose_parameters(layer, got, expected):
    kind, *numbers = layer
    if kind == "subsample":
        raise CheckFailed(
            f"Un sous-échantillonnage appris a, pour chaque carte, un coefficient (le même pour les quatre pixels de "
            f"la fenêtre) et un biais. Vous trouvez {got} pour {_brief(layer)} ; {expected} était attendu."
        )
    if kind == "dense":
        if got == numbers[0] * numbers[1]:
            raise CheckFailed(f"Il manque les biais pour {_brief(layer)} : un par sortie.")
        if got == (numbers[1] + 1) * numbers[0]:
            raise CheckFailed(f"Les biais, pour {_brief(layer)}, vont par sortie et non par entrée.")
        return
    size, sources = numbers
    if got == size * sum(sources) + len(sources):
        raise CheckFailed(f"Un filtre de côté {size} a {size}×{size} poids par carte lue, et non {size}.")
    if got == expected - len(sources):
        raise CheckFailed(f"Il manque les biais pour {_brief(layer)} : un par filtre.")
    if got == size**2 * sum(sources) + sum(sources):
        raise CheckFailed(f"Vous comptez un biais par carte lue pour {_brief(layer)} ; il y en a un par filtre.")
    if got == (size**2 * max(sources) + 1) * len(sources):
        raise CheckFailed(f"Vous connectez tout pour {_brief(layer)} : le filtre k ne lit que sources[k] cartes.")


def _brief(layer):
    text = repr(layer)
    return text if len(text) < 60 else f"{text[:40]}…)"


@exercise(
    "2.2.b",
    "Une couche 3×3 voit 3 pixels, deux en voient 5, trois en voient 7 : combien pour field ?",
    "Il faut (field − 1) / 2 couches, de 3 × 3 × maps × maps poids chacune.",
)
def stack_weights(answer):
    for field, maps in ((3, 4), (5, 4), (7, 64), (1, 8), (15, 3), (11, 16)):
        depth, expected = _keras_stack(field, maps)
        got = answer(field, maps)
        given = f"pour field={field} et maps={maps}"
        if np.ndim(got) == 0 and got != expected:
            if got == (field * maps) ** 2:
                raise CheckFailed(f"C'est le coût d'un seul filtre {field}×{field}, pas celui d'un empilement de 3×3.")
            if got == depth * 9 * maps:
                raise CheckFailed("Chaque filtre lit toutes les cartes et il y a autant de filtres : maps × maps.")
            if got == depth * (9 * maps**2 + maps):
                raise CheckFailed("Vous comptez les biais ; on ne demande ici que les poids.")
            if got % (9 * maps**2) == 0:
                raise CheckFailed(
                    f"Nombre de couches empilées {given} : {got // (9 * maps**2):.0f}, au lieu de {depth}."
                )
        compare(got, np.int64(expected), given=given)
    return "égal à Keras"


def _keras_stack(field, maps):
    """Depth and weights of the stack of 3×3 layers that turns field × field pixels into one."""
    from keras import layers

    shape, depth, weights = (None, field, field, maps), 0, 0
    while shape[1] > 1:
        layer = layers.Conv2D(maps, 3, use_bias=False)
        layer.build(shape)
        shape, depth, weights = layer.compute_output_shape(shape), depth + 1, weights + layer.count_params()
    return depth, weights


@exercise(
    "2.2.c",
    "L'opérateur @ multiplie le dernier axe d'un tableau à quatre axes par une matrice (C, K).",
    "Le biais (K,) s'ajoute au dernier axe, sans rien changer d'autre : images @ weights + bias.",
)
def conv1x1(answer):
    from keras import ops

    rng = np.random.default_rng(0)
    for shape, written in (((1, 3, 3, 1), 1), ((1, 6, 2, 3), 3), ((2, 4, 5, 3), 2), ((3, 1, 1, 4), 7)):
        images, weights = rng.normal(size=shape), rng.normal(size=(shape[-1], written))
        bias = rng.normal(size=written)
        plain = np.asarray(ops.conv(images, weights[None, None], padding="valid"))
        got = answer(images.copy(), weights.copy(), bias.copy())
        given = f"pour des images {shape} et des poids {weights.shape}"
        if np.shape(got) == plain.shape:
            if np.allclose(got, plain):
                raise CheckFailed(f"Il manque le biais {given}.")
            if np.min(got) >= 0 and np.allclose(got, np.maximum(plain + bias, 0)):
                raise CheckFailed("Vous ajoutez une ReLU ; on ne demande que la convolution.")
            if shape[-1] == written > 1 and np.allclose(got, images @ weights.T + bias):
                raise CheckFailed(
                    "Vos poids sont transposés : ils vont des C cartes lues (lignes) aux K cartes écrites."
                )
        if np.size(got) == plain.size and np.shape(got) != plain.shape:
            raise CheckFailed(
                f"Le compte y est, mais la forme renvoyée est {np.shape(got)} {given} ; {plain.shape} était attendue : "
                "gardez les axes des images, des lignes et des colonnes.",
                stage="forme",
            )
        compare(got, plain + bias, given=given)
    return "égal à Keras"


@exercise(
    "2.2.d",
    "Les axes de l'espace sont les numéros 1 et 2 de (N, H, L, C).",
    "maps.mean(axis=(1, 2)) moyenne les deux à la fois.",
)
def global_average(answer):
    from keras import layers

    rng = np.random.default_rng(0)
    for shape in ((1, 2, 2, 1), (2, 3, 5, 4), (3, 4, 4, 3), (2, 1, 1, 6), (4, 7, 2, 2)):
        maps = rng.normal(size=shape).astype("float32") + 1
        expected = np.asarray(layers.GlobalAveragePooling2D()(maps))
        got, given = answer(maps.copy()), f"pour des cartes {shape}"
        if np.shape(got) == (shape[0], 1, 1, shape[3]):
            raise CheckFailed(f"Les axes de l'espace sont encore là {given} : forme {np.shape(got)}.", stage="forme")
        if np.shape(got) == (shape[3],) or (shape[0] > 1 and np.shape(got) == ()):
            raise CheckFailed(f"Les images du lot sont mélangées {given} : chacune garde ses moyennes.", stage="forme")
        if np.shape(got) == shape[:3]:
            raise CheckFailed("Vous moyennez les cartes entre elles ; il faut moyenner les pixels.", stage="forme")
        if np.shape(got) == expected.shape and shape[1] * shape[2] > 1:
            if np.allclose(got, maps.sum(axis=(1, 2)), rtol=1e-4):
                raise CheckFailed(f"C'est la somme des pixels {given} ; il faut leur moyenne.")
            if np.allclose(got, maps.max(axis=(1, 2)), rtol=1e-4):
                raise CheckFailed(f"C'est le maximum de chaque carte {given} ; il faut sa moyenne.")
        compare(got, expected, given=given)
    return "égal à Keras"


# --- Lesson 2.3 -----------------------------------------------------------------------------------------
@exercise(
    "2.3.a",
    "Le résidu est conv(relu(conv(x, first)), second) : deux convolutions, une seule ReLU entre elles.",
    "Le raccourci s'ajoute au résidu, et la dernière ReLU vient après l'addition.",
    'ops.relu(x + ops.conv(ops.relu(ops.conv(x, first, padding="same")), second, padding="same"))',
)
def residual_block(answer):
    rng = np.random.default_rng(0)
    for shape, inside in (((1, 4, 4, 2), 2), ((2, 5, 7, 3), 6)):
        x = rng.normal(size=shape).astype("float32")
        first = rng.normal(size=(3, 3, shape[3], inside)).astype("float32") / 3
        second = rng.normal(size=(3, 3, inside, shape[3])).astype("float32") / 3
        given = f"pour des images {shape} et {inside} cartes entre les deux convolutions"
        expected, residual = _keras_residual(x, first, second)
        got = answer(x.copy(), first.copy(), second.copy())
        _diagnose_residual(got, x, residual, expected, first, second)
        compare(got, expected, given=given, tolerance=1e-4)
        still = answer(x.copy(), first.copy(), np.zeros_like(second))
        compare(still, np.maximum(x, 0), given="quand le second noyau est nul (il ne reste que le raccourci)")
    return "égal à Keras ; et l'identité ne lui coûte rien"


def _keras_residual(x, first, second):
    """Output and residual branch of the block, by Keras layers."""
    import keras

    inputs = keras.Input(x.shape[1:])
    options = {"padding": "same", "use_bias": False}
    one = keras.layers.Conv2D(first.shape[3], 3, activation="relu", **options)
    two = keras.layers.Conv2D(second.shape[3], 3, **options)
    residual = two(one(inputs))
    output = keras.layers.Activation("relu")(keras.layers.Add()([inputs, residual]))
    model = keras.Model(inputs, [output, residual])
    one.set_weights([first])
    two.set_weights([second])
    return tuple(np.asarray(values) for values in model(x))


def _diagnose_residual(got, x, residual, expected, first, second):
    from keras import ops

    if np.shape(got) != expected.shape:
        return
    same = lambda values: np.allclose(got, values, atol=1e-4)  # noqa: E731
    if same(np.maximum(residual, 0)) or same(residual):
        raise CheckFailed("Il manque le raccourci : l'entrée x s'ajoute à ce que rendent les deux convolutions.")
    if same(x + residual):
        raise CheckFailed("Il manque la dernière ReLU, celle qui suit l'addition.")
    if same(x + np.maximum(residual, 0)):
        raise CheckFailed(
            "Votre dernière ReLU vient avant l'addition : le bloc ne peut plus qu'ajouter à x, jamais en retrancher. "
            "Elle vient après."
        )
    linear = np.asarray(ops.conv(ops.conv(x, first, padding="same"), second, padding="same"))
    if same(np.maximum(x + linear, 0)):
        raise CheckFailed("Il manque la ReLU entre les deux convolutions : à elles deux, elles n'en font qu'une.")


@exercise(
    "2.3.b",
    "Un pixel sur stride, dans les deux sens : x[:, ::stride, ::stride].",
    "Il manque filters − C cartes : des zéros, ajoutés après les cartes de x.",
    "np.pad(x[:, ::stride, ::stride], ((0, 0), (0, 0), (0, 0), (0, filters - C)))",
)
def shortcut(answer):
    from keras import ops

    rng = np.random.default_rng(0)
    for shape, filters, stride in (
        ((2, 4, 4, 3), 3, 1),
        ((2, 6, 8, 3), 5, 2),
        ((1, 7, 5, 2), 4, 2),
        ((1, 9, 9, 1), 3, 3),
    ):
        x = rng.normal(size=shape).astype("float32")
        copies = np.eye(shape[3], filters, dtype="float32")[None, None]  # a 1×1 convolution that copies each map
        expected = np.asarray(ops.conv(x, copies, strides=stride, padding="valid"))
        got = answer(x.copy(), filters, stride)
        given = f"pour des images {shape}, filters={filters}, stride={stride}"
        if np.shape(got) == expected.shape:
            _diagnose_shortcut(np.asarray(got), x, expected, stride, given)
        compare(got, expected, given=given)
    return "égal à une convolution 1×1 qui recopie, sans un seul poids"


def _diagnose_shortcut(got, x, expected, stride, given):
    missing = expected.shape[3] - x.shape[3]
    kept = expected[..., : x.shape[3]]
    half = missing // 2
    if half and np.allclose(got[..., half : half + x.shape[3]], kept):
        raise CheckFailed(f"Vos cartes nulles encadrent celles de x ; mettez-les toutes après ({given}).")
    if missing and np.allclose(got, np.concatenate([expected[..., x.shape[3] :], kept], axis=3)):
        raise CheckFailed(f"Vos cartes nulles viennent avant celles de x, au lieu d'après ({given}).")
    if missing and np.allclose(got[..., : x.shape[3]], kept) and np.abs(got[..., x.shape[3] :]).max() > 1e-6:
        raise CheckFailed(f"L'option A n'ajoute que des zéros ; vos cartes en plus n'en sont pas ({given}).")
    rows, columns = expected.shape[1:3]
    if stride > 1 and np.allclose(got[..., : x.shape[3]], x[:, :rows, :columns]):
        raise CheckFailed(f"Vous gardez un coin de l'image ; il faut un pixel sur stride, partout ({given}).")


@exercise(
    "2.3.c",
    "Une couche lit c cartes : c × 4k poids pour la 1×1, puis 9 × 4k × k pour la 3×3.",
    "Après chaque couche, k cartes de plus : c += growth, et non 4k.",
    "Une boucle de depth tours : ajoutez 4·growth·maps + 36·growth², puis maps += growth.",
)
def dense_block(answer):
    for maps, depth, growth in ((24, 6, 12), (24, 1, 12), (5, 3, 2), (16, 2, 32), (7, 0, 4)):
        expected = _keras_dense_block(maps, depth, growth)
        got = answer(maps, depth, growth)
        given = f"pour maps={maps}, depth={depth}, growth={growth}"
        if isinstance(got, (tuple, list)) and len(got) == 2 and depth > 1:
            _diagnose_dense_block(got, expected, maps, depth, growth, given)
        compare(got, tuple(map(np.int64, expected)), given=given)
    return "égal au compte de Keras"


def _keras_dense_block(maps, depth, growth):
    """Maps out, and weights of the convolutions, of a block that Keras builds."""
    import keras

    x = inputs = keras.Input((4, 4, maps))
    for _ in range(depth):
        new = keras.layers.Conv2D(4 * growth, 1, use_bias=False)(x)
        new = keras.layers.Conv2D(growth, 3, padding="same", use_bias=False)(new)
        x = keras.layers.Concatenate()([x, new])
    return x.shape[-1], keras.Model(inputs, x).count_params()


def _diagnose_dense_block(got, expected, maps, depth, growth, given):
    out, weights = got
    if out == maps + 4 * growth * depth:
        raise CheckFailed(f"Vous trouvez {out} cartes {given} : une couche en ajoute k, ses 4k cartes sont internes.")
    if out == growth:
        raise CheckFailed(f"Vous trouvez {out} cartes {given} : la sortie du bloc garde aussi toutes les précédentes.")
    if weights == depth * (4 * growth * maps + 36 * growth**2):
        raise CheckFailed(f"Chaque couche lit ici les cartes d'entrée du bloc {given} ; elle lit aussi les nouvelles.")
    if weights == sum(9 * growth * (maps + growth * rank) for rank in range(depth)):
        raise CheckFailed(f"Vous avez oublié la 1×1 {given} : la 3×3 ne lit que les 4k cartes qu'elle lui prépare.")
    if weights == expected[1] + depth * 5 * growth:
        raise CheckFailed(f"Vous comptez des biais {given} : ces convolutions n'en ont pas.")


@exercise(
    "2.3.d",
    "values, vectors = np.linalg.eigh(covariance) : les vecteurs propres sont les colonnes de vectors.",
    "Sur la direction j, la variance est values[j] : divisez la colonne j par np.sqrt(values[j] + epsilon).",
    "eigh range les valeurs propres par ordre croissant : retournez les colonnes, [:, ::-1].",
)
def whiten(answer):
    from sklearn.decomposition import PCA

    rng = np.random.default_rng(0)
    for count, size, epsilon in ((500, 2, 0.0), (800, 5, 0.0), (800, 5, 0.1)):
        patches = rng.normal(size=(count, size)) @ rng.normal(size=(size, size)) + rng.normal(size=size)
        pca = PCA().fit(patches)
        variances = pca.explained_variance_ * (count - 1) / count  # scikit-learn divides by N - 1
        got = answer(patches.copy(), epsilon)
        given = f"pour {count} fenêtres de {size} valeurs et epsilon={epsilon}"
        directions = pca.components_.T
        expected = directions / np.sqrt(variances + epsilon)
        if np.shape(got) == expected.shape and np.all(np.isfinite(np.asarray(got, "float64"))):
            _diagnose_whiten(np.asarray(got, "float64"), directions, variances, expected, epsilon, given)
            got = got * np.sign(np.sum(got * directions, axis=0))  # an eigenvector has no sign of its own
        compare(got, expected, given=given, tolerance=1e-2 if epsilon == 0 else 5e-3)
    return "égal à l'ACP blanchie de scikit-learn"


def _diagnose_whiten(got, directions, variances, expected, epsilon, given):
    close = lambda values: np.allclose(np.abs(got), np.abs(values), rtol=5e-3, atol=1e-6)  # noqa: E731
    if close(expected[:, ::-1]):
        raise CheckFailed(f"Vos colonnes vont de la plus petite variance à la plus grande {given} : retournez-les.")
    if close(expected.T) or close(expected[:, ::-1].T):
        raise CheckFailed(f"Votre matrice est transposée {given} : les directions sont les colonnes.")
    if close(directions) or close(directions[:, ::-1]):
        raise CheckFailed(f"Les directions sont bonnes {given}, mais leurs variances ne valent pas encore 1 : divisez.")
    if close(directions / (variances + epsilon)):
        raise CheckFailed(f"Vous divisez par la variance {given} ; il faut l'écart-type, sa racine carrée.")
    if epsilon and close(directions / np.sqrt(variances)):
        raise CheckFailed(f"Vous n'utilisez pas epsilon {given} : il s'ajoute à la variance, sous la racine.")
    if epsilon and close(directions / (np.sqrt(variances) + epsilon)):
        raise CheckFailed(f"Epsilon s'ajoute à la variance, sous la racine, et non à l'écart-type ({given}).")


# --- Lesson 2.4 -----------------------------------------------------------------------------------------
@exercise(
    "2.4.a",
    "Comme en 2.1, bouclez sur les poids : le poids (a, b) lit images[:, a : a + H', b : b + L'].",
    "kernel[a, b] a une valeur par canal : multiplié par le morceau d'image, il s'étend sur les autres axes.",
    "Ajoutez les h × l morceaux multipliés, sans jamais additionner les canaux.",
)
def depthwise(answer):
    from keras import ops

    rng = np.random.default_rng(0)
    for shape, size in (((1, 4, 4, 1), (2, 2)), ((2, 6, 7, 3), (3, 3)), ((2, 5, 8, 4), (3, 2)), ((1, 5, 5, 2), (5, 5))):
        images, kernel = rng.normal(size=shape), rng.normal(size=(*size, shape[3]))
        reference = lambda grids: np.asarray(ops.depthwise_conv(images, grids[..., None], padding="valid"))  # noqa: B023, E731
        expected = reference(kernel)
        got = answer(images.copy(), kernel.copy())
        given = f"pour des images {shape} et un noyau {kernel.shape}"
        if np.shape(got) in (expected.shape[:3], (*expected.shape[:3], 1)) and shape[3] > 1:
            raise CheckFailed(
                f"Vous additionnez les canaux {given} : ici, chacun est filtré seul, et reste.", stage="forme"
            )
        if np.shape(got) == expected.shape:
            _diagnose_depthwise(np.asarray(got, "float64"), expected, kernel, reference, given)
        compare(got, expected, given=given, tolerance=1e-4)
    return "égal à Keras, canal par canal"


def _diagnose_depthwise(got, expected, kernel, reference, given):
    if np.allclose(got, expected, atol=1e-4):
        return
    if np.allclose(got, reference(kernel[::-1, ::-1]), atol=1e-4):
        raise CheckFailed(f"Votre noyau est retourné {given} : c'est une corrélation croisée, comme en 2.1.")
    if np.allclose(got[..., 0], expected[..., 0], atol=1e-4):
        raise CheckFailed(f"Le premier canal est juste {given}, les autres non : chaque canal a sa propre grille.")


@exercise(
    "2.4.b",
    "Divisez chaque ligne par sa norme : le produit de deux lignes est alors leur cosinus.",
    "np.argsort trie du plus petit au plus grand : triez l'opposé des cosinus, et gardez k colonnes.",
    "Pour une ligne de voisins, np.bincount(labels[voisins]).argmax() donne la classe la plus fréquente.",
)
def knn(answer):
    from sklearn.neighbors import KNeighborsClassifier

    rng = np.random.default_rng(0)
    for count, dimensions, classes, k in ((30, 4, 3, 1), (60, 5, 3, 5), (90, 8, 4, 7)):
        labels = rng.integers(0, classes, count)
        centres = rng.normal(size=(classes, dimensions))
        stretch = rng.uniform(0.1, 10, (count, 1))  # a length says nothing of the angle
        train = ((centres[labels] + rng.normal(size=(count, dimensions))) * stretch).astype("float32")
        test = (centres[rng.integers(0, classes, 40)] + rng.normal(size=(40, dimensions))).astype("float32")
        predict = lambda k, metric: KNeighborsClassifier(k, metric=metric).fit(train, labels).predict(test)  # noqa: B023, E731
        got = answer(train.copy(), labels.copy(), test.copy(), k)
        given = f"pour {count} exemples, {classes} classes et k = {k}"
        if np.shape(got) == (40,):
            _diagnose_knn(np.asarray(got), predict, k, given)
        compare(got, predict(k, "cosine"), given=given)
    return "égal à scikit-learn"


def _diagnose_knn(got, predict, k, given):
    if np.array_equal(got, predict(k, "cosine")):
        return
    if np.array_equal(got, predict(k, "euclidean")):
        raise CheckFailed(
            f"Vos voisins sont ceux de la distance ordinaire {given} : comparez les angles, par le cosinus."
        )
    if np.array_equal(got, predict(k, lambda one, other: -np.dot(one, other))):
        raise CheckFailed(f"Vos voisins sont ceux du produit scalaire {given} : divisez aussi par les normes.")
    if k > 1 and np.array_equal(got, predict(1, "cosine")):
        raise CheckFailed(f"Vous n'écoutez que le voisin le plus proche {given} : faites voter les k premiers.")
    if np.array_equal(got, predict(k + 1, "cosine")):
        raise CheckFailed(f"Vous faites voter {k + 1} voisins {given} : il en faut {k}.")
    if np.max(got) > np.max(predict(k, "cosine")):
        raise CheckFailed(f"Vous rendez des numéros de lignes {given}, et non des classes : passez par labels.")
    far = predict(k, lambda one, other: np.dot(one, other) / np.linalg.norm(one) / np.linalg.norm(other))
    if np.array_equal(got, far):
        raise CheckFailed(f"Vous gardez les voisins les plus éloignés {given} : un grand cosinus est un petit angle.")


@exercise(
    "2.4.c",
    "Développez : W (x − m) / s + b = (W / s) x + ce qui ne dépend pas de x.",
    "Keras calcule x @ kernel : le noyau est (D, K), la transposée de W / s.",
    "Le biais devient b − m @ kernel, avec le nouveau noyau.",
)
def dense_from_probe(answer):
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(0)
    for dimensions, classes in ((5, 4), (3, 3), (4, 6)):
        x = rng.normal(rng.uniform(-5, 5, dimensions), rng.uniform(0.2, 4, dimensions), (60, dimensions))
        scaler = StandardScaler().fit(x)
        softmax = LogisticRegression().fit(scaler.transform(x), np.arange(60) % classes)
        logits = softmax.decision_function(scaler.transform(x))
        solved = np.linalg.lstsq(np.c_[x, np.ones(60)], logits, rcond=None)[0]  # the one linear layer that gives them
        got = answer(scaler.mean_.copy(), scaler.scale_.copy(), softmax.coef_.copy(), softmax.intercept_.copy())
        given = f"pour D = {dimensions} et K = {classes}"
        if isinstance(got, (tuple, list)) and len(got) == 2:
            _diagnose_fold(*got, solved, scaler, softmax, given)
        compare(got, (solved[:-1], solved[-1]), given=given)
    return "les mêmes logits que scikit-learn"


def _diagnose_fold(kernel, bias, solved, scaler, softmax, given):
    same = lambda values: np.shape(kernel) == values.shape and np.allclose(kernel, values)  # noqa: E731
    if np.shape(kernel) == softmax.coef_.shape != solved[:-1].shape:
        raise CheckFailed(f"Votre noyau est (K, D) {given} ; une couche dense de Keras le veut (D, K).", stage="forme")
    if same(softmax.coef_.T):
        raise CheckFailed(f"Vos poids attendent encore des caractéristiques réduites {given} : divisez-les par scale.")
    if same((softmax.coef_ * scaler.scale_).T):
        raise CheckFailed(f"Vous multipliez les poids par l'écart-type {given} : c'est x que l'on divise, donc W / s.")
    if same(solved[:-1]) and np.shape(bias) == solved[-1].shape and not np.allclose(bias, solved[-1]):
        raise CheckFailed(
            f"Le noyau est bon {given}, pas le biais : il retire ce que la moyenne ajoute, m @ kernel, avec ce noyau."
        )


@exercise(
    "2.4.d",
    "Parcourez model.layers dans l'ordre, avec un booléen qui devient vrai à la couche `first`.",
    "Une BatchNormalization garde layer.trainable = False, même après `first`.",
    "Le nombre : la somme des tailles (np.prod de la forme) de model.trainable_weights.",
)
def freeze(answer):
    import keras

    for convolutions, first in ((2, "conv1"), (3, "conv1"), (3, "dense")):
        model = _stack(keras, convolutions)
        names = [layer.name for layer in model.layers]
        norms = [isinstance(layer, keras.layers.BatchNormalization) for layer in model.layers]
        expected = [rank >= names.index(first) and not norm for rank, norm in enumerate(norms)]
        for layer, kept in zip(model.layers, expected):
            layer.trainable = not kept  # as an earlier phase may have left it: each one has to be set
        learned = {name: layer.count_params() for name, layer in zip(names, model.layers)}  # all of it, norms apart
        number = sum(learned[name] for name, kept in zip(names, expected) if kept)
        got = answer(model, first)
        given = f"pour les couches {', '.join(names)} et first={first!r}"
        for layer, kept, norm in zip(model.layers, expected, norms):
            if not layer.count_params() or layer.trainable == kept:
                continue
            if norm:
                raise CheckFailed(f"La normalisation « {layer.name} » n'est pas gelée {given} : elles le sont toutes.")
            if kept:
                raise CheckFailed(
                    f"La couche « {layer.name} » est gelée, mais doit apprendre {given} : réglez layer.trainable "
                    "couche par couche (model.trainable = True ne change rien quand il vaut déjà True)."
                )
            raise CheckFailed(f"La couche « {layer.name} » est entraînable, mais doit être gelée {given}.")
        if not model.trainable:
            raise CheckFailed(
                f"Vous laissez model.trainable à False {given} : quoi que disent ses couches, un tel modèle n'apprend "
                "plus rien. Ne réglez que layer.trainable."
            )
        if np.ndim(got) == 0 and got == len(model.trainable_weights) != number:
            raise CheckFailed(f"Vous comptez {got} tableaux {given} ; comptez les nombres qu'ils contiennent.")
        compare(got, np.int64(number), given=given)
    return "les bonnes couches, et le bon compte"


def _stack(keras, convolutions):
    layers = [keras.Input((8, 8, 3))]
    for rank in range(convolutions):
        layers += [keras.layers.Conv2D(4 + rank, 3, padding="same", name=f"conv{rank}")]
        layers += [keras.layers.BatchNormalization(name=f"scale{rank}"), keras.layers.ReLU(name=f"relu{rank}")]
    layers += [keras.layers.GlobalAveragePooling2D(name="mean"), keras.layers.Dense(5, name="dense")]
    return keras.Sequential(layers)
