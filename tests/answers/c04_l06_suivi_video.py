"""Answers of lesson 4.6."""

import numpy as np
from scipy import optimize

from labs import boxes


def _overlap(tracks, detections):
    return boxes.iou(tracks, detections) if len(detections) else np.zeros((len(tracks), 0))


def _greedy(tracks, detections, threshold):
    """The strongest pair first, and so on."""
    overlap, pairs = _overlap(tracks, detections), []
    while overlap.size and overlap.max() >= threshold:
        i, j = np.unravel_index(overlap.argmax(), overlap.shape)
        pairs.append((i, j))
        overlap[i], overlap[:, j] = -1, -1
    return [i for i, _ in pairs], [j for _, j in pairs]


def _each_its_own(tracks, detections, threshold):
    overlap = _overlap(tracks, detections)
    if not overlap.size:
        return [], []
    columns = overlap.argmax(axis=1)
    rows = np.flatnonzero(overlap.max(axis=1) >= threshold)
    return rows, columns[rows]


def _hungarian(tracks, detections, threshold, maximize=True):
    return optimize.linear_sum_assignment(_overlap(tracks, detections), maximize=maximize)


def _kalman(mean, covariance, z, F, Q, H, R, *, add=True, move=True, correct=True, sign=1, doubt=True):  # noqa: N803
    mean, covariance = F @ mean, (F @ covariance @ F.T if move else covariance) + (Q if add else 0)
    if z is None:
        return mean, covariance
    spread = H @ covariance @ H.T + (R if doubt else 1e-9 * R)
    gain = covariance @ H.T @ np.linalg.inv(spread)
    return mean + sign * gain @ (z - H @ mean), covariance - gain @ H @ covariance if correct else covariance


def _switches_of_neighbours(matches):
    steps = zip(matches, matches[1:])
    return sum(i in before and before[i] != name for before, now in steps for i, name in now.items())


def _names_less_one(matches):
    names = {}
    for pairs in matches:
        for i, name in pairs.items():
            names.setdefault(i, set()).add(name)
    return sum(len(some) - 1 for some in names.values())


def _first_names_too(matches):
    last, count = {}, 0
    for pairs in matches:
        count += sum(last.get(i) != name for i, name in pairs.items())
        last.update(pairs)
    return count


def _crossings(tracks, start, end, *, feet=True, keep=True, skip=True, swap=False, once=False, vertical=False):
    last, counts, done = {}, [0, 0], set()
    for rows in tracks:
        before, last = last, dict(last) if keep else {}
        for x1, y1, x2, y2, identity in rows:
            x, y = (x1 + x2) / 2, y2 if feet else (y1 + y2) / 2
            side = (end[0] - start[0]) * (y - start[1]) - (end[1] - start[1]) * (x - start[0])
            side = np.sign(x - start[0]) if vertical else np.sign(side)
            if before.get(identity, side) * side < 0 and identity not in done:
                counts[int((side < 0) != swap)] += 1
                done |= {identity} if once else set()
            if side or not skip:
                last[identity] = side
    return tuple(counts)


WRONG = {
    "associate": [
        _greedy,
        _each_its_own,
        _hungarian,  # no threshold
        lambda t, d, s: _hungarian(t, d, s, maximize=False),
        lambda t, d, s: list(zip(*_hungarian(t, d, s))),
    ],
    "kalman": [
        lambda m, P, z, *system: _kalman(m, P, z, *system, add=False),
        lambda m, P, z, *system: _kalman(m, P, z, *system, move=False),
        lambda m, P, z, *system: _kalman(m, P, z, *system, correct=False),
        lambda m, P, z, *system: _kalman(m, P, z, *system, sign=-1),
        lambda m, P, z, *system: _kalman(m, P, z, *system, doubt=False),
        lambda m, P, z, *system: (m, P) if z is None else _kalman(m, P, z, *system),
    ],
    "identity_switches": [_switches_of_neighbours, _names_less_one, _first_names_too],
    "count_crossings": [
        lambda t, a, b: _crossings(t, a, b, feet=False),
        lambda t, a, b: _crossings(t, a, b, keep=False),  # forgets who goes unseen
        lambda t, a, b: _crossings(t, a, b, skip=False),  # 0 taken for a side
        lambda t, a, b: _crossings(t, a, b, swap=True),
        lambda t, a, b: _crossings(t, a, b, once=True),
        lambda t, a, b: _crossings(t, a, b, vertical=True),
    ],
}
