"""Checks of chapter 3, autoencoders and adversarial networks."""

import numpy as np

from labs.checks import CheckFailed, compare, exercise, numbers, require_two, uses_its_generator


# --- Lesson 3.1 -----------------------------------------------------------------------------------------
@exercise(
    "3.1.a",
    "Centrez d'abord : x - x.mean(axis=0). La covariance est alors (x - mean).T @ (x - mean) / N.",
    "np.linalg.eigh(covariance) rend (valeurs, vecteurs) ; vecteurs[:, -1] est la première direction.",
    "Retournez l'ordre des colonnes, gardez-en `dimension`, transposez : vectors[:, ::-1][:, :dimension].T.",
)
def pca(answer):
    from sklearn.decomposition import PCA

    for seed, (count, size, dimension) in enumerate(((50, 4, 2), (30, 6, 1), (200, 5, 5))):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(count, size)) * np.arange(size, 0, -1) @ rng.normal(size=(size, size)) + 10
        given = f"pour x de forme {x.shape} et dimension={dimension}"
        reference = PCA(dimension).fit(x)
        got = answer(x.copy(), dimension)
        require_two(got, "la moyenne, puis les directions")
        compare(got[0], reference.mean_, given=f"{given}, moyenne")
        axes = np.asarray(got[1])
        if axes.shape == (size, dimension) != (dimension, size):
            raise CheckFailed("Les directions sont en colonnes ; il les faut en lignes (transposez).", stage="forme")
        if axes.shape != (dimension, size):
            raise CheckFailed(
                f"Les directions ont la forme {axes.shape} {given} ; {(dimension, size)} était attendue.", stage="forme"
            )
        compare(np.abs(axes @ axes.T), np.eye(dimension), given=f"{given}, produits des directions")
        _same_directions(axes, reference.components_, PCA().fit(x).components_, given)
    return "mêmes directions que scikit-learn, au signe près"


def _same_directions(axes, expected, every, given):
    match = np.abs(np.sum(axes * expected, axis=1))
    if np.allclose(match, 1, atol=1e-6):
        return
    if len(axes) < len(every) and np.allclose(np.abs(axes @ every.T).max(axis=1), 1, atol=1e-6):
        raise CheckFailed(
            f"Ce sont des directions principales {given}, mais pas les premières : eigh les range par variances "
            "croissantes."
        )
    if len(axes) == len(every) and np.allclose(np.abs(np.sum(axes[::-1] * expected, axis=1)), 1, atol=1e-6):
        raise CheckFailed(f"Les directions sont dans l'ordre croissant des variances {given} : retournez-le.")
    raise CheckFailed(
        f"Ce ne sont pas les directions principales {given} : avez-vous centré x, et pris les vecteurs propres en "
        "colonnes ?"
    )


@exercise(
    "3.1.b",
    "np.linalg.qr(a.T)[0] donne une base orthonormée du sous-espace, en colonnes.",
    "Les cosinus sont np.linalg.svd(Qa.T @ Qb, compute_uv=False).",
    "np.degrees(np.arccos(np.clip(cosinus, -1, 1))), puis [::-1] : le plus grand angle d'abord.",
)
def principal_angles(answer):
    from scipy.linalg import subspace_angles

    rng = np.random.default_rng(0)
    cases = [
        (rng.normal(size=(k, size)), rng.normal(size=(n, size))) for k, n, size in ((2, 2, 5), (1, 3, 4), (3, 2, 7))
    ]
    same = rng.normal(size=(2, 6))
    cases.append((same, rng.normal(size=(2, 2)) @ same))
    for a, b in cases:
        expected = np.degrees(subspace_angles(a.T, b.T))
        got = np.asarray(answer(a.copy(), b.copy()), "float64")
        given = f"pour des bases {a.shape} et {b.shape}"
        if got.shape == expected.shape and np.any(np.isnan(got)) and expected.max() < 1e-3:
            raise CheckFailed(f"Un angle vaut NaN {given} : l'arrondi a donné un cosinus au-delà de 1 ; bornez-le.")
        if got.shape == expected.shape and not np.allclose(got, expected, atol=1e-3):
            _require_orthonormal(got, a, b, given)
        if got.shape == expected.shape and np.allclose(got, np.radians(expected), atol=1e-3) and expected.max() > 1:
            raise CheckFailed(f"Ces angles sont en radians {given} ; il les faut en degrés.")
        if got.shape == expected.shape and not np.allclose(got, expected, atol=1e-3):
            if np.allclose(np.sort(got), np.sort(expected), atol=1e-3):
                raise CheckFailed(f"Ces angles sont justes, mais pas du plus grand au plus petit {given}.")
        compare(got, expected, given=given, tolerance=1e-3)
    return "égal à SciPy, même pour des sous-espaces confondus"


def _require_orthonormal(got, a, b, given):
    """Refuse the angles of the bases as they are given, or merely with rows of norm 1."""
    for scale in (lambda m: m, lambda m: m / np.linalg.norm(m, axis=1, keepdims=True)):
        cosines = np.linalg.svd(scale(a) @ scale(b).T, compute_uv=False)
        angles = np.sort(np.degrees(np.arccos(np.clip(cosines, -1, 1))))
        if got.shape == angles.shape and np.allclose(np.sort(np.nan_to_num(got)), angles, atol=1e-3):
            raise CheckFailed(f"Ces angles sont ceux de lignes non orthonormées {given} : passez par np.linalg.qr.")


@exercise(
    "3.1.c",
    "Une ligne suffit : −½ × somme de (1 + log σ² − μ² − σ²).",
    "log_variance est log σ² : σ² s'obtient par np.exp(log_variance).",
    "La somme va sur les dimensions du code : axis=1.",
)
def kl(answer):
    import scipy.stats

    rng = np.random.default_rng(0)
    cases = [(np.zeros((2, 3)), np.zeros((2, 3))), (rng.normal(size=(3, 2)), rng.normal(size=(3, 2)))]
    for mean, log_variance in [*cases, (rng.normal(size=(2, 5)), rng.normal(size=(2, 5)) - 2)]:
        expected = np.zeros(len(mean))
        for row, column in np.ndindex(mean.shape):
            m, s = mean[row, column], np.exp(log_variance[row, column] / 2)
            z = np.linspace(m - 12 * s, m + 12 * s, 4001)
            ratio = scipy.stats.norm.logpdf(z, m, s) - scipy.stats.norm.logpdf(z)
            expected[row] += np.trapezoid(scipy.stats.norm.pdf(z, m, s) * ratio, z)
        got = np.asarray(answer(mean.copy(), log_variance.copy()))
        given = f"pour des tableaux {mean.shape}" if mean.any() else f"pour μ = 0 et log σ² = 0, tableaux {mean.shape}"
        if got.shape == expected.shape and np.any(np.abs(expected) > 1e-6):
            _diagnose_kl(got, expected, mean, log_variance, given)
        compare(got, expected, given=given, tolerance=1e-4)
    return "égal à l'intégrale de q (log q − log p)"


def _diagnose_kl(got, expected, mean, log_variance, given):
    if np.allclose(got, -expected, atol=1e-4):
        raise CheckFailed(f"Le signe est inversé {given} : une divergence n'est jamais négative.")
    if np.allclose(got * mean.shape[1], expected, atol=1e-4):
        raise CheckFailed(f"C'est une moyenne sur les dimensions {given} ; la divergence est une somme.")
    if np.allclose(got, -0.5 * np.sum(1 + 2 * log_variance - mean**2 - np.exp(2 * log_variance), axis=1), atol=1e-4):
        raise CheckFailed("log_variance est déjà log σ² : σ² = exp(log_variance), sans carré de plus.")


# --- Lesson 3.2 -----------------------------------------------------------------------------------------
@exercise(
    "3.2.a",
    "anomalous[:, None] > normal compare toutes les paires d'un coup : un tableau (M, N) de booléens.",
    "La probabilité est la moyenne de ce tableau ; ajoutez la moitié de celle des égalités.",
    "np.mean(anomalous[:, None] > normal) + np.mean(anomalous[:, None] == normal) / 2.",
)
def auroc(answer):
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(0)
    cases = [(np.array([1.0, 2, 3]), np.array([2.5, 4])), (np.array([0.3, 0.1, 0.6, 0.2]), np.array([0.05, 0.7]))]
    cases += [(rng.integers(0, 5, 30) / 4, rng.integers(1, 7, 20) / 4), (np.ones(4), np.ones(3))]
    for normal, anomalous in [*cases, (rng.normal(size=200), rng.normal(1, 2, size=150))]:
        labels = np.repeat([0, 1], [len(normal), len(anomalous)])
        expected = roc_auc_score(labels, np.concatenate([normal, anomalous]))
        given = f"pour {len(normal)} scores normaux et {len(anomalous)} scores d'anomalies"
        if len(normal) < 4:
            given = f"pour normal = {normal.tolist()} et anomalous = {anomalous.tolist()}"
        got = answer(normal.copy(), anomalous.copy())
        if np.ndim(got) == 0:
            _diagnose_auroc(float(got), expected, normal, anomalous, given)
        compare(got, expected, given=given)
    return "égal à scikit-learn, égalités comprises"


def _diagnose_auroc(got, expected, normal, anomalous, given):
    ties = np.mean(np.isin(anomalous, normal)) > 0
    above = np.mean([np.mean(score > normal) for score in anomalous])
    below = np.mean([np.mean(score < normal) for score in anomalous])
    if np.isclose(got, expected):
        return
    if ties and np.isclose(got, above):
        raise CheckFailed(f"Les égalités ne comptent pas {given} : chacune vaut une demi-paire bien classée.")
    if ties and np.isclose(got, 1 - below):
        raise CheckFailed(f"Les égalités comptent comme des victoires {given} : chacune ne vaut qu'une demi-paire.")
    if np.isclose(got, 1 - expected):
        raise CheckFailed(f"Le sens est inversé {given} : c'est l'anomalie qui doit avoir le plus grand score.")
    if got > 1:
        raise CheckFailed(f"Une probabilité ne dépasse pas 1 {given} : divisez par le nombre de paires.")


@exercise(
    "3.2.b",
    "Avec N scores, le nombre d'alarmes permises est la partie entière de rate × N.",
    "Triez : s'il y a k alarmes permises, le seuil est le (k + 1)-ième score en partant du plus grand.",
    'np.quantile(scores, 1 - rate, method="inverted_cdf") rend exactement ce score-là.',
)
def threshold(answer):
    rng = np.random.default_rng(0)
    ladder = rng.permutation(np.arange(1.0, 11))
    ties = np.array([0.1, 0.2, 0.2, 0.2, 0.3, 0.4, 0.5, 0.5, 0.5, 0.9])
    cases = [(ladder, 0.2), (ladder, 0.15), (ladder, 0.0), (ties, 0.3), (rng.gamma(2, size=1000), 0.05)]
    for scores, rate in [*cases, (rng.gamma(2, size=137), 0.1)]:
        got = answer(scores.copy(), rate)
        given = f"pour {len(scores)} scores et rate = {rate}"
        if len(scores) <= 10:
            given = f"pour les scores {np.sort(scores).tolist()} et rate = {rate}"
        allowed = rate * len(scores) + 1e-9
        best = max(count for count in (np.sum(scores > one) for one in scores) if count <= allowed)
        lowest = min(one for one in scores if np.sum(scores > one) == best)
        if np.ndim(got) == 0 and not np.isnan(got):
            _diagnose_threshold(float(got), scores, rate, best, given)
        else:
            compare(got, lowest, given=given)
    return "jamais plus d'alarmes que permis, jamais moins que possible"


def _diagnose_threshold(got, scores, rate, best, given):
    """Refuse a threshold by the alarms that it gives: any value between two scores is as good as another."""
    alarms = int(np.sum(scores > got))
    if alarms != best and np.isclose(got, np.quantile(scores, rate)):
        raise CheckFailed(f"C'est le quantile rate {given} ; les alarmes sont au-dessus du seuil : prenez 1 − rate.")
    if alarms > best:
        share = f"{alarms} scores normaux sur {len(scores)} dépassent {got:.4g}, soit {alarms / len(scores):.1%}"
        raise CheckFailed(f"Trop de fausses alarmes {given} : {share}.")
    if alarms < best:
        raise CheckFailed(f"Le seuil {got:.4g} est trop haut {given} : fausses alarmes, {alarms} au lieu de {best}.")


@exercise(
    "3.2.c",
    "La hauteur de l'image est (lignes − 1) × stride + côté ; la largeur, de même avec les colonnes.",
    "Deux tableaux de zéros : la somme des valeurs, et le nombre de fenêtres qui couvrent chaque pixel.",
    "La fenêtre (i, j) occupe [i * stride : i * stride + size, j * stride : j * stride + size] ; divisez à la fin.",
)
def average_patches(answer):
    from sklearn.feature_extraction.image import reconstruct_from_patches_2d

    rng = np.random.default_rng(0)
    for rows, columns, size, stride in ((3, 4, 2, 1), (3, 2, 4, 2), (2, 4, 6, 4), (2, 3, 3, 3)):
        windows = rng.random((rows, columns, size, size))
        shape = (rows - 1) * stride + size, (columns - 1) * stride + size
        if stride == 1:
            expected = reconstruct_from_patches_2d(windows.reshape(-1, size, size), shape)
        else:
            expected = np.empty(shape)
            for y, x in np.ndindex(shape):
                inside = [(i, j, y - i * stride, x - j * stride) for i, j in np.ndindex(rows, columns)]
                inside = [where for where in inside if 0 <= min(where[2:]) and max(where[2:]) < size]
                expected[y, x] = np.mean([windows[where] for where in inside])
        got = answer(windows.copy(), stride)
        given = f"pour des fenêtres {windows.shape} au pas de {stride}"
        if np.shape(got) == shape:
            _diagnose_patches(np.asarray(got, "float64"), expected, windows, stride, given)
        compare(got, expected, given=given)
    return "égal à scikit-learn au pas de 1, et à la moyenne pixel par pixel aux autres"


def _diagnose_patches(got, expected, windows, stride, given):
    rows, columns, size = windows.shape[:3]
    total, last = np.zeros_like(expected), np.zeros_like(expected)
    for i, j in np.ndindex(rows, columns):
        place = np.s_[i * stride : i * stride + size, j * stride : j * stride + size]
        total[place] += windows[i, j]
        last[place] = windows[i, j]
    if np.allclose(got, expected):
        return
    if np.allclose(got, total):
        raise CheckFailed(f"C'est la somme {given} ; divisez chaque pixel par le nombre de fenêtres qui le couvrent.")
    if np.allclose(got, total / (rows * columns)):
        raise CheckFailed(f"La somme est divisée par le nombre total de fenêtres {given} ; un bord en a moins.")
    if np.allclose(got, last):
        raise CheckFailed(f"Chaque fenêtre efface la précédente {given} : il faut ajouter (+=), puis diviser.")


# --- Lesson 3.3 -----------------------------------------------------------------------------------------
@exercise(
    "3.3.a",
    "−log σ(a) = np.logaddexp(0, −a), et −log(1 − σ(a)) = np.logaddexp(0, a).",
    "Une moyenne sur les vraies, plus une moyenne sur les fausses : N et M peuvent différer.",
)
def discriminator_loss(answer):
    import keras

    rng = np.random.default_rng(0)
    for real, fake in (
        (rng.normal(size=6), rng.normal(size=6)),
        (rng.normal(size=3), rng.normal(size=9)),
        (np.array([-800.0, 800.0]), np.array([800.0, -800.0])),
    ):
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
        ones, zeros = np.ones((len(real), 1)), np.zeros((len(fake), 1))
        first, second = float(loss(ones, real[:, None])), float(loss(zeros, fake[:, None]))
        given = f"pour {len(real)} vraies et {len(fake)} fausses"
        with np.errstate(all="ignore"):
            got = answer(real.copy(), fake.copy())
        _finite_scores(got, real)
        if np.ndim(got) == 0 and not np.isclose(got, first + second, rtol=1e-4):
            if np.isclose(got, -first - second, rtol=1e-4):
                raise CheckFailed(f"C'est V {given} ; le discriminateur minimise −V.")
            if np.isclose(got, float(loss(zeros[:1] + 0 * real[:, None], real[:, None])) + float(
                loss(ones[:1] + 0 * fake[:, None], fake[:, None])), rtol=1e-4):  # fmt: skip
                raise CheckFailed(f"Les étiquettes sont inversées {given} : 1 pour les vraies, 0 pour les fausses.")
        compare(got, first + second, given=given, tolerance=1e-4)
    return "égal à l'entropie croisée de Keras, même pour des scores énormes"


@exercise(
    "3.3.b",
    "Le générateur veut que D(G(z)) soit proche de 1 : il minimise −log σ(a).",
    "np.mean(np.logaddexp(0, -fake)).",
)
def generator_loss(answer):
    rng = np.random.default_rng(0)
    for fake in (rng.normal(size=5), np.array([-8.0]), np.array([8.0, 0.0]), np.array([-800.0, 800.0])):
        expected = np.mean(np.maximum(-fake, 0) + np.log1p(np.exp(-np.abs(fake))))
        given = f"pour les scores {fake[:3].round(2).tolist()}"
        with np.errstate(all="ignore"):
            got = answer(fake.copy())
        _finite_scores(got, fake)
        if np.ndim(got) == 0 and not np.isclose(got, expected):
            saturating = -np.mean(np.maximum(fake, 0) + np.log1p(np.exp(-np.abs(fake))))
            if np.isclose(got, saturating):
                raise CheckFailed(f"C'est le coût saturant, log(1 − D) {given} : c'est l'autre qui est demandé.")
            if np.isclose(got, -saturating):
                raise CheckFailed(
                    f"C'est le coût du discriminateur sur les fausses {given} ; le générateur veut l'inverse."
                )
            if np.isclose(got, -expected):
                raise CheckFailed(f"Le signe est inversé {given} : le coût doit baisser quand le score monte.")
        compare(got, expected, given=given)
    return "une force de 1 quand l'image est démasquée"


def _finite_scores(got, scores):
    if np.ndim(got) == 0 and np.max(np.abs(scores)) > 100 and not np.isfinite(np.asarray(got, "float64")):
        raise CheckFailed(
            "Le résultat n'est pas fini pour un score de ±800 : σ(a) vaut alors exactement 0 ou 1, et son logarithme "
            "est infini. Passez par np.logaddexp."
        )


@exercise(
    "3.3.c",
    "np.linalg.eigvals(covariance_a @ covariance_b).real donne les valeurs propres.",
    "tr((Σ Σ')^½) est la somme de leurs racines carrées.",
    "‖μ − μ'‖² + tr(Σ) + tr(Σ') − 2 × cette somme.",
)
def frechet(answer):
    import scipy.linalg

    rng = np.random.default_rng(0)
    for size in (1, 2, 5):
        means = rng.normal(size=(2, size))
        first, second = ((m := rng.normal(size=(size, size + 2))) @ m.T for _ in range(2))
        for a, b in ((first, second), (first, first), (np.diag(np.diag(first)), np.diag(np.diag(second)))):
            root = np.atleast_2d(scipy.linalg.sqrtm(a @ b)).real
            square = np.sum((means[0] - means[1]) ** 2)
            expected = square + np.trace(a + b - 2 * root)
            given = f"pour deux lois de dimension {size}"
            with np.errstate(all="ignore"):
                got = answer(means[0].copy(), a.copy(), means[1].copy(), b.copy())
            if np.ndim(got) == 0 and not np.isclose(got, expected, atol=1e-5):
                _diagnose_frechet(got, expected, square, a, b, given)
            compare(got, expected, given=given)
    return "égal à la racine de matrice de SciPy"


def _diagnose_frechet(got, expected, square, a, b, given):
    with np.errstate(all="ignore"):
        by_elements = square + np.trace(a + b - 2 * np.sqrt(a @ b))
    if np.isclose(got, by_elements, atol=1e-5):
        raise CheckFailed(f"Vous prenez la racine de chaque élément {given} ; il faut celle de la matrice.")
    if np.isclose(got, expected - square + np.sqrt(square), atol=1e-5):
        raise CheckFailed(f"L'écart des moyennes doit être au carré {given}.")
    if np.isclose(got, square + np.trace(a + b), atol=1e-5):
        raise CheckFailed(f"Il manque le terme croisé, −2 tr((Σ Σ')^½), {given}.")


# --- Lesson 3.4 -----------------------------------------------------------------------------------------
@exercise(
    "3.4.a",
    "Le plus petit de x va au plus petit de y : triez les deux.",
    "Puis la moyenne des écarts absolus, np.mean(np.abs(…)).",
)
def earth_mover_1d(answer):
    import scipy.stats

    rng = np.random.default_rng(0)
    cases = [(rng.normal(size=n), scale * rng.normal(size=n) + shift) for n, scale, shift in ((7, 1, 2), (50, 3, -1))]
    cases.append((np.array([3.0, 1.0, 2.0]), np.array([1.0, 2.0, 3.0])))
    for x, y in cases:
        expected = scipy.stats.wasserstein_distance(x, y)
        got = answer(x.copy(), y.copy())
        given = f"pour deux échantillons de {len(x)} points"
        if np.ndim(got) == 0 and np.isreal(got):
            if np.isclose(got, np.mean(np.abs(x - y))) and not np.isclose(got, expected):
                raise CheckFailed(f"Vous appariez les points dans l'ordre où ils arrivent {given} : triez d'abord.")
            if np.isclose(got, abs(x.mean() - y.mean())) and not np.isclose(got, expected):
                raise CheckFailed(f"C'est l'écart des moyennes {given} : deux lois de même moyenne peuvent différer.")
            if np.isclose(got, expected * len(x)) and not np.isclose(got, expected):
                raise CheckFailed(f"C'est une somme {given} ; chaque point ne pèse que 1/N : prenez la moyenne.")
        compare(got, expected, given=given)
    return "égal à SciPy"


@exercise(
    "3.4.b",
    "A_eq a n + m lignes et n × m colonnes ; b_eq = np.concatenate([p, q]).",
    "Lignes : np.kron(np.eye(n), np.ones((1, m))). Colonnes : np.kron(np.ones((1, n)), np.eye(m)).",
    "optimize.linprog(cost.ravel(), A_eq=…, b_eq=…).x, remis en forme (n, m).",
)
def transport(answer):
    import scipy.stats

    rng = np.random.default_rng(0)
    for n, m in ((2, 2), (3, 5), (6, 4)):
        x, y, p, q = rng.normal(size=n), rng.normal(size=m), rng.dirichlet(np.ones(n)), rng.dirichlet(np.ones(m))
        cost = np.abs(x[:, None] - y)
        got, given = answer(p.copy(), q.copy(), cost.copy()), f"pour {n} tas et {m} trous"
        if hasattr(got, "x"):
            raise CheckFailed("linprog rend un objet : le plan est son attribut x, à remettre en forme.", stage="type")
        plan = np.asarray(got, "float64")
        if plan.shape != (n, m):
            raise CheckFailed(f"Le plan a la forme {plan.shape} {given} ; ({n}, {m}) était attendue.", stage="forme")
        if plan.min() < -1e-6:
            raise CheckFailed(f"Une masse déplacée est négative {given}.")
        if not np.allclose(plan.sum(axis=1), p, atol=1e-6):
            raise CheckFailed(f"La terre ne part pas des tas {given} : les sommes des lignes de γ ne sont pas p.")
        if not np.allclose(plan.sum(axis=0), q, atol=1e-6):
            raise CheckFailed(f"Les trous ne sont pas remplis {given} : les sommes des colonnes de γ ne sont pas q.")
        expected = scipy.stats.wasserstein_distance(x, y, p, q)
        if np.sum(plan * cost) > expected + 1e-6:
            raise CheckFailed(
                f"Ce plan est permis, mais pas le meilleur {given} : il travaille {np.sum(plan * cost):.3f} "
                f"au lieu de {expected:.3f}."
            )
    return "plan optimal, marges respectées"


@exercise(
    "3.4.c",
    "Un seul α par exemple : rng.random((len(real), 1, …)), avec autant de 1 que d'autres axes.",
    "alpha * real + (1 - alpha) * fake.",
)
def interpolate(answer):
    import scipy.stats

    for shape in ((20_000, 2), (8000, 3, 4, 1)):
        real, fake = np.ones(shape), np.zeros(shape)
        points = np.asarray(answer(real, fake, np.random.default_rng(0)))
        given = f"pour des tableaux {shape}"
        if points.shape != shape:
            raise CheckFailed(f"La forme renvoyée est {points.shape} {given} ; {shape} était attendue.", stage="forme")
        alpha = points.reshape(len(points), -1)
        if np.ptp(alpha, axis=1).max() > 1e-6:
            raise CheckFailed(f"Un exemple a plusieurs α {given} : le point n'est plus sur le segment.")
        alpha = alpha[:, 0]
        if np.ptp(alpha) < 1e-6:
            raise CheckFailed(f"Tous les exemples ont le même α {given} : tirez-en un par exemple.")
        if alpha.min() < 0 or alpha.max() > 1:
            raise CheckFailed(f"Des points sont hors du segment {given} : α doit être uniforme entre 0 et 1.")
        if scipy.stats.kstest(alpha, "uniform").statistic > 0.03:  # an honest draw: less than once in a million
            raise CheckFailed(
                f"α n'est pas uniforme {given} : moyenne {alpha.mean():.2f}, écart-type {alpha.std():.2f}."
            )
    a, b = np.full((4, 2), 3.0), np.full((4, 2), -1.0)
    uses_its_generator(lambda rng: answer(a.copy(), b.copy(), rng))
    points = np.asarray(answer(a, b, np.random.default_rng(1)))
    if points.min() < -1 - 1e-6 or points.max() > 3 + 1e-6:
        raise CheckFailed("Entre −1 et 3, un point tombe en dehors : les deux poids sont α et 1 − α.")
    same = np.full((4, 2), 2.0)
    if not np.allclose(answer(same, same.copy(), np.random.default_rng(2)), same):
        raise CheckFailed("Entre un point et lui-même, le résultat a bougé : α et 1 − α, du même tirage.")
    return "un α uniforme par exemple, points sur les segments"


# --- Lesson 3.5 -----------------------------------------------------------------------------------------
@exercise(
    "3.5.a",
    "L'erreur d'une image : la moyenne de |image − copie| sur ses pixels, une valeur par image.",
    "m1 est la moyenne des erreurs des vraies, m2 celle des fausses ; N et M peuvent différer.",
    "La borne est un écart : abs(m1 - m2).",
)
def error_bound(answer):
    import scipy.stats

    rng = np.random.default_rng(0)
    for count, other, shape, scale in ((6, 6, (3, 3, 1), 0.3), (4, 9, (5, 2, 1), 2.0), (8, 3, (4, 4, 3), 0.5)):
        real, fake = rng.random((count, *shape)), rng.random((other, *shape))
        uneven = np.linspace(0, 2, count)[:, None, None, None]  # some above the fakes', some below: W1 is more
        real_copy, fake_copy = real + uneven * rng.normal(size=real.shape), fake + rng.normal(0, scale, fake.shape)
        errors = [
            np.linalg.norm((x - y).reshape(len(x), -1), 1, axis=1) / np.prod(shape)
            for x, y in ((real, real_copy), (fake, fake_copy))
        ]
        expected = np.abs(np.subtract(*map(np.mean, errors)))
        assert expected <= scipy.stats.wasserstein_distance(*errors) + 1e-12
        given = f"pour {count} vraies et {other} fausses de forme {shape}"
        got = answer(real.copy(), real_copy.copy(), fake.copy(), fake_copy.copy())
        if isinstance(got, (int, float, np.floating)):
            _diagnose_bound(float(got), expected, real - real_copy, fake - fake_copy, given)
        compare(got, expected, given=given)
    return "jamais plus que la distance de SciPy entre les deux lois d'erreurs"


def _diagnose_bound(got, expected, real, fake, given):
    if np.isclose(got, expected):
        return
    if np.isclose(got, -expected):
        raise CheckFailed(f"C'est une différence négative {given} ; une distance est un écart absolu.")
    if np.isclose(got, abs(real.mean() - fake.mean())) or np.isclose(got, abs(abs(real.mean()) - abs(fake.mean()))):
        raise CheckFailed(f"Les écarts positifs et négatifs des pixels se compensent {given} : valeur absolue d'abord.")
    if np.isclose(got, abs((real**2).mean() - (fake**2).mean())):
        raise CheckFailed(f"Ce sont des carrés (η = 2) {given} ; l'énoncé demande la valeur absolue (η = 1).")
    if np.isclose(got, expected * real[0].size):
        raise CheckFailed(f"Vous sommez les pixels {given} ; l'erreur d'une image est leur moyenne.")


@exercise(
    "3.5.b",
    "Le pas est rate * (gamma * real_error - fake_error) : γ multiplie l'erreur des vraies.",
    "Le résultat est ramené dans [0, 1] : min(max(…, 0), 1), ou np.clip(…, 0, 1).",
)
def update_balance(answer):
    cases = [  # k, L(x), L(G(z)), γ, λ and the next k, worked out by hand
        ((0.0, 0.2, 0.05, 0.5, 0.1), 0.005),
        ((0.3, 0.1, 0.2, 0.4, 0.5), 0.22),
        ((0.5, 0.4, 0.1, 1.0, 1.0), 0.8),
        ((0.01, 0.1, 0.5, 0.5, 0.2), 0.0),
        ((0.95, 0.8, 0.1, 0.5, 1.0), 1.0),
    ]
    for (k, real, fake, gamma, rate), expected in cases:
        given = f"pour k = {k}, L(x) = {real}, L(G(z)) = {fake}, γ = {gamma}, λ = {rate}"
        got = answer(k, real, fake, gamma, rate)
        if isinstance(got, (int, float, np.floating)) and not np.isclose(got, expected):
            step = rate * (gamma * real - fake)
            if np.isclose(got, k + step):
                raise CheckFailed(f"k sort de [0, 1] {given} : il vaut {float(got):.3g}. Ramenez-le dans l'intervalle.")
            if np.isclose(got, np.clip(k - step, 0, 1)):
                raise CheckFailed(
                    f"Le signe est inversé {given} : quand les fausses sont trop faciles à recopier, k doit monter."
                )
            if np.isclose(got, np.clip(k + rate * (real - gamma * fake), 0, 1)):
                raise CheckFailed(f"γ multiplie l'erreur des vraies images, pas celle des fausses, {given}.")
            if np.isclose(got, np.clip(k + gamma * real - fake, 0, 1)):
                raise CheckFailed(f"Le gain λ manque {given}.")
            if np.isclose(got, np.clip(step, 0, 1)):
                raise CheckFailed(f"Vous oubliez l'ancienne valeur de k {given} : on lui ajoute le pas.")
        compare(got, expected, given=given)
    return "k monte quand les fausses sont trop faciles, et reste dans [0, 1]"


@exercise(
    "3.5.c",
    "Une erreur de reconstruction, plus un écart à l'équilibre : L(x) + |γ L(x) − L(G(z))|.",
    "np.abs ne porte que sur l'écart ; tout se calcule élément par élément.",
)
def convergence(answer):
    rng = np.random.default_rng(0)
    for gamma in (0.3, 0.7, 1.0):
        real = rng.uniform(0.05, 0.3, 8)
        fake = real * rng.uniform(0.1, 1.9, 8) * gamma
        missing, excess = (np.maximum(x, 0) for x in (gamma * real - fake, fake - gamma * real))
        expected, given = real + missing + excess, f"pour 8 moments et γ = {gamma}"
        got = answer(real.copy(), fake.copy(), gamma)
        array = numbers(got)
        if array.shape == expected.shape and not np.allclose(array, expected):
            if np.allclose(array, real + gamma * real - fake):
                raise CheckFailed(f"Il manque la valeur absolue {given} : l'écart compte dans les deux sens.")
            if np.allclose(array, missing + excess):
                raise CheckFailed(f"C'est le seul écart à l'équilibre {given} ; il manque l'erreur des vraies, L(x).")
            if np.allclose(array, real + np.abs(real - gamma * fake)):
                raise CheckFailed(f"γ multiplie l'erreur des vraies images, pas celle des fausses, {given}.")
            if np.allclose(array, real + np.abs(real - fake)) and gamma < 1:
                raise CheckFailed(f"γ n'intervient pas {given} : l'équilibre visé est L(G(z)) = γ L(x).")
        compare(got, expected, given=given)
    return "nulle seulement si le critique recopie tout et si l'équilibre est tenu"


# --- Lesson 3.6 -----------------------------------------------------------------------------------------
@exercise(
    "3.6.a",
    "Dans cet ordre : v = W.T @ u, divisé par sa norme ; puis u = W @ v, divisé par sa norme.",
    "σ se lit à la fin : u @ W @ v, qui est aussi la norme de W @ v.",
)
def power_iteration(answer):
    rng = np.random.default_rng(0)
    for shape, steps in (((4, 3), 1), ((6, 3), 2), ((3, 8), 5), ((5, 7), 400)):
        w, start = 3 * rng.normal(size=shape), rng.normal(size=shape[0])
        # (W Wᵀ)^k u has the direction of the k-th u; SciPy's norm gives the limit.
        v = w.T @ np.linalg.matrix_power(w @ w.T / np.linalg.norm(w, 2) ** 2, steps - 1) @ start
        sigma = np.linalg.norm(w, 2) if steps == 400 else np.linalg.norm(w @ v) / np.linalg.norm(v)
        given = f"pour une matrice {shape} et steps={steps}"
        with np.errstate(all="ignore"):
            got = answer(w.copy(), start.copy(), steps)
        require_two(got, "σ, puis le nouveau u")
        if np.ndim(got[0]) == 0 and not np.isclose(got[0], sigma, rtol=1e-6):
            _diagnose_power(float(np.real(got[0])), sigma, w, start, steps, given)
        compare(got[0], sigma, given=f"{given}, σ")
        if np.shape(got[1]) == (shape[1],) != (shape[0],):
            raise CheckFailed(f"Vous renvoyez v, de longueur {shape[1]}, et non u {given}.", stage="forme")
        compare(got[1], w @ v / np.linalg.norm(w @ v), given=f"{given}, u")
    return "égal à la formule de l'article, et à la décomposition en valeurs singulières pour 400 itérations"


def _diagnose_power(got, sigma, w, start, steps, given):
    if not np.isfinite(got) or got > 1e3 * sigma:
        raise CheckFailed(f"σ est énorme {given} : divisez u et v par leur norme à chaque itération.")
    if np.isclose(got, sigma**2, rtol=1e-6):
        raise CheckFailed(f"C'est σ² {given}, la valeur propre de W Wᵀ ; σ est uᵀ W v.")
    if np.isclose(got, np.linalg.norm(w), rtol=1e-6):
        raise CheckFailed(f"C'est la norme de Frobenius {given}, qui compte toutes les valeurs singulières.")
    once = w.T @ start
    if steps > 1 and np.isclose(got, np.linalg.norm(w @ once) / np.linalg.norm(once), rtol=1e-6):
        raise CheckFailed(f"Une seule itération est faite {given} : repartez du u que vous venez de calculer.")
    if steps < 400 and abs(got - np.linalg.norm(w, 2)) < 1e-6 * sigma:
        raise CheckFailed(f"C'est la valeur exacte {given} : il faut l'estimation de {steps} itération(s) depuis u.")
    if np.isclose(got, [np.linalg.norm(once), np.linalg.norm(once) / np.linalg.norm(start)], rtol=1e-6).any():
        raise CheckFailed(
            f"C'est la norme de Wᵀu {given} : il manque la moitié de l'itération, ou σ lit encore l'ancien u."
        )


@exercise(
    "3.6.b",
    "L'entropie croisée d'une cible t : t × softplus(−a) + (1 − t) × softplus(a).",
    "Les fausses gardent la cible 0 : leur coût est np.logaddexp(0, fake).",
)
def smoothed_loss(answer):
    import keras

    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    rng = np.random.default_rng(0)
    for count, target in ((6, 0.9), (3, 0.7), (5, 1.0)):
        real, fake = 2 * rng.normal(size=count), 2 * rng.normal(size=count + 2)
        plain = [float(loss(np.full((len(a), 1), t), a[:, None])) for a, t in ((real, 1), (fake, 0))]
        true = float(loss(np.full((count, 1), target), real[:, None]))
        given = f"pour {count} vraies, {count + 2} fausses et target={target}"
        got = answer(real.copy(), fake.copy(), target)
        if np.ndim(got) == 0 and not np.isclose(got, true + plain[1], rtol=1e-4):
            both = float(loss(np.full((count + 2, 1), 1 - target), fake[:, None]))
            if np.isclose(got, true + both, rtol=1e-4):
                raise CheckFailed(f"Vous lissez aussi les fausses {given} : leur cible reste 0.")
            if np.isclose(got, plain[0] + both, rtol=1e-4):
                raise CheckFailed(f"Vous lissez les fausses, et non les vraies {given}.")
            if np.isclose(got, sum(plain), rtol=1e-4):
                raise CheckFailed(f"Rien n'est lissé {given} : c'est l'entropie croisée ordinaire.")
            if np.isclose(got, target * plain[0] + plain[1], rtol=1e-4):
                raise CheckFailed(f"Il manque la part 1 − target des vraies, comptée comme fausse, {given}.")
        compare(got, true + plain[1], given=given, tolerance=1e-4)
    return "égal à Keras, avec les seules vraies lissées"


@exercise(
    "3.6.c",
    "Pour chaque tableau : decay × l'ancienne moyenne + (1 − decay) × le poids.",
    "[decay * a + (1 - decay) * w for a, w in zip(average, weights)].",
)
def move_average(answer):
    import scipy.signal

    rng = np.random.default_rng(0)
    for decay in (0.9, 0.5, 0.0):
        history = [rng.normal(size=(12, *shape)) for shape in ((3, 2), (4,))]
        average = [one[0].copy() for one in history]
        for step in range(1, 12):
            weights, before = [one[step].copy() for one in history], [one.copy() for one in average]
            got = answer([one.copy() for one in average], weights, decay)
            given = f"au pas {step}, avec decay={decay}"
            if not isinstance(got, (list, tuple)) or len(got) != 2:
                raise CheckFailed(
                    f"Il faut renvoyer une liste de 2 tableaux, autant que de poids, {given}.", stage="type"
                )
            if not all(np.array_equal(a, one[step]) for a, one in zip(weights, history)):
                raise CheckFailed(
                    f"Vos calculs ont changé les poids du générateur {given} : ils ne doivent qu'être lus."
                )
            for one, new, value, past in zip(history, weights, got, before):
                # The same recursion as a filter of order 1, from the first value.
                expected = scipy.signal.lfilter([1 - decay], [1, -decay], one[1 : step + 1], axis=0, zi=decay * one[:1])
                _diagnose_average(np.asarray(value), expected[0][-1], new, past, decay, given)
                compare(value, expected[0][-1], given=given)
            average = [np.asarray(value) for value in got]
    return "égal au filtre de SciPy pendant onze pas"


def _diagnose_average(got, expected, new, past, decay, given):
    if got.shape != expected.shape or np.allclose(got, expected):
        return
    if np.allclose(got, decay * new + (1 - decay) * past):
        raise CheckFailed(f"Les rôles sont échangés {given} : decay multiplie l'ancienne moyenne.")
    if np.allclose(got, decay * past + new):
        raise CheckFailed(f"La somme des deux coefficients n'est pas 1 {given} : le poids est multiplié par 1 − decay.")
    if np.allclose(got, new):
        raise CheckFailed(f"C'est le dernier poids {given} : la moyenne ne se souvient de rien.")
    if np.allclose(got, (past + new) / 2):
        raise CheckFailed(f"C'est une moyenne à parts égales {given} : decay ne sert pas.")


# --- Lesson 3.7 -----------------------------------------------------------------------------------------
@exercise(
    "3.7.a",
    "Avec m le plus grand logit de la ligne : log Z = m + log Σ exp(l − m), et aucune exponentielle ne déborde.",
    "m = logits.max(axis=1, keepdims=True), puis m[:, 0] + np.log(np.sum(np.exp(logits - m), axis=1)).",
    "D = Z / (Z + 1) est la sigmoïde de log Z : scipy.special.expit, ou np.exp(-np.logaddexp(0, -log_z)).",
)
def real_or_fake(answer):
    import scipy.special

    rng = np.random.default_rng(0)
    huge = np.array([[800.0, -800.0, 0.0], [-800.0, -900.0, -800.0], [1e4, 1e4, 1e4]])
    for logits in (3 * rng.normal(size=(5, 4)), rng.normal(size=(3, 1)), huge):
        more = np.concatenate([logits, np.zeros((len(logits), 1))], axis=1)  # the class "generated", of logit 0
        generated = scipy.special.softmax(more, axis=1)[:, -1]
        expected = scipy.special.logsumexp(logits, axis=1), 1 - generated
        given = f"pour des logits {logits.shape}" + (", énormes" if logits is huge else "")
        with np.errstate(all="ignore"):
            got = answer(logits.copy())
        if isinstance(got, (tuple, list)) and len(got) == 2:
            _diagnose_real_or_fake(*map(np.asarray, got), logits, expected, given)
        compare(got, expected, given=given)
    return "égal à une classe de plus, de logit 0, même pour des logits énormes"


def _diagnose_real_or_fake(log_z, real, logits, expected, given):
    import scipy.special

    if log_z.shape != expected[0].shape or real.shape != expected[1].shape:
        return
    if np.abs(logits).max() > 100 and not (np.isfinite(log_z).all() and np.isfinite(real).all()):
        raise CheckFailed(f"Une exponentielle déborde {given} : sortez d'abord le plus grand logit de la somme.")
    if np.allclose(log_z, logits.max(axis=1)) and not np.allclose(log_z, expected[0]):
        raise CheckFailed(f"C'est le plus grand logit {given} : log Z les compte tous.")
    if np.allclose(log_z, scipy.special.logsumexp(logits, axis=1) - np.log(logits.shape[1])) and logits.shape[1] > 1:
        raise CheckFailed(f"C'est le logarithme d'une moyenne {given} : Z est une somme.")
    if np.allclose(real, scipy.special.softmax(logits, axis=1).max(axis=1)) and not np.allclose(real, expected[1]):
        raise CheckFailed(
            f"D est la probabilité de la meilleure classe {given} : c'est une confiance, qui ne dit rien du vrai."
        )
    if np.allclose(real, 1 - expected[1]) and not np.allclose(real, expected[1]):
        raise CheckFailed(f"C'est 1 / (Z + 1), la probabilité d'être fausse {given} ; D est celle d'être vraie.")


@exercise(
    "3.7.b",
    "Étiquetées : l'entropie croisée, moyenne de log Z moins le logit de la bonne classe.",
    "Sans étiquette : −log D = np.logaddexp(0, −log Z). Inventées : −log(1 − D) = np.logaddexp(0, log Z).",
    "Trois moyennes séparées, puis leur somme : les trois lots n'ont pas forcément la même taille.",
)
def semi_supervised_loss(answer):
    import keras
    import scipy.special

    rng = np.random.default_rng(0)
    for counts, classes, scale in (((4, 3, 6), 3, 2.0), ((2, 5, 7), 10, 1.0), ((3, 2, 2), 2, 400.0)):
        labelled, real, fake = (scale * rng.normal(size=(count, classes)) for count in counts)
        labels = rng.integers(classes, size=counts[0])
        known = float(keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, labelled))
        # With a class more, "generated", of logit 0: log D and log(1 - D) by the logarithm of a softmax.
        both = [scipy.special.log_softmax(np.pad(x, ((0, 0), (0, 1))), axis=1) for x in (real, fake)]
        true = -np.mean(scipy.special.logsumexp(both[0][:, :-1], axis=1))
        false = -np.mean(both[1][:, -1])
        given = f"pour {counts[0]} images étiquetées, {counts[1]} sans étiquette et {counts[2]} inventées"
        with np.errstate(all="ignore"):
            got = answer(labelled.copy(), labels.copy(), real.copy(), fake.copy())
        if np.ndim(got) == 0 and scale > 100 and not np.isfinite(np.asarray(got, "float64")):
            raise CheckFailed(
                f"Le résultat n'est pas fini pour des logits de l'ordre de {scale:.0f} : passez par np.logaddexp."
            )
        if np.ndim(got) == 0:
            _diagnose_semi_supervised(float(got), known, true, false, counts, given)
        compare(got, known + true + false, given=given, tolerance=1e-4)
    return "égal à Keras et à une classe de plus, de logit 0"


def _diagnose_semi_supervised(got, known, true, false, counts, given):
    close = lambda value: np.isclose(got, value, rtol=1e-4)  # noqa: E731
    if close(known + true + false):
        return
    if close(known):
        raise CheckFailed(f"Seules les images étiquetées comptent {given} : il manque les deux autres termes.")
    if close(true + false):
        raise CheckFailed(f"Les étiquettes ne servent pas {given} : il manque l'entropie croisée des classes.")
    if close(known + true) or close(known + false):
        missing = "inventées" if close(known + true) else "sans étiquette"
        raise CheckFailed(f"Il manque le terme des images {missing} {given}.")
    if close(known - true - false):
        raise CheckFailed(f"Les deux termes du GAN ont le mauvais signe {given} : le critique minimise −log D.")
    pooled = (counts[1] * true + counts[2] * false) / (counts[1] + counts[2])
    if close(known + pooled):
        raise CheckFailed(f"Vraies et inventées sont dans la même moyenne {given} : il en faut une pour chacune.")


@exercise(
    "3.7.c",
    "Deux moyennes sur les images d'abord (axis=0) : deux vecteurs (D,).",
    "Puis la somme des carrés de leurs écarts : np.sum((real.mean(axis=0) - fake.mean(axis=0)) ** 2).",
)
def feature_matching(answer):
    from scipy.spatial import distance

    rng = np.random.default_rng(0)
    for n, m, size in ((6, 6, 4), (3, 8, 5), (5, 5, 1)):
        real, fake = rng.normal(size=(n, size)) + 1, 2 * rng.normal(size=(m, size))
        expected = distance.sqeuclidean(np.ones(n) @ real / n, np.ones(m) @ fake / m)
        got = answer(real.copy(), fake.copy())
        given = f"pour {n} vraies et {m} fausses, {size} caractéristique{'s' * (size > 1)}"
        if np.ndim(got) == 0 and not np.isclose(got, expected):
            if np.isclose(got, expected**0.5):
                raise CheckFailed(f"C'est la norme {given} ; il faut son carré.")
            if np.isclose(got, expected / size):
                raise CheckFailed(f"C'est une moyenne sur les caractéristiques {given} ; la norme au carré les somme.")
            if n == m and np.isclose(got, np.mean(np.sum((real - fake) ** 2, axis=1))):
                raise CheckFailed(f"Vous comparez les images deux à deux {given} : ce sont les moyennes qu'on compare.")
            if np.isclose(got, (real.mean() - fake.mean()) ** 2):
                raise CheckFailed(f"Vos moyennes mêlent les caractéristiques {given} : moyennez sur les images seules.")
            if np.isclose(got, np.sum(np.abs(real.mean(0) - fake.mean(0)))):
                raise CheckFailed(f"Ce sont des valeurs absolues {given} ; il faut des carrés.")
        compare(got, expected, given=given)
    return "égal au carré d'une distance de SciPy"
