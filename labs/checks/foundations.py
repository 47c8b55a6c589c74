"""Checks of chapter 1, the foundations of a neural network."""

import numpy as np

from labs.checks import CheckFailed, compare, exercise, show, uses_its_generator


# --- Lesson 1.1 -----------------------------------------------------------------------------------------
@exercise(
    "1.1.a",
    "Deux boucles : sur les passages, puis sur les couples (exemple, étiquette).",
    "La condition de correction est y * (w · x + b) <= 0, égalité comprise : au départ tout vaut 0.",
    "À chaque erreur, corrigez w ET b, tout de suite, avant de voir l'exemple suivant.",
)
def perceptron(answer):
    from sklearn.linear_model import Perceptron

    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3))
    y = np.where(x @ [1.0, -2.0, 0.5] + 0.4 + rng.normal(0, 0.5, 60) > 0, 1, -1)
    for label in (1, -1):
        got = answer(np.ones((1, 3)), np.array([label]), 1)
        if isinstance(got, (tuple, list)) and len(got) == 2 and not np.any(got[0]):
            raise CheckFailed(
                f"Les poids sont restés à zéro pour un exemple d'étiquette {label} : aucune correction n'a eu lieu. "
                "Un exemple dont le score est exactement 0 n'est pas bien classé."
            )
    for epochs in (1, 5):
        reference = Perceptron(shuffle=False, tol=None, max_iter=epochs).fit(x, y)
        got = answer(x.copy(), y.copy(), epochs)
        expected = (reference.coef_[0], np.float64(reference.intercept_[0]))
        compare(got, expected, given=f"pour 60 points et epochs={epochs}")
    return "mêmes poids que scikit-learn"


@exercise(
    "1.1.b",
    "La fonction renvoie deux tableaux : la valeur, puis la dérivée.",
    "La dérivée s'écrit avec la valeur s : s * (1 - s).",
    "Pour x = −1000, np.exp(1000) déborde ; utilisez 0.5 * (1 + np.tanh(x / 2)).",
)
def sigmoid(answer):
    from scipy.special import expit

    x = np.array([-2.0, -0.5, 0.0, 1.0, 3.0])
    for case in (x, np.random.default_rng(0).normal(size=(4, 3))):
        compare(
            answer(case.copy()), (expit(case), expit(case) * expit(-case)), given=f"pour x = {show(case.ravel()[:5])}"
        )
    huge = np.array([-1000.0, 1000.0])
    try:
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            got = answer(huge)
    except FloatingPointError:
        raise CheckFailed(
            "Une exponentielle déborde pour x = ±1000 (même masquée par np.where, qui calcule ses deux branches).",
            stage="cas limites",
        ) from None
    compare(got, (expit(huge), np.zeros(2)), given="pour x = [-1000, 1000]")
    return "valeurs, dérivée, et aucun débordement"


@exercise(
    "1.1.c",
    "Les deux neurones cachés peuvent lire la même somme s = x1 + x2 : seuls leurs biais diffèrent.",
    "Avec h1 = ReLU(s) et h2 = ReLU(s - 1), on a (h1, h2) = (0, 0), (1, 0), (2, 1) pour s = 0, 1, 2.",
    "Il reste à trouver a et b tels que a * h1 + b * h2 = 0, 1, 0 : a = 1, puis 2a + b = 0.",
)
def xor_weights(answer):
    weights = answer()
    shapes = [(2, 2), (2,), (2, 1), (1,)]
    if not isinstance(weights, (tuple, list)) or len(weights) != 4:
        raise CheckFailed("La fonction doit renvoyer quatre tableaux : deux noyaux et deux biais.", stage="type")
    received = [np.shape(array) for array in weights]
    if received != shapes:
        raise CheckFailed(f"Les formes sont {received} ; il faut {shapes}.", stage="forme")
    import keras

    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, activation="relu"), keras.layers.Dense(1)])
    network.set_weights([np.asarray(array, "float32") for array in weights])
    corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
    compare(network(corners)[:, 0], np.array([0.0, 1, 1, 0]), given="pour (0,0), (0,1), (1,0), (1,1)")
    return "0, 1, 1, 0"


@exercise(
    "1.1.d",
    "Une couche : activation(x @ kernel + bias), et sa sortie est l'entrée de la suivante.",
    "La dernière couche n'a pas d'activation : elle renvoie des logits.",
)
def forward(answer):
    import keras

    rng = np.random.default_rng(0)
    for sizes, count in (([3, 2], 4), ([3, 5, 2], 1), ([4, 6, 5, 3], 7)):
        network = keras.Sequential([keras.Input((sizes[0],))])
        for units in sizes[1:-1]:
            network.add(keras.layers.Dense(units, activation="tanh"))
        network.add(keras.layers.Dense(sizes[-1]))
        network.set_weights([rng.normal(size=w.shape) for w in network.get_weights()])
        layers = list(zip(network.get_weights()[::2], network.get_weights()[1::2]))
        x = rng.normal(size=(count, sizes[0])).astype("float32")
        got, expected = answer(x, list(layers), np.tanh), np.asarray(network(x))
        if np.shape(got) == expected.shape and np.allclose(got, np.tanh(expected), atol=1e-5):
            raise CheckFailed("La dernière couche a reçu l'activation : elle doit rester linéaire.")
        compare(got, expected, given=f"pour un réseau {' → '.join(map(str, sizes))} et un lot de taille {count}")
    return "égal à Keras, pour une, deux et trois couches"


# --- Lesson 1.2 -----------------------------------------------------------------------------------------
@exercise(
    "1.2.a",
    "Décalez d'abord : z = logits − logits.max(axis=1, keepdims=True). La softmax reste la même.",
    "log p = z − log(somme des exp(z)) ; celui de la bonne classe est log_p[np.arange(N), labels].",
    "Le gradient est (softmax − one-hot) / N : np.exp(log_p), moins 1 à la bonne classe, le tout divisé par N.",
)
def cross_entropy(answer):
    rng = np.random.default_rng(0)
    cases = {
        "pour 5 exemples et 3 classes": (rng.normal(0, 2, (5, 3)), rng.integers(0, 3, 5)),
        "pour un seul exemple": (rng.normal(size=(1, 4)), np.array([2])),
        "pour des logits de ±1000": (np.array([[1000.0, 0, -5], [-1000, -1001, -1003]]), np.array([1, 2])),
    }
    for given, (logits, labels) in cases.items():
        with np.errstate(all="ignore"):
            got = answer(logits.copy(), labels.copy())
        expected = _keras_loss("SparseCategoricalCrossentropy", logits, labels)
        if _are_numbers(got, expected):
            _name_the_mistake_of_cross_entropy(*got, *expected, given)
        compare(got, expected, given=given)
    return "valeur et gradient égaux à ceux de Keras, sans débordement à ±1000"


def _name_the_mistake_of_cross_entropy(value, gradient, expected_value, expected_gradient, given):
    count = len(expected_gradient)
    if not (np.all(np.isfinite(value)) and np.all(np.isfinite(gradient))):
        raise CheckFailed(
            f"Une exponentielle déborde, ou un log(0) apparaît, {given} : soustrayez d'abord le maximum de chaque "
            "ligne, et ne passez jamais par log(softmax).",
            stage="cas limites",
        )
    if count > 1 and np.allclose(value, count * expected_value):
        raise CheckFailed(f"Le coût est {count} fois trop grand {given} : vous avez oublié de diviser par N.")
    if count > 1 and np.allclose(gradient, count * expected_gradient):
        raise CheckFailed(
            f"Le gradient est {count} fois trop grand {given} : le coût est une moyenne, divisez-le aussi par N.",
            stage="gradient",
        )
    if np.allclose(gradient, -expected_gradient):
        raise CheckFailed(
            f"Le gradient a le signe contraire {given} : softmax − one-hot, dans cet ordre.", stage="gradient"
        )


@exercise(
    "1.2.b",
    "Les formes guident : dx a celle de x, d_kernel celle de kernel, d_bias celle du biais, (unités,).",
    "Chaque poids touche tous les exemples du lot : son gradient est une somme sur le lot, donc x.T @ gradient.",
    "dx = gradient @ kernel.T ; d_bias = gradient.sum(axis=0). Aucune division par N : elle est déjà dans `gradient`.",
)
def dense_backward(answer):
    import tensorflow as tf

    rng = np.random.default_rng(0)
    for count, inputs, units in ((5, 3, 2), (1, 4, 3), (4, 4, 4)):
        x, kernel, gradient = (rng.normal(size=shape) for shape in ((count, inputs), (inputs, units), (count, units)))
        tensors = [tf.constant(x), tf.constant(kernel), tf.zeros(units, "float64")]
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            loss = tf.reduce_sum((tensors[0] @ tensors[1] + tensors[2]) * gradient)
        expected = tuple(part.numpy() for part in tape.gradient(loss, tensors))
        given = f"pour x de forme {x.shape} et kernel de forme {kernel.shape}"
        got = answer(x.copy(), kernel.copy(), gradient.copy())
        if _are_numbers(got, expected):
            _name_the_mistake_of_dense(got, expected, count, given)
        compare(got, expected, given=f"{given} (dx, d_kernel, d_bias)")
    return "dx, d_kernel et d_bias égaux à ceux de GradientTape"


def _name_the_mistake_of_dense(got, expected, count, given):
    for name, ours, theirs in zip(("dx", "d_kernel", "d_bias"), got, expected):
        if count > 1 and np.shape(ours) == theirs.shape and np.allclose(ours, theirs / count):
            raise CheckFailed(
                f"{name} est divisé par N {given} : le coût a déjà divisé par N ; ici, on somme sur le lot.",
                stage="gradient",
            )
        if np.ndim(ours) == 2 and np.shape(ours) == theirs.T.shape and np.allclose(ours, theirs.T):
            raise CheckFailed(f"{name} est transposé {given}.", stage="gradient")


@exercise(
    "1.2.c",
    "La vitesse d'abord : velocity = momentum * velocity − learning_rate * gradient, puis le point avance de velocity.",
    "Nesterov avance de momentum * (nouvelle vitesse) − learning_rate * gradient.",
    "Renvoyez de nouveaux tableaux, point puis vitesse, sans changer ceux que vous recevez (pas de += sur eux).",
)
def momentum_step(answer):
    import keras

    rng = np.random.default_rng(0)
    for rate, momentum, nesterov in ((0.1, 0.9, False), (0.05, 0.8, True), (0.1, 0.0, False)):
        optimizer = keras.optimizers.SGD(rate, momentum=momentum, nesterov=nesterov)
        point = rng.normal(size=(2, 3))
        theirs, velocity = keras.Variable(point, dtype="float64"), np.zeros_like(point)
        options = {"learning_rate": rate, "momentum": momentum, "nesterov": nesterov}
        settings = ", ".join(f"{name}={value}" for name, value in options.items())
        for step in range(1, 4):
            gradient, before = rng.normal(size=(2, 3)), theirs.numpy()
            optimizer.apply([keras.ops.convert_to_tensor(gradient)], [theirs])
            # Keras keeps its velocity for itself, so it is deduced from the two positions
            moved = theirs.numpy() - before
            expected = (moved + rate * gradient) / momentum if nesterov else moved
            given = f"au pas n° {step}, avec {settings}"
            got = _unchanged(answer, (before, velocity, gradient), given, **options)
            if _are_numbers(got, (before, expected)):
                _name_the_mistake_of_momentum(got, (before, velocity, gradient), expected, given, **options)
            compare(got, (theirs.numpy(), expected), given=given)
            velocity = expected
    return "momentum et Nesterov égaux à ceux de Keras"


def _name_the_mistake_of_momentum(got, inputs, expected, given, *, learning_rate, momentum, nesterov):
    (moved_to, speed), (point, velocity, gradient) = got, inputs
    if np.allclose(speed, expected, atol=1e-5):
        if nesterov and np.allclose(moved_to, point + speed, atol=1e-5):
            raise CheckFailed(
                f"Le point avance de la vitesse seule {given} : avec Nesterov, il avance de "
                "momentum * (nouvelle vitesse) − learning_rate * gradient."
            )
        return
    if np.allclose(speed, -expected, atol=1e-5):
        raise CheckFailed(
            f"La vitesse a le signe contraire {given} : ici elle va vers le bas de la pente, et on l'ajoute au point."
        )
    if np.allclose(speed, momentum * velocity + gradient):
        raise CheckFailed(
            f"C'est la convention de PyTorch {given} (le taux multiplie la vitesse entière) : chez Keras, et ici, "
            "le taux multiplie le gradient, à l'intérieur de la vitesse."
        )
    if np.allclose(speed, momentum * velocity - (1 - momentum) * learning_rate * gradient):
        raise CheckFailed(f"Le gradient est multiplié par 1 − momentum {given} : le momentum classique ne le fait pas.")


@exercise(
    "1.2.d",
    "Deux moyennes mobiles : beta_1 * mean + (1 − beta_1) * gradient, et la même avec beta_2 et gradient**2.",
    "On corrige sans écraser : mean / (1 − beta_1**step) et square / (1 − beta_2**step) ne servent qu'au déplacement.",
    "Le déplacement est learning_rate * m_corrigé / (np.sqrt(v_corrigé) + epsilon), retranché du point.",
)
def adam_step(answer):
    import keras

    rng = np.random.default_rng(0)
    options = {"learning_rate": 0.1, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-7}
    optimizer = keras.optimizers.Adam(*options.values())
    point = rng.normal(size=4)
    theirs, mean, square = keras.Variable(point, dtype="float64"), np.zeros(4), np.zeros(4)
    for step in range(1, 5):
        gradient, before = rng.normal(size=4), theirs.numpy()
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [theirs])
        given = f"au pas n° {step}"
        got = _unchanged(answer, (before, mean, square, gradient, step), given, **options)
        mean, square = (keras.ops.convert_to_numpy(kept) for kept in optimizer.variables[2:4])
        if _are_numbers(got, (before, mean, square)):
            _name_the_mistake_of_adam(got[0] - before, gradient, mean, square, step, options, given)
            if np.allclose(got[1], mean / (1 - options["beta_1"] ** step)):
                raise CheckFailed(
                    f"Les moyennes renvoyées sont corrigées {given} : renvoyez les moyennes brutes, "
                    "sinon la correction s'appliquera deux fois."
                )
        compare(got, (theirs.numpy(), mean, square), given=given)
    _check_where_epsilon_is(answer)
    return "égal à Keras sur quatre pas, et ε à la place de l'algorithme 1"


def _name_the_mistake_of_adam(moved, gradient, mean, square, step, options, given):
    rate, epsilon = options["learning_rate"], options["epsilon"]
    if np.allclose(moved, -rate * mean / (np.sqrt(square) + epsilon), rtol=1e-4):
        raise CheckFailed(
            f"La correction du biais manque {given} : divisez les deux moyennes par 1 − β**t, "
            "dans le déplacement seulement."
        )
    if step > 1 and np.allclose(np.abs(moved), rate, rtol=1e-4):
        raise CheckFailed(f"Tous les déplacements valent ±{rate} {given} : les moyennes reçues n'ont pas servi.")
    if np.allclose(moved * gradient, np.abs(moved * gradient)) and step == 1:
        raise CheckFailed(f"Le point remonte la pente {given} : le déplacement se retranche.")


def _check_where_epsilon_is(answer):
    """One step from rest with a gradient g moves by g / (|g| + epsilon), exactly, in algorithm 1."""
    gradient, epsilon, beta_2, zeros = np.array([1e-6, -1e-3, 0.0]), 1e-6, 0.999, np.zeros(3)
    options = {"learning_rate": 1.0, "beta_1": 0.9, "beta_2": beta_2, "epsilon": epsilon}
    with np.errstate(all="ignore"):
        moved = np.asarray(answer(zeros.copy(), zeros.copy(), zeros.copy(), gradient, 1, **options)[0])
    given = "pour des gradients de [1e-6, -1e-3, 0] et ε = 1e-6, au premier pas"
    if np.allclose(moved, -gradient / np.sqrt(gradient**2 + epsilon)):
        raise CheckFailed(f"ε est sous la racine {given} : il s'ajoute une fois la racine prise.", stage="cas limites")
    if np.allclose(moved, -gradient / (np.abs(gradient) + epsilon / np.sqrt(1 - beta_2))):
        raise CheckFailed(
            f"ε s'ajoute à la racine non corrigée {given} : c'est la variante de Keras (« ε̂ » dans l'article). "
            "L'algorithme 1 l'ajoute à la racine de la moyenne corrigée.",
            stage="cas limites",
        )
    compare(moved, -gradient / (np.abs(gradient) + epsilon), given=given)


def _keras_loss(name, prediction, target):
    """Value and gradient, in float64, of a loss of Keras that takes logits."""
    import keras
    import tensorflow as tf

    variable = tf.Variable(prediction, dtype="float64")
    with tf.GradientTape() as tape:
        value = getattr(keras.losses, name)(from_logits=True, dtype="float64")(target, variable)
    return value.numpy(), tape.gradient(value, variable).numpy()


def _are_numbers(got, expected):
    """Tell whether an answer is a tuple of arrays of numbers of the right shapes, up to a transposition."""
    if not isinstance(got, (tuple, list)) or len(got) != len(expected):
        return False
    return all(
        np.asarray(ours).dtype.kind in "fiu" and sorted(np.shape(ours)) == sorted(np.shape(theirs))
        for ours, theirs in zip(got, expected)
    )


def _unchanged(answer, inputs, given, **options):
    """Call `answer` on copies of `inputs`, and refuse it if it changes one of them."""
    copies = [np.copy(value) if isinstance(value, np.ndarray) else value for value in inputs]
    got = answer(*copies, **options)
    if not all(np.array_equal(value, copy) for value, copy in zip(inputs, copies)):
        raise CheckFailed(
            f"La fonction modifie un tableau qu'elle a reçu {given} : écrivez a = a + b plutôt que a += b, "
            "et renvoyez de nouveaux tableaux.",
            stage="cas limites",
        )
    return got


# --- Lesson 1.3 -----------------------------------------------------------------------------------------
@exercise(
    "1.3.a",
    "Un neurone additionne autant de nombres qu'il a d'entrées : le produit des dimensions, sauf la dernière.",
    "rng.normal(moyenne, écart-type, forme) : le deuxième argument est la racine de la variance.",
    "np.sqrt(2 / np.prod(shape[:-1])), et rien d'autre que rng pour tirer.",
)
def he_normal(answer):
    import keras

    for shape in ((400, 100), (100, 400), (3, 3, 40, 60)):
        given = f"pour shape = {shape}"
        got = _shaped(answer(shape, np.random.default_rng(0)), shape, given)
        expected = np.var(keras.initializers.HeNormal(seed=0)(shape))
        _name_the_mistake_of_he(got, expected, shape, given)
        if abs(got.mean()) > 5 * np.sqrt(expected / got.size):
            raise CheckFailed(f"La moyenne vaut {got.mean():.4f} {given} : elle doit être nulle.")
        if abs(got.var() / expected - 1) > 0.05:
            raise CheckFailed(f"La variance vaut {got.var():.5f} {given} ; celle de Keras est {expected:.5f}.")
        if np.abs(got).max() < 3.2 * got.std():
            raise CheckFailed(
                f"Aucun poids ne dépasse 3,2 écarts-types {given} : la loi n'est pas normale (uniforme, tronquée ?)."
            )
    uses_its_generator(lambda rng: answer((5, 4), rng))
    return "variance 2 / n, dense et convolution, comme Keras"


def _name_the_mistake_of_he(got, variance, shape, given):
    wrong = {
        "L'écart-type vaut 2 / n : rng.normal attend la racine de la variance.": variance**2,
        "La variance est 2 / (nombre de sorties) : comptez les entrées.": 2 / shape[-1],
        "La variance est 1 / n : avec ReLU, il faut compenser la moitié perdue, 2 / n.": variance / 2,
        "La variance est celle de Glorot : He ne compte que les entrées.": 2
        / (np.prod(shape[:-2]) * (shape[-2] + shape[-1])),
    }
    if len(shape) == 4:
        wrong["Vous n'avez compté que shape[0] : un neurone de convolution lit hauteur × largeur × canaux."] = 2 / 3
        wrong["Vous n'avez compté que les canaux d'entrée : multipliez par hauteur × largeur."] = 2 / shape[2]
    for message, mistaken in wrong.items():
        if abs(got.var() / mistaken - 1) < 0.05 < abs(mistaken / variance - 1):
            raise CheckFailed(f"{message} ({given})")


def _shaped(got, shape, given):
    """The answer as an array, once it is one: finite numbers, of this shape, whatever their values."""
    compare(got, np.ones(shape), given=given, tolerance=1e300)
    return np.asarray(got, "float64")


@exercise(
    "1.3.b",
    "Tirez a de forme (max(shape), min(shape)) avec rng.normal, décomposez, et transposez à la fin si besoin.",
    "np.linalg.qr(a) renvoie q et r ; les signes à appliquer sont np.sign(np.diag(r)), un par colonne de q.",
    "gain * (q si lignes >= colonnes, q.T sinon).",
)
def orthogonal(answer):
    from scipy import linalg

    for shape, gain in (((6, 6), 1.0), ((8, 3), 1.0), ((3, 8), 1.0), ((5, 4), 2.0)):
        given = f"pour shape = {shape} et gain = {gain}"
        got = _shaped(answer(shape, np.random.default_rng(0), gain), shape, given)
        values = linalg.svdvals(got)
        if np.allclose(values, 1) and gain != 1:
            raise CheckFailed(f"Le gain est oublié {given} : toutes les valeurs singulières valent 1.")
        if np.allclose(values, gain**2) and gain != 1:
            raise CheckFailed(f"Le gain est appliqué deux fois {given} : multipliez une seule fois.")
        if np.allclose(np.linalg.norm(got, axis=0), gain) and not np.allclose(values, gain):
            raise CheckFailed(
                f"Les colonnes sont de norme {gain}, mais pas orthogonales entre elles {given} : normaliser ne suffit "
                "pas, il faut la décomposition QR."
            )
        compare(values, np.full(min(shape), gain), given=f"{given} (valeurs singulières)")
    uses_its_generator(lambda rng: answer((4, 4), rng))
    draws = np.array([answer((4, 4), np.random.default_rng(seed)) for seed in range(60)])
    signs = np.sign(np.column_stack([draws.reshape(60, -1), np.linalg.det(draws)]))
    if np.any(np.abs(signs.sum(axis=0)) == 60):
        raise CheckFailed(
            "Sur 60 tirages, un élément ou le déterminant a toujours le même signe : QR choisit les signes pour vous. "
            "Multipliez chaque colonne de q par le signe de l'élément diagonal de r.",
            stage="loi",
        )
    return "orthogonale dans les deux sens, au gain près, et tirée uniformément"


@exercise(
    "1.3.c",
    "Si u > 0, la dérivée u − w + t s'annule en u = w − t : c'est possible quand w > t seulement.",
    "Entre −t et t, le minimum est en 0, exactement.",
    "np.sign(w) * np.maximum(np.abs(w) - threshold, 0).",
)
def soft_threshold(answer):
    rng = np.random.default_rng(0)
    for threshold in (0.5, 0.1, 0.0):
        w = np.concatenate([rng.normal(size=12), [-2 * threshold, 0.0, threshold / 2]])
        given = f"pour threshold = {threshold}"
        got, expected = _unchanged(answer, (w, threshold), given), _minimum_of_l1(w, threshold)
        if np.shape(got) == w.shape and np.asarray(got).dtype.kind in "fiu":
            _name_the_mistake_of_the_threshold(np.asarray(got), w, threshold, expected, given)
        compare(got, expected, given=given)
        if np.any(np.asarray(got)[np.abs(w) < threshold]):
            raise CheckFailed(f"Entre −t et t, le résultat doit être exactement 0 {given}.", stage="cas limites")
    compare(answer(np.array([[3.0, -3.0]]), 1.0), np.array([[2.0, -2.0]]), given="pour w = [[3, -3]] et threshold = 1")
    return "le minimum trouvé par SciPy, et de vrais zéros"


def _minimum_of_l1(w, threshold):
    """Numerical minimum of (u - w)² / 2 + threshold |u|: on u >= 0 and on u <= 0, whichever is lower."""
    from scipy.optimize import minimize_scalar

    def loss(u, one):
        return 0.5 * (u - one) ** 2 + threshold * abs(u)

    found = []
    for one in w:
        sides = [minimize_scalar(loss, args=(one,), bounds=b, method="bounded", options={"xatol": 1e-9}).x
                 for b in ((-10, 0), (0, 10))]  # fmt: skip
        found.append(min([0.0, *sides], key=lambda u: loss(u, one)))
    return np.array(found)


def _name_the_mistake_of_the_threshold(got, w, threshold, expected, given):
    if threshold == 0:
        return
    if np.allclose(got, np.where(np.abs(w) > threshold, w, 0)):
        raise CheckFailed(f"C'est le seuillage dur {given} : rapprochez aussi de 0, de t, les poids gardés.")
    if np.allclose(got, w - threshold * np.sign(w)):
        raise CheckFailed(f"Les petits poids traversent 0 et changent de signe {given} : arrêtez-les à 0.")
    if np.allclose(got, np.abs(expected)):
        raise CheckFailed(f"Le signe est perdu {given} : le résultat a le signe de w.")
    if np.allclose(got, np.maximum(w - threshold, 0)):
        raise CheckFailed(f"Les poids négatifs sont tous à 0 {given} : traitez aussi w < −t, par symétrie.")
    if np.allclose(got, w / (1 + threshold)):
        raise CheckFailed(f"C'est le pas proximal de L2 {given} : il rapetisse tout et n'annule rien.")


@exercise(
    "1.3.d",
    "À l'inférence (training=False), la fonction renvoie x tel quel.",
    "rng.random(x.shape) >= rate est vrai avec probabilité 1 − rate, élément par élément.",
    "return x * masque / (1 - rate).",
)
def dropout(answer):
    import keras

    x = np.random.default_rng(1).uniform(0.5, 2.0, size=(300, 40))
    inference = _unchanged(answer, (x, 0.4, False, np.random.default_rng(0)), "à l'inférence")
    if np.shape(inference) == x.shape and np.any(np.asarray(inference) == 0):
        raise CheckFailed("Des neurones sont éteints à l'inférence : le dropout n'agit que si training est vrai.")
    if np.shape(inference) == x.shape and np.allclose(inference, 0.6 * x):
        raise CheckFailed(
            "À l'inférence, x est multiplié par 1 − rate : c'est la première forme du dropout. Ici, la forme inversée "
            "divise à l'apprentissage, et l'inférence renvoie x."
        )
    compare(inference, np.asarray(keras.layers.Dropout(0.4)(x, training=False)), given="à l'inférence")
    for rate in (0.2, 0.7):
        given = f"à l'apprentissage, pour rate = {rate}"
        got = _unchanged(answer, (x, rate, True, np.random.default_rng(0)), given)
        _examine_the_mask(_shaped(got, x.shape, given), x, rate, given)
    compare(answer(x.copy(), 0.0, True, np.random.default_rng(0)), x, given="pour rate = 0")
    rng = np.random.default_rng(0)
    if np.array_equal(answer(x.copy(), 0.5, True, rng), answer(x.copy(), 0.5, True, rng)):
        raise CheckFailed("Deux appels donnent le même masque : tirez-en un neuf à chaque fois, avec rng.")
    uses_its_generator(lambda rng: answer(x.copy(), 0.5, True, rng))
    return "espérance gardée, et rien à l'inférence"


def _examine_the_mask(got, x, rate, given):
    zeros = np.mean(got == 0)
    if abs(zeros - rate) > 0.03 and abs(zeros - (1 - rate)) < 0.03:
        raise CheckFailed(f"La part de zéros est {zeros:.0%} {given} : rate est la part ÉTEINTE, pas gardée.")
    if abs(zeros - rate) > 0.03:
        raise CheckFailed(f"La part de zéros est {zeros:.0%} {given}.")
    ratio = got[got != 0] / x[got != 0]
    if np.allclose(ratio, 1):
        raise CheckFailed(f"Les survivants ne sont pas agrandis {given} : divisez par 1 − rate pour garder la moyenne.")
    if np.allclose(ratio, 1 - rate):
        raise CheckFailed(f"Les survivants sont multipliés par 1 − rate {given} : il faut diviser.")
    if np.allclose(ratio, 1 / rate):
        raise CheckFailed(f"Les survivants sont divisés par rate {given} : il faut diviser par 1 − rate.")
    compare(ratio, np.full(ratio.shape, 1 / (1 - rate)), given=f"{given} (sortie / entrée des survivants)")
    off = got == 0
    if np.all(off == off[0]) or np.all(off == off[:, :1]):
        raise CheckFailed(f"Des lignes ou des colonnes entières s'éteignent ensemble {given} : un tirage par élément.")


@exercise(
    "1.3.e",
    "np.eye(classes)[labels] donne les étiquettes en one-hot, de forme (N, classes).",
    "Un mélange : (1 − s) × one-hot + s × loi uniforme, qui vaut 1 / classes partout.",
)
def smooth_labels(answer):
    import keras

    rng = np.random.default_rng(0)
    for classes, smoothing in ((3, 0.1), (10, 0.2), (4, 0.0), (4, 1.0)):
        labels = rng.integers(0, classes, 6)
        given = f"pour labels = {show(labels)}, classes = {classes} et smoothing = {smoothing}"
        got = _unchanged(answer, (labels, classes, smoothing), given)
        expected = np.full((6, classes), smoothing / classes)
        expected[np.arange(6), labels] = 1 - smoothing + smoothing / classes
        if np.shape(got) == expected.shape and 0 < smoothing < 1:
            _name_the_mistake_of_smoothing(np.asarray(got), expected, labels, classes, smoothing, given)
        compare(got, expected, given=given)
        logits, one_hot = rng.normal(size=(6, classes)), np.eye(classes)[labels]
        options = {"from_logits": True, "dtype": "float64"}
        theirs = keras.losses.CategoricalCrossentropy(label_smoothing=smoothing, **options)(one_hot, logits)
        ours = keras.losses.CategoricalCrossentropy(**options)(np.asarray(got, "float64"), logits)
        compare(ours, theirs, given=f"{given} (coût de Keras)")
    return "mêmes cibles et même coût que Keras"


def _name_the_mistake_of_smoothing(got, expected, labels, classes, smoothing, given):
    one_hot = np.eye(classes)[labels]
    if np.allclose(got, (1 - smoothing) * one_hot + smoothing / (classes - 1) * (1 - one_hot)):
        raise CheckFailed(
            f"La part s est répartie entre les autres classes seulement {given} : dans l'article (et dans Keras), "
            "elle l'est entre toutes, la bonne comprise."
        )
    if np.allclose(got, one_hot + smoothing / classes):
        raise CheckFailed(f"La somme des lignes est {1 + smoothing} {given} : multipliez l'étiquette par 1 − s.")
    if np.allclose(got, (1 - smoothing) * one_hot):
        raise CheckFailed(f"La somme des lignes est {1 - smoothing} {given} : il manque la part uniforme, s / K.")
    if np.allclose(got, (1 - smoothing) * one_hot + smoothing):
        raise CheckFailed(f"La part uniforme vaut s partout {given} : divisez-la par le nombre de classes.")
    if np.allclose(got, np.where(one_hot == 1, 1 - smoothing, smoothing / classes)):
        raise CheckFailed(f"La bonne classe vaut 1 − s {given} : elle reçoit aussi sa part uniforme, s / K.")


# --- Lesson 1.4 -----------------------------------------------------------------------------------------
@exercise(
    "1.4.a",
    "Le gradient complet est gradients.mean(axis=0) ; celui d'un lot, la moyenne des lignes tirées.",
    "Tirez les lignes sans remise : rng.choice(len(gradients), batch_size, replace=False).",
    "Pour chaque lot : la SOMME sur les coordonnées des écarts au carré ; puis la moyenne sur les `draws` lots.",
)
def gradient_noise(answer):
    source = np.random.default_rng(0)
    gradients = source.normal(size=(40, 3)) + [1.0, -2.0, 0.5]
    population = np.sum(gradients.var(axis=0))  # a sample mean without replacement: Cochran 1977, theorem 2.2
    for size in (1, 20, 5):
        given = f"pour 40 gradients et des lots de {size}"
        expected = population / size * (40 - size) / 39
        got = answer(gradients.copy(), size, 2000, np.random.default_rng(1))
        if isinstance(got, (float, np.floating)):
            _diagnose_noise(got, expected, size, population, np.sum(gradients.mean(axis=0) ** 2), given)
        compare(got, expected, given=given, tolerance=0.1)
    whole = answer(gradients.copy(), 40, 5, np.random.default_rng(1))
    if not np.isclose(whole, 0, atol=1e-9):
        raise CheckFailed(
            f"Le lot complet donne {whole:.3g} au lieu de 0 : tiré sans remise, il contient chaque exemple une fois.",
            stage="cas limites",
        )
    uses_its_generator(lambda rng: answer(gradients.copy(), 5, 20, rng))
    return "conforme à la formule du tirage sans remise"


def _diagnose_noise(got, expected, size, population, signal, given):
    """Refuse a mean over many draws that is not its expectation, by the name of the classic mistake."""
    mistakes = {
        population / size: "vous tirez avec remise : replace=False",
        expected * size**2 + (size - 1) ** 2 * signal: "le gradient d'un lot est une moyenne, pas une somme",
        expected / 3: "sommez les carrés sur les coordonnées, au lieu d'en prendre la moyenne",
        expected + signal: "mesurez l'écart au gradient complet, pas la norme du gradient du lot",
    }
    if np.isclose(got, expected, rtol=0.1):
        return
    cause = next((words for value, words in mistakes.items() if np.isclose(got, value, rtol=0.1)), None)
    raise CheckFailed(
        f"Bruit mesuré {given} : {got:.3g}, au lieu d'environ {expected:.3g}" + (f" ; {cause}." if cause else "."),
    )


@exercise(
    "1.4.b",
    "Deux cas : step < warmup (une droite de 0 à peak), et après (un demi-cosinus de peak à 0).",
    "Après l'échauffement, la part du chemin est (step - warmup) / (steps - warmup), bornée à 1 par min.",
    "Demi-cosinus : peak * (1 + cos(pi * part)) / 2. Il vaut peak quand part = 0, et 0 quand part = 1.",
)
def warmup_cosine(answer):
    import keras

    for peak, warmup, steps in ((0.4, 10, 50), (1.0, 3, 8)):
        reference = keras.optimizers.schedules.CosineDecay(0.0, steps - warmup, warmup_target=peak, warmup_steps=warmup)
        for step in (0, 1, warmup - 1, warmup, warmup + 1, (warmup + steps) // 2, steps - 1, steps, steps + 20):
            got = answer(step, peak=peak, warmup=warmup, steps=steps)
            given = f"pour step={step}, peak={peak}, warmup={warmup}, steps={steps}"
            compare(got, np.float64(reference(step)), given=given)
    compare(answer(0, peak=0.5, warmup=0, steps=10), np.float64(0.5), given="pour step=0 sans échauffement (warmup=0)")
    return "égal à CosineDecay de Keras, même après la fin"


@exercise(
    "1.4.c",
    "Avec training=True, la moyenne et la variance sont celles du lot : x.mean(axis=0), x.var(axis=0).",
    "Moyenne mobile : momentum * ancienne + (1 - momentum) * nouvelle. Avec training=False, elle ne bouge pas.",
    "Sortie : gamma * (x - moyenne) / np.sqrt(variance + epsilon) + beta, epsilon SOUS la racine.",
)
def batch_norm(answer):
    import keras

    rng = np.random.default_rng(0)
    for count, training in ((8, True), (8, False), (3, True), (1, True)):
        x, gamma, beta, mean = rng.normal(1, 2, (count, 4)), *rng.normal(size=(3, 4))
        variance = rng.uniform(0.5, 2, 4)
        layer = keras.layers.BatchNormalization(momentum=0.9, epsilon=0.01, dtype="float64")
        layer.build(x.shape)
        layer.set_weights([gamma, beta, mean, variance])
        expected = (np.asarray(layer(x, training=training)), *layer.get_weights()[2:])
        inputs = (x, gamma, beta, mean, variance)
        given = f"pour un lot de {count} et training={training}"
        got = _unchanged(answer, inputs, given, training=training, momentum=0.9, epsilon=0.01)
        _diagnose_batch_norm(got, expected, inputs, given, training)
        compare(got, expected, given=given)
    return "égal à Keras, à l'apprentissage comme à l'inférence"


def _diagnose_batch_norm(got, expected, inputs, given, training):
    """Name the classic mistakes, where the answer has the right form."""
    x, gamma, beta, mean, variance = inputs
    if not _are_numbers(got, expected):
        return
    output, new_mean, new_variance = got
    if not training and not (np.allclose(new_mean, mean) and np.allclose(new_variance, variance)):
        raise CheckFailed(f"Les moyennes mobiles ont changé {given} : à l'inférence, on les lit sans y toucher.")
    if training and np.allclose(new_mean, 0.1 * mean + 0.9 * x.mean(axis=0)):
        raise CheckFailed(f"momentum et 1 − momentum sont échangés {given} : l'ancienne valeur a pour poids momentum.")
    if training and len(x) > 1 and np.allclose(new_variance, 0.9 * variance + 0.1 * x.var(axis=0, ddof=1)):
        raise CheckFailed(f"La variance du lot est divisée par N − 1 {given} ; ici, elle se divise par N.")
    center, spread = (x.mean(axis=0), x.var(axis=0)) if training else (mean, variance)
    normalised = (x - center) / np.sqrt(spread + 0.01)
    reserved = "vous normalisez avec les moyennes mobiles, réservées à l'inférence"
    mistakes = {
        reserved: (x - mean) / np.sqrt(variance + 0.01),
        reserved + ", même remises à jour": (x - new_mean) / np.sqrt(np.abs(new_variance) + 0.01),
        "epsilon s'ajoute à la variance, sous la racine": (x - center) / (np.sqrt(spread) + 0.01),
    }
    for cause, wrong in mistakes.items():
        if np.allclose(output, gamma * wrong + beta) and not np.allclose(wrong, normalised):
            raise CheckFailed(f"Sortie fausse {given} : {cause}.")
    if np.allclose(output, normalised):
        raise CheckFailed(f"Il manque gamma et beta {given} : multipliez par gamma, puis ajoutez beta.")


@exercise(
    "1.4.d",
    "Avancez de size en size : for start in range(0, len(x), size), et prenez x[start : start + size].",
    "gradient(…) est une moyenne sur son micro-lot : multipliez-la par le nombre d'exemples du micro-lot.",
    "Divisez la somme par len(x) à la fin ; le dernier micro-lot est plus court, il doit peser moins.",
)
def accumulate(answer):
    rng = np.random.default_rng(0)
    x, y, weights = rng.normal(size=(10, 3)), rng.normal(size=10), rng.normal(size=3)
    expected = 2 * x.T @ (x @ weights - y) / len(x)  # of the mean squared error, in closed form
    for size in (5, 4, 1, 10, 64):
        given = f"pour 10 exemples et des micro-lots de {size}"
        lengths = []

        def gradient(x, y, lengths=lengths):
            lengths.append(len(x))
            return 2 * x.T @ (x @ weights - y) / len(x) if len(x) else np.full(3, np.nan)

        got = answer(gradient, x.copy(), y.copy(), size)
        _diagnose_accumulate(got, expected, lengths, size, given)
        compare(got, expected, given=given)
    return "égal au gradient du grand lot, même quand la division ne tombe pas juste"


def _diagnose_accumulate(got, expected, lengths, size, given):
    if max(lengths, default=0) > size:
        raise CheckFailed(f"gradient a reçu {max(lengths)} exemples d'un coup {given} : la mémoire déborde.")
    if 0 in lengths:
        raise CheckFailed(f"gradient a reçu un micro-lot vide {given}.", stage="cas limites")
    if np.shape(got) != expected.shape or np.allclose(got, expected):
        return
    if sum(lengths) != 10:
        raise CheckFailed(f"gradient a vu {sum(lengths)} exemples {given}, au lieu de 10 : chacun compte une fois.")
    if np.allclose(got, 10 * expected):
        raise CheckFailed(f"Le résultat est 10 fois trop grand {given} : divisez la somme par len(x).")
    if len(lengths) * size == 10 and np.allclose(got, len(lengths) * expected):
        raise CheckFailed(f"Vous additionnez {len(lengths)} moyennes sans les pondérer {given}.")
    if len(set(lengths)) > 1:
        raise CheckFailed(
            f"Le gradient est faux {given} : les micro-lots ont {lengths} exemples. Une moyenne de moyennes n'est "
            "pas la moyenne : pondérez chacune par la taille de son micro-lot."
        )


@exercise(
    "1.4.e",
    "Battez les indices (rng.permutation), puis rangez-les classe par classe : np.argsort(…, kind='stable').",
    "Distribuez comme des cartes : avec count lots, le lot k reçoit order[k::count].",
    "count = ceil(N / batch_size), soit -(-N // batch_size).",
)
def stratified_batches(answer):
    cases = (((60, 30, 10), 10), ((50, 50), 8), ((97, 13), 11), ((20,), 6))
    for sizes, batch_size in cases:
        labels = np.random.default_rng(1).permutation(np.repeat(np.arange(len(sizes)), sizes))
        given = f"pour des classes de {', '.join(map(str, sizes))} exemples et des lots de {batch_size}"
        got = _as_batches(answer(labels.copy(), batch_size, np.random.default_rng(0)), len(labels), batch_size, given)
        counts = np.sort([np.bincount(labels[index], minlength=len(sizes)) for index in got], axis=0)
        expected = np.sort(_stratified_folds(labels, len(got)), axis=0)
        for rank, (ours, theirs) in enumerate(zip(counts.T, expected.T)):
            if not np.array_equal(ours, theirs):
                raise CheckFailed(
                    f"La classe {rank} est mal répartie {given} : un lot en contient {ours.min()}, un autre "
                    f"{ours.max()} ; attendu de {theirs.min()} à {theirs.max()} dans chaque lot.",
                    stage="proportions",
                )
    labels, rng = np.arange(60) % 3, np.random.default_rng(0)
    first, second = ({frozenset(map(int, index)) for index in answer(labels, 10, rng)} for _ in range(2))
    if first == second:
        raise CheckFailed("Deux époques donnent les mêmes lots : battez les indices avec rng.", stage="hasard")
    uses_its_generator(lambda rng: np.concatenate(list(answer(labels.copy(), 10, rng))))
    return "chaque lot a les proportions du jeu, et chaque exemple sert une fois"


def _as_batches(got, count, batch_size, given):
    """The index arrays of an epoch, once proved that they are so."""
    batches = [np.atleast_1d(np.asarray(index)) for index in got]
    if not batches or any(index.ndim != 1 or index.dtype.kind not in "iu" for index in batches):
        raise CheckFailed(f"Attendu {given} : une liste de tableaux d'indices entiers.", stage="type")
    if len(batches) != -(-count // batch_size) or max(map(len, batches)) > batch_size:
        raise CheckFailed(
            f"Vous renvoyez {len(batches)} lots, le plus grand de {max(map(len, batches))} exemples, {given} ; "
            f"attendu {-(-count // batch_size)} lots de {batch_size} exemples au plus.",
            stage="forme",
        )
    seen = np.bincount(np.concatenate(batches), minlength=count)
    if len(seen) != count or np.any(seen != 1):
        raise CheckFailed(
            f"Chaque exemple doit servir exactement une fois {given} : {np.sum(seen == 0)} ne servent pas, "
            f"{np.sum(seen > 1)} servent plusieurs fois.",
            stage="indices",
        )
    return batches


def _stratified_folds(labels, count):
    """Examples of each class in the folds of scikit-learn."""
    import warnings

    from sklearn.model_selection import StratifiedKFold

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a class with fewer members than folds
        folds = list(StratifiedKFold(count, shuffle=True, random_state=0).split(labels, labels))
    return [np.bincount(labels[fold], minlength=labels.max() + 1) for _, fold in folds]
