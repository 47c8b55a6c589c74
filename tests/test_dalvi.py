"""The game of 2004, against exhaustive search, SciPy and scikit-learn."""

import itertools
import warnings

import numpy as np
import pytest
from scipy import optimize
from sklearn.naive_bayes import BernoulliNB

from labs import datasets
from labs.attacks import dalvi

KINDS = ("add, unit costs", "whole costs", "real costs", "add or remove, unit costs")


def game(seed):
    """A small random game: every message of 4 to 7 words, the model, the filter, the adversary."""
    rng = np.random.default_rng(seed)
    words, kind = int(rng.integers(4, 8)), KINDS[seed % len(KINDS)]
    y = rng.integers(0, 2, 200)
    x = rng.random((200, words)) < rng.uniform(0.05, 0.95, (2, words))[y]
    model = dalvi.fit(x, y)
    spam_filter = dalvi.linear(model, ((1, -1), (-float(rng.choice([1, 3, 10])), 1)))
    add, remove = {
        "add, unit costs": (1.0, np.inf),
        "whole costs": tuple(rng.integers(1, 6, (2, words)).astype(float)),
        "real costs": tuple(rng.uniform(0.5, 3, (2, words)).round(2)),
        "add or remove, unit costs": (1.0, 1.0),
    }[kind]
    adversary = dalvi.adversary(words, add=add, remove=remove, worth=float(rng.choice([1.5, 3, 6, 30])))
    every = np.array(list(itertools.product([False, True], repeat=words)))
    return every, model, spam_filter, adversary


games = pytest.mark.parametrize("seed", range(16))


def price(adversary, before, after):
    return np.where(before == after, 0, np.where(before, adversary.remove, adversary.add)).sum(-1)


# ── The filter ──


def test_naive_bayes_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 300)
    x = rng.random((300, 9)) < rng.uniform(0.05, 0.95, (2, 9))[y]
    reference = BernoulliNB(alpha=0.5).fit(x, y)
    expected = reference.predict_log_proba(x) @ [-1, 1]
    assert dalvi.log_odds(dalvi.fit(x, y, smoothing=0.5), x) == pytest.approx(expected)


@pytest.mark.parametrize("utility", [((1, -1), (-10, 1)), ((0, -3), (-2, 5)), ((1, 0), (0, 1))])
def test_above_the_threshold_spam_has_the_larger_expected_utility(utility):
    utility = np.array(utility, float)
    threshold = dalvi.log_threshold(utility)
    for odds, better in ((threshold + 1e-6, 1), (threshold - 1e-6, 0)):
        spam = 1 / (1 + np.exp(-odds))
        assert np.argmax(utility @ [1 - spam, spam]) == better


def test_rounded_to_steps_the_filter_decides_as_naive_bayes_on_spambase():
    mail = datasets.spambase()
    model = dalvi.fit(mail.x_train[:, :54] > 0, mail.y_train)
    x = mail.x_test[:, :54] > 0
    exact = dalvi.log_odds(model, x) - dalvi.log_threshold()
    rounded = dalvi.gap(dalvi.linear(model), x) * dalvi.STEP
    assert np.abs(rounded - exact).max() <= dalvi.STEP * (54 + 1) / 2
    assert np.mean((rounded > 0) == (exact > 0)) > 0.995


# ── The adversary ──


@games
def test_the_camouflage_is_the_cheapest_of_all_messages_below_the_threshold(seed):
    every, _, spam_filter, adversary = game(seed)
    heights = dalvi.gap(spam_filter, every)
    changed, costs = dalvi.camouflage(spam_filter, adversary, every)
    through = every[heights <= 0]
    for x, height, after, cost in zip(every, heights, changed, costs):
        best = price(adversary, x, through).min(initial=np.inf)
        if height <= 0 or best > adversary.worth - 1e-6:
            assert np.array_equal(after, x) and cost == 0
        else:
            assert cost == pytest.approx(best) == price(adversary, x, after)
            assert dalvi.gap(spam_filter, after[None])[0] <= 0


@games
def test_what_is_pruned_had_no_camouflage_worth_its_cost(seed):
    every, _, spam_filter, adversary = game(seed)
    heights = dalvi.gap(spam_filter, every)
    through = every[heights <= 0]
    above = every[heights > 0]
    for x in above[dalvi.hopeless(spam_filter, adversary, above)]:
        assert price(adversary, x, through).min(initial=np.inf) > adversary.worth - 1e-6


def test_the_table_finds_what_an_integer_programme_finds():
    rng = np.random.default_rng(0)
    for _ in range(20):
        gains, prices = rng.integers(1, 400, 25), rng.integers(1, 30, 25)
        gap = int(rng.integers(1, gains.sum()))
        enough = optimize.LinearConstraint(gains[None], gap, np.inf)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            best = optimize.milp(prices, constraints=enough, integrality=np.ones(25), bounds=optimize.Bounds(0, 1))
        got, chosen = dalvi.cheapest(gains, prices, gap)
        assert got == round(best.fun) == prices[chosen].sum() and gains[chosen].sum() >= gap
    assert dalvi.cheapest(gains, prices, int(gains.sum()) + 1)[0] > prices.sum()
    assert dalvi.cheapest(gains, prices, 0)[0] == 0


def test_a_spam_worth_less_than_its_camouflage_is_sent_as_it_is():
    spam_filter = dalvi.Filter(5, np.array([-3, -2, -1]))
    x = np.zeros((1, 3), bool)
    kept, _ = dalvi.camouflage(spam_filter, dalvi.adversary(3, worth=2), x)
    changed, costs = dalvi.camouflage(spam_filter, dalvi.adversary(3, worth=2.01), x)
    assert not kept.any() and changed.tolist() == [[True, True, False]] and costs == 2


# ── The reply ──


@games
def test_the_reply_is_that_of_the_sums_over_every_message(seed):
    every, model, spam_filter, adversary = game(seed)
    heights = dalvi.gap(spam_filter, every)
    changed, _ = dalvi.camouflage(spam_filter, adversary, every)
    before = np.where(every, model.spam, 1 - model.spam).prod(1)
    after = np.array([before[(changed == x).all(1)].sum() for x in every])
    with np.errstate(divide="ignore"):
        odds = dalvi.STEP * heights + np.log(after / before)
    clear = np.abs(odds) > 1e-9
    assert np.array_equal(dalvi.reply(model, spam_filter, adversary, every)[clear], (odds > 0)[clear])


@pytest.fixture(scope="module")
def spambase():
    mail = datasets.spambase()
    model = dalvi.fit(mail.x_train[:, :54] > 0, mail.y_train)
    return model, dalvi.linear(model), mail.x_test[:, :54] > 0, mail.y_test


def test_on_spambase_the_reply_is_worth_more_than_the_attacked_filter_and_than_the_filter_left_alone(spambase):
    model, spam_filter, x, y = spambase
    adversary = dalvi.adversary(54, worth=5.5)
    received = x.copy()
    received[y == 1] = dalvi.camouflage(spam_filter, adversary, x[y == 1])[0]
    answers = (
        dalvi.gap(spam_filter, x) > 0,
        dalvi.gap(spam_filter, received) > 0,
        dalvi.reply(model, spam_filter, adversary, received),
    )
    alone, attacked, aware = (np.mean(np.array(dalvi.UTILITY)[answer.astype(int), y]) for answer in answers)
    assert attacked < alone - 0.2 < alone < aware


def test_a_richer_adversary_lets_more_spam_through(spambase):
    _, spam_filter, x, y = spambase
    through = [
        np.mean(
            dalvi.gap(spam_filter, dalvi.camouflage(spam_filter, dalvi.adversary(54, worth=worth), x[y == 1])[0]) <= 0
        )
        for worth in (0.5, 1.5, 3.5, 20)
    ]
    assert through == sorted(through) and through[0] < 0.3 and through[-1] == 1


# ── Errors ──


@pytest.mark.parametrize(
    "x", [np.zeros((3, 4)) + 0.5, np.zeros(4, bool), np.zeros((2, 3), bool)], ids=["frequencies", "1-D", "width"]
)
def test_messages_that_are_not_words_present_or_absent_are_refused(x):
    with pytest.raises(ValueError, match=r"0 et de 1.*x > 0"):
        dalvi.gap(dalvi.Filter(0, np.array([1, 2, 3, 4])), x)


def test_wrong_labels_costs_and_utilities_are_refused():
    with pytest.raises(ValueError, match="les deux classes"):
        dalvi.fit(np.zeros((3, 2), bool), [1, 1, 1])
    for costs in ({"add": 0.0}, {"remove": -1.0}, {"add": np.ones(3)}):
        with pytest.raises(ValueError, match="strictement positif"):
            dalvi.adversary(2, **costs)
    with pytest.raises(ValueError, match="moins que la bonne réponse"):
        dalvi.log_threshold(((1, 1), (-1, 1)))
