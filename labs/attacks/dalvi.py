"""The game of Dalvi et al. 2004: a naive Bayes filter, the cheapest camouflage, the filter's reply. Lesson 6.1.

N. Dalvi, P. Domingos, Mausam, S. Sanghai, D. Verma, *Adversarial Classification*, KDD 2004. Messages are rows of
booleans, one column a word: present or absent. Both players know everything; the filter plays first, unaware.
"""

from typing import NamedTuple

import numpy as np

STEP = 0.01  # nats: log-odds are whole numbers of steps, so that the dynamic programming is exact
UTILITY = ((1.0, -1.0), (-10.0, 1.0))  # U_C[decision, class], 0 for ham and 1 for spam: a lost message costs ten spams
_CENTS = 100  # costs are counted in hundredths
_TIE = 36  # bits below a cost: among camouflages of equal cost, the strongest words come first, and never two are equal
_NEVER = np.iinfo("int64").max // 4


class NaiveBayes(NamedTuple):
    """What was learned: log P(+)/P(-), and the probability (d,) of each word in spam and in ham."""

    log_prior: float
    spam: np.ndarray
    ham: np.ndarray


class Filter(NamedTuple):
    """A linear filter, in steps of log-odds: spam if offset + x @ weights > 0. What the adversary sees."""

    offset: int
    weights: np.ndarray


class Adversary(NamedTuple):
    """Costs W (d,) of adding and of removing each word, `np.inf` for never; what a spam that gets through is worth."""

    add: np.ndarray
    remove: np.ndarray
    worth: float


def adversary(words, *, add=1.0, remove=np.inf, worth=20.0):
    """An Adversary over `words` features; each cost is one number or (d,). Lesson 6.1.

    `worth` is U_A(-, +) - U_A(+, +): a camouflage that does not cost less is not made.

    Raises:
        ValueError: a cost is not positive, or a shape is wrong.
    """
    costs = []
    for name, cost in (("add", add), ("remove", remove)):
        cost = np.asarray(cost, "float64")
        if cost.ndim > 1 or cost.size not in (1, words) or not np.all(cost > 0):
            raise ValueError(
                f"Le coût `{name}` est un nombre strictement positif, ou un par mot, ({words},) ; reçu {cost}. "
                "Donnez np.inf pour ce que l'adversaire ne peut pas faire."
            )
        costs.append(np.broadcast_to(cost, (words,)))
    return Adversary(*costs, float(worth))


def fit(x, y, smoothing=1.0):
    """Naive Bayes on words present or absent: x bool (N, d), y (N,) 1 for spam -> NaiveBayes. Lesson 6.1.

    Laplace's smoothing: `smoothing` messages with the word and as many without are added to each class.

    Raises:
        ValueError: x is not made of 0 and 1, or a class has no message.
    """
    x, y = _binary(x), np.asarray(y)
    if y.shape != (len(x),) or not np.isin(y, (0, 1)).all() or len(np.unique(y)) < 2:
        raise ValueError(
            f"Il faut une étiquette 0 ou 1 par message, et les deux classes ; reçu {y.shape} pour {len(x)} messages."
        )
    spam, ham = ((x[y == label].sum(0) + smoothing) / ((y == label).sum() + 2 * smoothing) for label in (1, 0))
    return NaiveBayes(float(np.log(np.mean(y) / (1 - np.mean(y)))), spam, ham)


def log_odds(model, x):
    """log P(+|x) / P(-|x) in nats, (N,), for messages x (N, d)."""
    x = _binary(x, len(model.spam))
    present, absent = np.log(model.spam / model.ham), np.log((1 - model.spam) / (1 - model.ham))
    return model.log_prior + x @ present + ~x @ absent


def log_threshold(utility=UTILITY):
    """The log-odds above which "spam" has the larger expected utility. Lesson 6.1.

    Args:
        utility: U_C[decision, class], 2 × 2, 0 for ham and 1 for spam.

    Raises:
        ValueError: an error is worth as much as the right answer.
    """
    (ham_ham, ham_spam), (spam_ham, spam_spam) = np.asarray(utility, "float64")
    if ham_ham <= spam_ham or spam_spam <= ham_spam:
        raise ValueError(f"Une erreur doit valoir moins que la bonne réponse ; utilités reçues : {utility}.")
    return float(np.log((ham_ham - spam_ham) / (spam_spam - ham_spam)))


def linear(model, utility=UTILITY):
    """The Filter of a NaiveBayes: its log-odds above the threshold, each weight rounded to a `STEP`. Lesson 6.1."""
    present, absent = np.log(model.spam / model.ham), np.log((1 - model.spam) / (1 - model.ham))
    weights = np.round((present - absent) / STEP).astype("int64")
    return Filter(int(np.round((model.log_prior + absent.sum() - log_threshold(utility)) / STEP)), weights)


def gap(spam_filter, x):
    """Steps of log-odds above the threshold, int (N,): spam if positive. Lesson 6.1."""
    return spam_filter.offset + _binary(x, len(spam_filter.weights)) @ spam_filter.weights


def cheapest(gains, prices, gap):
    """Cheapest set of changes whose gains reach `gap`, by dynamic programming: price, chosen (m,). Lesson 6.1.

    The paper's FindMCC as a table: best[w], the least price that gains w or more with the changes seen so far.

    Args:
        gains, prices: positive whole numbers (m,); gap: a whole number.

    Returns:
        The price (a huge one when no set is enough) and the booleans of the changes made.
    """
    best = _table(gains, prices, max(int(gap), 0))
    chosen, place = np.zeros(len(gains), bool), len(best[0]) - 1
    for rank in reversed(range(len(gains))):
        if best[rank + 1][place] < best[rank][place]:
            chosen[rank], place = True, max(place - int(gains[rank]), 0)
    return int(best[-1][-1]), chosen


def camouflage(spam_filter, adversary, x):
    """The adversary's optimal reply A(x) to a filter, for spams x bool (N, d): (N, d), and its costs (N,). Lesson 6.1.

    A spam that the filter lets through, or whose cheapest camouflage costs `worth` or more, is left as it is.
    """
    x = _binary(x, len(spam_filter.weights))
    gains, prices = _moves(spam_filter, adversary)
    heights = gap(spam_filter, x)
    changed = x.copy()
    for rank in np.flatnonzero((heights > 0) & ~hopeless(spam_filter, adversary, x)):
        useful = np.flatnonzero(_undone(spam_filter, x[rank]) & (prices < _NEVER))
        price, chosen = cheapest(gains[useful], prices[useful], heights[rank])
        if price < _limit(adversary):
            changed[rank, useful[chosen]] ^= True
    return changed, np.where(changed != x, np.where(x, adversary.remove, adversary.add), 0).sum(1)


def hopeless(spam_filter, adversary, x):
    """Spams x (N, d) that no camouflage is worth, as a bound shows at once: bool (N,). The paper's pruning. Lesson 6.1.

    The best gain for a unit of cost, times all that the adversary accepts to pay, does not fill the gap.
    """
    x = _binary(x, len(spam_filter.weights))
    gains, prices = _moves(spam_filter, adversary)
    rates = gains / prices  # next to nothing for what the adversary cannot do
    best = np.max(np.where(_undone(spam_filter, x), rates, 0), axis=1, initial=0)
    return gap(spam_filter, x) >= best * _limit(adversary)


def reply(model, spam_filter, adversary, x):
    """The filter's optimal answer to an adversary who plays `camouflage` against it: bool (N,), true for spam.

    P_A(x|+) sums the probabilities in spam of every message that A turns into x; ham is never changed. A message
    above the threshold is spam only if A leaves it so. Lesson 6.1.
    """
    x = _binary(x, len(spam_filter.weights))
    heights = gap(spam_filter, x)
    answer = (heights > 0) & (camouflage(spam_filter, adversary, x)[0] == x).all(1)
    present, absent = np.log(model.spam), np.log(1 - model.spam)
    for rank in np.flatnonzero(heights <= 0):
        enough = np.exp(-STEP * heights[rank])  # by how much P_A(x|+) must exceed P(x|+)
        ratios = np.exp(np.where(x[rank], absent - present, present - absent))
        answer[rank] = _mass(_levels(spam_filter, adversary, x[rank]), ratios, enough) > enough
    return answer


def _mass(levels, ratios, enough):
    """P_A(x|+) / P(x|+), or a bound of it as soon as one says on which side of `enough` it is.

    Args:
        ratios: (d,) P(before) / P(after) in spam of each change.
    """
    mass = 1.0
    for size, (words, level) in enumerate(levels):
        if size == 0 and np.prod(1 + ratios[words]) <= enough:  # even if every set of these changes had been made
            return mass
        mass += np.where(level, ratios[words], 1).prod(1).sum()
        if mass > enough:
            break
    return mass


def _levels(spam_filter, adversary, x):
    """Sets of changes that the adversary may have made to arrive at x (d,): (words, bool (K, words)), smallest first.

    If a set of changes is a cheapest camouflage, so is each of its subsets, from the message that lacks only those:
    a cheaper one would have made the whole cheaper. Sets are grown from those already found.
    """
    gains, prices = _moves(spam_filter, adversary)
    slack = -int(gap(spam_filter, x[None])[0])
    possible, undone = prices < _NEVER, _undone(spam_filter, x)
    words = np.flatnonzero(possible & ~undone & (gains > slack))  # with a smaller gain, the message passed without it
    if slack < 0 or not len(words):
        return
    others = possible & undone
    best = _table(gains[others], prices[others], int(gains[words].sum()) - slack)[-1]

    def optimal(sets):
        """What is left to gain without these changes costs more by any others."""
        price = sets @ prices[words]
        return (price < best[np.maximum(sets @ gains[words] - slack, 0)]) & (price < _limit(adversary))

    words = words[optimal(np.eye(len(words), dtype=bool))]
    level = np.eye(len(words), dtype=bool)
    while len(level):
        yield words, level
        level = _grown(level)
        level = level[optimal(level)]


def _grown(level):
    """Sets of one element more all of whose subsets are in `level` (K, m)."""
    known = {row.tobytes() for row in level}
    grown = []
    for row in level:
        for last in range(np.flatnonzero(row)[-1] + 1, len(row)):
            larger = row.copy()
            larger[last] = True
            if all((larger ^ (np.arange(len(row)) == i)).tobytes() in known for i in np.flatnonzero(row)):
                grown.append(larger)
    return np.array(grown, bool).reshape(-1, level.shape[1])


def _undone(spam_filter, x):
    """The words (…, d) whose useful change is still to make: a ham's word absent, a spam's word present."""
    return x == (spam_filter.weights > 0)


def _moves(spam_filter, adversary):
    """Gain in steps and whole price (d,) of the one useful change of each word: add a ham's, remove a spam's."""
    gains = np.abs(spam_filter.weights)
    costs = np.where(spam_filter.weights < 0, adversary.add, adversary.remove)
    cents = np.where(np.isfinite(costs), np.round(costs * _CENTS), 0).astype("int64")
    rank = np.argsort(np.argsort(-gains, kind="stable"))
    tie = (rank << (_TIE - 14)) + np.random.default_rng(0).integers(0, 1 << (_TIE - 14), len(gains))
    possible = np.isfinite(costs) & (gains > 0)
    return gains, np.where(possible, (cents << _TIE) + tie, _NEVER)


def _limit(adversary):
    return round(min(adversary.worth * _CENTS, 1 << 20)) << _TIE


def _table(gains, prices, gap):
    """best (m + 1, gap + 1): row k, the least price that gains w or more with the k first changes."""
    best = np.full((len(gains) + 1, gap + 1), _NEVER)
    best[0, 0] = 0
    for rank, (gain, price) in enumerate(zip(gains, prices)):
        before = best[rank]
        best[rank + 1] = before
        best[rank + 1, : gain + 1] = np.minimum(before[: gain + 1], before[0] + price)
        if gain < gap:
            np.minimum(before[gain + 1 :], before[1 : gap + 1 - gain] + price, out=best[rank + 1, gain + 1 :])
    return best


def _binary(x, words=None):
    x = np.asarray(x)
    if x.ndim != 2 or (words is not None and x.shape[1] != words) or not np.isin(x, (0, 1)).all():
        raise ValueError(
            f"Les messages sont un tableau (N, {words or 'mots'}) de 0 et de 1, le mot absent ou présent ; reçu un "
            f"tableau {x.dtype} {x.shape}. Pour des fréquences : x > 0."
        )
    return x.astype(bool)
