"""Checks of chapter 3, autoencoders and adversarial networks."""

import numpy as np

from labs.checks import CheckFailed, compare, exercise


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
        if not isinstance(got, (tuple, list)) or len(got) != 2:
            raise CheckFailed("La fonction doit renvoyer deux choses : la moyenne, puis les directions.", stage="type")
        compare(got[0], reference.mean_, given=f"{given}, moyenne", tolerance=1e-6)
        axes = np.asarray(got[1])
        if axes.shape == (size, dimension) != (dimension, size):
            raise CheckFailed("Les directions sont en colonnes ; il les faut en lignes (transposez).", stage="forme")
        compare(np.abs(axes @ axes.T), np.eye(dimension), given=f"{given}, produits des directions", tolerance=1e-6)
        _same_directions(axes, reference.components_, PCA().fit(x).components_, given)
    return "mêmes directions que scikit-learn, au signe près"


def _same_directions(axes, expected, every, given):
    match = np.abs(np.sum(axes * expected, axis=1))
    if np.allclose(match, 1, atol=1e-6):
        return
    if len(axes) < len(every) and np.allclose(np.abs(axes @ every.T).max(axis=1), 1, atol=1e-6):
        raise CheckFailed(f"Ce sont des directions principales {given}, mais pas les premières : eigh va croissant.")
    if len(axes) == len(every) and np.allclose(np.abs(np.sum(axes[::-1] * expected, axis=1)), 1, atol=1e-6):
        raise CheckFailed(f"Les directions sont dans l'ordre croissant des variances {given} : retournez-le.")
    raise CheckFailed(f"Ce ne sont pas les directions principales {given} : avez-vous centré avant la covariance ?")


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
        compare(got, expected, given=given, tolerance=1e-6)
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
            compare(got, expected, given=given, tolerance=1e-5)
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
        compare(got, expected, given=given, tolerance=1e-8)
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
        plan = np.asarray(answer(p.copy(), q.copy(), cost.copy()), "float64")
        given = f"pour {n} tas et {m} trous"
        if plan.shape != (n, m):
            raise CheckFailed(f"Le plan a la forme {plan.shape} {given} ; ({n}, {m}) était attendue.", stage="forme")
        if plan.min() < -1e-9:
            raise CheckFailed(f"Une masse déplacée est négative {given}.")
        if not np.allclose(plan.sum(axis=1), p, atol=1e-7):
            raise CheckFailed(f"La terre ne part pas des tas {given} : les sommes des lignes de γ ne sont pas p.")
        if not np.allclose(plan.sum(axis=0), q, atol=1e-7):
            raise CheckFailed(f"Les trous ne sont pas remplis {given} : les sommes des colonnes de γ ne sont pas q.")
        expected = scipy.stats.wasserstein_distance(x, y, p, q)
        if np.sum(plan * cost) > expected + 1e-7:
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
    for shape in ((2000, 2), (1500, 3, 4, 1)):
        real, fake = np.ones(shape), np.zeros(shape)
        points = np.asarray(answer(real, fake, np.random.default_rng(0)))
        given = f"pour des tableaux {shape}"
        if points.shape != shape:
            raise CheckFailed(f"La forme renvoyée est {points.shape} {given} ; {shape} était attendue.", stage="forme")
        alpha = points.reshape(len(points), -1)
        if np.ptp(alpha, axis=1).max() > 1e-9:
            raise CheckFailed(f"Un exemple a plusieurs α {given} : le point n'est plus sur le segment.")
        alpha = alpha[:, 0]
        if np.ptp(alpha) < 1e-9:
            raise CheckFailed(f"Tous les exemples ont le même α {given} : tirez-en un par exemple.")
        if alpha.min() < 0 or alpha.max() > 1:
            raise CheckFailed(f"Des points sont hors du segment {given} : α doit être uniforme entre 0 et 1.")
        if abs(alpha.mean() - 0.5) > 0.05 or abs(alpha.std() - 12**-0.5) > 0.03:
            raise CheckFailed(
                f"α n'est pas uniforme {given} : moyenne {alpha.mean():.2f}, écart-type {alpha.std():.2f}."
            )
    a, b = np.full((4, 2), 3.0), np.full((4, 2), -1.0)
    points = np.asarray(answer(a, b, np.random.default_rng(1)))
    if points.min() < -1 - 1e-9 or points.max() > 3 + 1e-9:
        raise CheckFailed("Entre −1 et 3, un point tombe en dehors : les deux poids sont α et 1 − α.")
    return "un α uniforme par exemple, points sur les segments"
