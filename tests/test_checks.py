"""The box of an exercise: its stages, its hints, its two renderings."""

import linecache

import numpy as np
import pytest

from labs import checks

X = np.array([-1.0, 0.0, 2.0])


def make_check():
    @checks.exercise("9.9.z", "premier indice", "second indice")
    def square(answer):
        checks.compare(answer(X), X**2, given="pour x = [-1, 0, 2]")
        return "c'est bien un carré"

    return square


def failure(answer, check=None):
    with pytest.raises(checks.CheckFailed) as caught:
        (check or make_check())(answer)
    return caught.value


@pytest.mark.parametrize(
    "answer, stage, words",
    [
        (..., "réponse", "encore vide"),
        (lambda x: None, "réponse", "return"),
        (lambda x: "neuf", "type", "str"),
        (lambda x: x[:2], "forme", r"(2,)"),
        (lambda x: x * np.nan, "valeurs", "NaN"),
        (lambda x: 2 * x, "valeurs", "-2 au lieu de 1"),
        (lambda x: x.carre(), "exécution", "AttributeError"),
    ],
)
def test_a_wrong_answer_is_told_its_stage_and_what_is_wrong(answer, stage, words):
    caught = failure(answer)
    assert caught.stage == stage
    assert words in str(caught)
    assert str(caught).startswith("✘ Exercice 9.9.z")


@pytest.mark.parametrize(
    "answer", [lambda x: None, lambda x: ..., lambda x, *more: None], ids=["None", "...", "None, more"]
)
@pytest.mark.parametrize("use", [lambda got: got + 1, lambda got: np.asarray(got, "float64").sum(), lambda got: got[0]])
def test_a_forgotten_return_is_named_wherever_the_check_stumbles_on_it(answer, use):
    @checks.exercise("9.9.y")
    def examine(answer):
        if not use(answer(X)) > 0:  # NaN
            raise checks.CheckFailed("Autre chose.")

    caught = failure(answer, examine)
    assert caught.stage == "réponse" and "return" in str(caught)


def test_only_the_last_call_tells_of_a_forgotten_return():
    @checks.exercise("9.9.x")
    def second(answer):
        answer(X)
        checks.compare(answer(X), X**2, given="au second appel")

    answers = iter([None, X])
    assert "-1 au lieu de 1" in str(failure(lambda x: next(answers), second))


@pytest.mark.parametrize(
    "got, expected",
    [("neuf", 0), ((X, 1), 0), ([[1], [1, 2]], 0), ([1, 2], 2), (np.float32([1, 2, 3]), 3), (2.0, 1)],
)
def test_an_answer_that_is_not_numbers_is_an_empty_array(got, expected):
    assert checks.numbers(got).size == expected


def test_the_hint_grows_with_each_try_and_not_with_blank_answers():
    check = make_check()
    assert failure(lambda x: None, check).hints == ()
    assert failure(lambda x: x, check).hints == ("premier indice",)
    assert failure(lambda x: x, check).hints == ("premier indice", "second indice")
    assert failure(lambda x: x, check).hints == ("premier indice", "second indice")


def test_a_refusal_has_no_traceback_in_ipython():
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    shell.user_ns["check"] = make_check()
    printed = []
    shell._showtraceback = lambda kind, value, traceback: printed.extend(traceback)
    shell.run_cell("check(lambda x: x)")
    text = "\n".join(printed)
    assert "Exercice 9.9.z" in text
    assert "Traceback" not in text and "labs/checks" not in text


def test_success_is_one_line(capsys):
    make_check()(np.square)
    assert capsys.readouterr().out == "✔ Exercice 9.9.z réussi · c'est bien un carré\n"


def test_a_tuple_is_compared_value_by_value():
    checks.compare((1.0, X), (1.0, X), given="ici")
    with pytest.raises(checks.CheckFailed, match="valeur n° 2"):
        checks.compare((1.0, X), (1.0, X + 1), given="ici")
    checks.compare(np.stack([X, X + 1]), (X, X + 1), given="ici")  # an array unpacks as a tuple does
    with pytest.raises(checks.CheckFailed, match=r"un seul objet \(ndarray\)"):
        checks.compare(X, (X, X), given="ici")  # the second one is forgotten
    with pytest.raises(checks.CheckFailed, match="il en faut 2"):
        checks.compare((1.0, X, X), (1.0, X), given="ici")
    with pytest.raises(checks.CheckFailed, match="un nombre seul"):
        checks.compare(np.zeros(1), 0.0, given="ici")


@pytest.mark.parametrize("got", [(1, X), [1, X], np.zeros((2, 3))])
def test_two_results_come_in_whatever_unpacks(got):
    checks.require_two(got, "a, puis b")


@pytest.mark.parametrize("got", [X, 1.0, np.float64(1), np.array(1.0), (1,), "ab"])
def test_anything_but_two_results_is_told_what_they_are(got):
    with pytest.raises(checks.CheckFailed, match="deux choses.*a, puis b"):
        checks.require_two(got, "a, puis b")


def test_the_trainee_is_told_the_line_where_the_code_broke():
    source = "def square(x):\n    return x.carre()\n"
    linecache.cache["<cellule>"] = (len(source), None, source.splitlines(True), "<cellule>")
    namespace = {}
    exec(compile(source, "<cellule>", "exec"), namespace)
    assert "à la ligne «\u00a0return x.carre()\u00a0» sur AttributeError" in str(failure(namespace["square"]))


def test_a_result_that_the_check_cannot_read_is_not_code_that_stops():
    @checks.exercise("9.9.w")
    def examine(answer):
        np.stack([answer(X), X])

    assert "renvoie votre fonction (ndarray) ne se lit pas\u00a0: ValueError" in str(failure(lambda x: x[:2], examine))
    assert "s'arrête sur TypeError" in str(failure(lambda: X, examine))  # no argument


@pytest.mark.parametrize(
    "draw, words",
    [
        (lambda rng: np.random.random(3), "np.random"),
        (lambda rng: np.random.default_rng(7).random(3), "graines différentes"),
    ],
)
def test_a_draw_that_forgets_its_generator_is_refused(draw, words):
    checks.uses_its_generator(lambda rng: rng.random(3))
    with pytest.raises(checks.CheckFailed, match=words):
        checks.uses_its_generator(draw)


def test_a_percentage_has_its_no_break_space():
    assert "20\u00a0% et 30\u00a0%" in str(checks.CheckFailed("Entre 20% et 30 %."))


def test_a_line_never_ends_before_a_closing_guillemet():
    message = "Rien n'est renvoyé : " + "x" * 45 + " terminez par « return … »."
    assert "…\u00a0»." in str(checks.CheckFailed(message))
