"""The exercises' checks, one module a chapter: `from labs.checks import foundations as check`.

A check takes the trainee's object and compares it with an independent reference, in stages: it runs,
returns something, of the right type, of the right shape, with the right values. What goes wrong is a
`CheckFailed`, which a notebook shows as a box without traceback.
"""

import functools
import html
import inspect
import re
import textwrap
import traceback

import numpy as np

_WIDTH = 92
_RED, _BOLD, _RESET = "\x1b[31m", "\x1b[1m", "\x1b[0m"


class CheckFailed(AssertionError):
    """An answer that a check refuses: one sentence in French, its stage, and the hints seen so far."""

    def __init__(self, message, *, stage="valeurs", exercise="", hints=()):
        super().__init__(message)
        self.message, self.stage, self.exercise, self.hints = message, stage, exercise, tuple(hints)

    def __str__(self):
        return "\n".join([f"✘ Exercice {self.exercise} · {self.stage}".replace("  ", " "), *self._body()])

    def _body(self):
        paragraphs = [self.message]
        paragraphs += [f"Indice {rank} : {hint}" for rank, hint in enumerate(self.hints, start=1)]
        return [
            line
            for paragraph in paragraphs
            for line in textwrap.wrap(_french(paragraph), _WIDTH, break_long_words=False, break_on_hyphens=False)
        ]

    def _render_traceback_(self):
        """What IPython prints in place of the traceback."""
        title, *body = str(self).split("\n")
        bar = f"{_RED}│{_RESET} "
        return [f"{_RED}{_BOLD}{title}{_RESET}", *(bar + line for line in body)]


def exercise(number, *hints):
    """Turn a function that raises `CheckFailed` into the check of exercise `number` (decorator).

    Each refusal shows one hint more than the one before; success shows one line.
    """

    def decorate(examine):
        tries = 0

        @functools.wraps(examine)
        def check(answer):
            nonlocal tries
            returned = []
            try:
                if answer is None or answer is ...:
                    raise CheckFailed(
                        "La réponse est encore vide : remplacez les points de suspension.", stage="réponse"
                    )
                return _celebrate(number, examine(_watched(answer, returned)))
            except CheckFailed as failure:
                refusal = failure
            except Exception as error:
                refusal = CheckFailed(_where_it_broke(error, examine, returned), stage="exécution")
            if returned and (returned[0] is None or returned[0] is ...):  # whatever the check says of it
                refusal = CheckFailed(
                    "Rien n'est renvoyé : la fonction doit se terminer par « return … ».", stage="réponse"
                )
            tries += refusal.stage != "réponse"  # a blank answer has not been tried yet
            raise CheckFailed(refusal.message, stage=refusal.stage, exercise=number, hints=hints[:tries])

        return check

    return decorate


def _watched(answer, returned):
    """The same answer; a function leaves in `returned` what its last call gave."""
    if not inspect.isfunction(answer):
        return answer

    @functools.wraps(answer)
    def watched(*args, **options):
        returned.clear()
        returned.append(answer(*args, **options))
        return returned[0]

    return watched


def compare(got, expected, *, given, tolerance=1e-5):
    """Compare an array, a number or a tuple of them with its reference, in stages.

    Args:
        got: what the trainee's code returned.
        expected: the reference, of the shape and dtype wanted.
        given: the input, in French, for the message: "pour x = [-1, 0, 2]".
        tolerance: absolute, and relative to the reference; the default lets float32 through.

    Raises:
        CheckFailed: at the first stage that fails.
    """
    if got is None or got is ...:
        raise CheckFailed(
            f"Rien n'est renvoyé {given} : la fonction doit se terminer par « return … ».", stage="réponse"
        )
    if isinstance(expected, tuple):
        return _compare_tuple(got, expected, given, tolerance)
    array = _as_array(got, given)
    expected = np.asarray(expected)
    if array.shape != expected.shape:
        wanted = f"{expected.shape} était attendue" if expected.ndim else "un nombre seul était attendu"
        raise CheckFailed(f"La forme renvoyée est {array.shape} {given} ; {wanted}.", stage="forme")
    if not np.all(np.isfinite(array)):
        raise CheckFailed(f"Le résultat contient des valeurs non finies (NaN ou infini) {given}.", stage="valeurs")
    wrong = ~np.isclose(array, expected, rtol=tolerance, atol=tolerance)
    if np.any(wrong):
        raise CheckFailed(_first_difference(array, expected, wrong, given), stage="valeurs")


def uses_its_generator(draw):
    """Refuse a draw that does not depend on the generator received, or on it alone."""
    first, again, other = (np.asarray(draw(np.random.default_rng(seed))) for seed in (0, 0, 1))
    if not np.array_equal(first, again):
        raise CheckFailed(
            "Deux générateurs de même graine donnent deux tirages différents : tirez avec rng, pas avec np.random.",
            stage="générateur",
        )
    if np.array_equal(first, other):
        raise CheckFailed(
            "Deux générateurs de graines différentes donnent le même tirage : utilisez le rng reçu, sans graine fixe.",
            stage="générateur",
        )


def numbers(got):
    """An answer as a float64 array, to look for classic mistakes; empty if it is none: `compare` says what it is."""
    try:
        return _as_array(got, "")
    except CheckFailed:
        return np.zeros(0)


def require_two(got, what):
    """Refuse what does not unpack into two results, named in French by `what`: "la moyenne, puis la covariance"."""
    unpacks = isinstance(got, (tuple, list)) or (isinstance(got, np.ndarray) and got.ndim)
    if not unpacks or len(got) != 2:
        raise CheckFailed(f"La fonction doit renvoyer deux choses : {what}.", stage="type")


def show(values):
    """Write a small array or a number on one line, for the messages."""
    return np.array2string(np.asarray(values), precision=4, separator=", ", max_line_width=10_000).replace("\n", "")


def _french(text):
    """Put the no-break spaces of French typography, so that no line ends before its » or its colon."""
    text = re.sub(r"(?<=\d) ?%", "\u00a0%", text)
    return re.sub(r"(?<=«) | (?=[;:!?»](?:[\s.,)]|$))", "\u00a0", text)


def _compare_tuple(got, expected, given, tolerance):
    if isinstance(got, np.ndarray) and [np.shape(one) for one in got if got.ndim] == list(map(np.shape, expected)):
        got = tuple(got)  # an array unpacks as a tuple does
    if not isinstance(got, (tuple, list)) or len(got) != len(expected):
        received = f"{len(got)} valeurs" if isinstance(got, (tuple, list)) else f"un seul objet ({type(got).__name__})"
        raise CheckFailed(f"La fonction renvoie {received} {given} ; il en faut {len(expected)}.", stage="type")
    for rank, (one, reference) in enumerate(zip(got, expected), start=1):
        compare(one, reference, given=f"{given}, valeur n° {rank}", tolerance=tolerance)


def _as_array(got, given):
    try:
        array = np.asarray(got, dtype="float64")
    except (TypeError, ValueError):
        raise CheckFailed(
            f"Le résultat est de type « {type(got).__name__} » {given} ; un tableau de nombres était attendu.",
            stage="type",
        ) from None
    return array


def _first_difference(array, expected, wrong, given):
    if array.ndim == 0:
        return f"La valeur renvoyée est {float(array):.6g} {given} ; {float(expected):.6g} était attendu."
    where = tuple(int(i) for i in np.argwhere(wrong)[0])
    place = where[0] if len(where) == 1 else where
    return (
        f"Résultat faux {given} (erreurs : {wrong.sum()} sur {wrong.size}) : "
        f"à l'indice {place}, {array[where]:.6g} au lieu de {expected[where]:.6g}."
    )


def _where_it_broke(error, examine, returned):
    ours = (__file__, examine.__code__.co_filename)
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if frame.filename not in ours and "site-packages" not in frame.filename]
    if returned and not theirs:
        kind = type(returned[0]).__name__
        return f"Ce que renvoie votre fonction ({kind}) ne se lit pas : {type(error).__name__} : {error}"
    place = f" à la ligne « {theirs[0].line} »" if theirs and theirs[0].line else ""
    return f"Votre code s'arrête{place} sur {type(error).__name__} : {error}"


def _celebrate(number, praise):
    line = f"✔ Exercice {number} réussi" + (f" · {praise}" if praise else "")
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        get_ipython = lambda: None  # noqa: E731
    if get_ipython() is None:
        print(line)
        return
    box = (
        '<div class="labs-check-ok" style="border-left: 6px solid #2e7d32; background: #e8f5e9; color: #1b5e20; '
        f'padding: 6px 12px; font-size: 15px;">{html.escape(line)}</div>'
    )
    display({"text/html": box, "text/plain": line}, raw=True)
