"""Answers of lesson 6.1."""

import numpy as np


def _log_odds(x, spam, ham, log_prior, *, absent=True, prior=True, sign=1):
    odds = x @ np.log(spam / ham) + (~x @ np.log((1 - spam) / (1 - ham)) if absent else 0)
    return sign * (odds + (log_prior if prior else 0))


def _cheapest(gains, costs, gap, *, repeat=False, exact=False):
    best = np.full(max(gap, 0) + 1, np.inf)
    best[0] = 0
    for gain, cost in zip(gains, costs):
        before = best if repeat else best.copy()  # in place, from the smallest w: the same change again and again
        for w in range(1, len(best)):
            if not exact or w >= gain:
                best[w] = min(best[w], cost + before[max(w - gain, 0)])
    return best[-1]


def _greedy(gains, costs, gap, *, by_ratio):
    order = np.argsort(-gains / costs if by_ratio else -gains)
    total = 0.0
    for i in order:
        if gap <= 0:
            break
        total, gap = total + costs[i], gap - gains[i]
    return total if gap <= 0 else np.inf


def _last(probabilities, moves):
    result = np.zeros(len(moves))
    result[moves] = probabilities
    return result


WRONG = {
    "log_odds": [
        lambda x, s, h, p: _log_odds(x, s, h, p, absent=False),
        lambda x, s, h, p: _log_odds(x, s, h, p, prior=False),
        lambda x, s, h, p: _log_odds(x, s, h, p, sign=-1),
        lambda x, s, h, p: np.exp(_log_odds(x, s, h, p)),  # no logarithm
        lambda x, s, h, p: _log_odds(x, s, h, p).sum(),  # one number for all the messages
    ],
    "cheapest": [
        lambda g, c, w: _greedy(g, c, w, by_ratio=True),
        lambda g, c, w: _greedy(g, c, w, by_ratio=False),
        lambda g, c, w: _cheapest(g, c, w, repeat=True),
        lambda g, c, w: _cheapest(g, c, w, exact=True),
        lambda g, c, w: min(_cheapest(g, c, w), c.sum()),  # everything, even when that is not enough
        lambda g, c, w: (_cheapest(g, c, w), []),
    ],
    "attacked": [
        lambda p, a: p[a],
        _last,
        lambda p, a: p + np.bincount(a, p * (a != np.arange(len(a))), minlength=len(p)),  # still where they came from
        lambda p, a: np.bincount(a, p * (a != np.arange(len(a))), minlength=len(p)),  # only those that were changed
        lambda p, a: np.bincount(a, minlength=len(p)) / len(p),  # counts, not probabilities
    ],
}
