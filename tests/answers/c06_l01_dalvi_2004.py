"""Answers of lesson 6.1."""

import functools
import itertools
import math

import keras
import numpy as np
import tensorflow as tf


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


# --- Right, written otherwise --------------------------------------------------------------------------


def _word_by_word(x, spam, ham, log_prior):
    scores = []
    for message in x:
        score = log_prior
        for word, p, q in zip(message, spam, ham):
            score += math.log(p / q) if word else math.log(1 - p) - math.log(1 - q)
        scores.append(score)
    return scores


def _tensor_odds(x, spam, ham, log_prior):
    x, spam, ham = (tf.cast(one, tf.float32) for one in (x, spam, ham))
    return (
        log_prior
        + tf.linalg.matvec(x, tf.math.log(spam / ham))
        + tf.linalg.matvec(1 - x, tf.math.log1p(-spam) - tf.math.log1p(-ham))
    )


def _recursive(gains, costs, gap):
    @functools.cache
    def least(first, missing):
        if missing <= 0:
            return 0
        if first == len(gains):
            return float("inf")
        return min(least(first + 1, missing), costs[first] + least(first + 1, missing - int(gains[first])))

    return least(0, gap)


def _downwards(gains, costs, gap):
    best = [0] + [np.inf] * gap
    for i in range(len(gains)):
        for w in range(gap, 0, -1):
            best[w] = min(best[w], costs[i] + (best[w - gains[i]] if w > gains[i] else 0))
    return np.array(best[gap])


def _all_subsets(gains, costs, gap):
    ways = itertools.product([False, True], repeat=len(gains))
    return np.min([costs[list(way)].sum() for way in ways if gains[list(way)].sum() >= gap] or [np.inf])


def _message_by_message(probabilities, moves):
    received = np.zeros(len(probabilities), "float32")
    for i, move in enumerate(moves):
        received[move] += probabilities[i]
    return received


RIGHT = {
    "log_odds": [
        _word_by_word,  # loops, a list
        _tensor_odds,  # float32 tensor
        lambda x, s, h, p: np.where(x, np.log(s) - np.log(h), np.log1p(-s) - np.log1p(-h)).sum(axis=1) + p,
    ],
    "cheapest": [
        _recursive,  # int or float
        _downwards,  # in place, 0-d array
        _all_subsets,
    ],
    "attacked": [
        _message_by_message,  # loops, float32
        lambda p, a: [p[a == i].sum() for i in range(len(p))],
        lambda p, a: keras.ops.segment_sum(p, a, num_segments=len(p)),  # a tensor
    ],
}
