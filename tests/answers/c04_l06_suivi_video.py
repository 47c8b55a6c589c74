"""Answers of lesson 4.6."""

import itertools

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


def _over(tracks, detections, threshold):
    """Drops a pair whose IoU is just the threshold, which is not below it."""
    rows, columns = _hungarian(tracks, detections, threshold)
    kept = _overlap(tracks, detections)[rows, columns] > threshold
    return rows[kept], columns[kept]


def _crossings(
    tracks, start, end, *, feet=True, keep=True, skip=True, born=False, swap=False, once=False, vertical=False
):
    last, counts, done = {}, [0, 0], set()
    for rows in tracks:
        before, last = last, dict(last) if keep else {}
        for x1, y1, x2, y2, identity in rows:
            x, y = (x1 + x2) / 2, y2 if feet else (y1 + y2) / 2
            side = (end[0] - start[0]) * (y - start[1]) - (end[1] - start[1]) * (x - start[0])
            side = np.sign(x - start[0]) if vertical else np.sign(side)
            if (
                before.get(identity, side) * side < 0 or (born and side and before.get(identity) == 0)
            ) and identity not in done:
                counts[int((side < 0) != swap)] += 1
                done |= {identity} if once else set()
            if side or not skip or (born and identity not in last):
                last[identity] = side
    return tuple(counts)


WRONG = {
    "associate": [
        _greedy,
        _each_its_own,
        _hungarian,  # no threshold
        _over,
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
        lambda t, a, b: _crossings(t, a, b, born=True),  # who appears on the line crosses it by leaving
        lambda t, a, b: _crossings(t, a, b, swap=True),
        lambda t, a, b: _crossings(t, a, b, once=True),
        lambda t, a, b: _crossings(t, a, b, vertical=True),
    ],
}


def _pairs_by_loop(tracks, detections, threshold):
    """The cost to minimise is 1 - IoU; two lists."""
    overlap = boxes.iou(tracks, detections)
    rows, columns = [], []
    for i, j in zip(*optimize.linear_sum_assignment(1 - overlap)):
        if overlap[i, j] >= threshold:
            rows.append(int(i))
            columns.append(int(j))
    return rows, columns


def _pairs_in_an_array(tracks, detections, threshold):
    """The two arrays as the two rows of one, the last track first."""
    overlap = boxes.iou(tracks, detections)
    pairs = np.array(optimize.linear_sum_assignment(-overlap), dtype=int)
    return pairs[:, overlap[tuple(pairs)] >= threshold][:, ::-1]


def _kalman_by_joseph(mean, covariance, z, F, Q, H, R):  # noqa: N803
    """A system solved instead of an inverse, and Joseph's form of the covariance; a list."""
    m, P = np.dot(F, mean), np.linalg.multi_dot([F, covariance, F.T]) + Q  # noqa: N806
    if z is not None:
        K = np.linalg.solve(H @ P @ H.T + R, H @ P).T  # noqa: N806
        keep = np.eye(len(m)) - K @ H
        m, P = m + K @ (z - H @ m), keep @ P @ keep.T + K @ R @ K.T  # noqa: N806
    return [m, P]


def _kalman_in_place(mean, covariance, z, F, Q, H, R):  # noqa: N803
    """The arrays received are written over; P - K S Kᵀ."""
    mean[:] = F @ mean
    covariance[:] = F @ covariance @ F.T + Q
    if z is None:
        return mean, covariance
    spread = H @ covariance @ H.T + R
    gain = covariance @ H.T @ np.linalg.pinv(spread)
    mean += gain @ (z - H @ mean)
    covariance -= gain @ spread @ gain.T
    return mean, covariance


def _kalman_by_information(mean, covariance, z, F, Q, H, R):  # noqa: N803
    """Precisions add up."""
    mean, covariance = F @ mean, F @ covariance @ F.T + Q
    if z is None:
        return mean, covariance
    after = np.linalg.inv(np.linalg.inv(covariance) + H.T @ np.linalg.inv(R) @ H)
    return after @ (np.linalg.inv(covariance) @ mean + H.T @ np.linalg.inv(R) @ z), after


def _switches_object_by_object(matches):
    """The names of an object one after the other, those repeated counted once."""
    objects = set(itertools.chain(*matches))
    names = [[pairs[i] for pairs in matches if i in pairs] for i in objects]
    return np.sum([len(list(itertools.groupby(some))) - 1 for some in names])


def _switches_looking_back(matches):
    count = 0
    for frame, pairs in enumerate(matches):
        for i, name in pairs.items():
            for before in reversed(matches[:frame]):
                if i in before:
                    if before[i] != name:
                        count += 1
                    break
    return float(count)


def _crossings_track_by_track(tracks, start, end):
    """The sides of each name, 0 left out, two by two."""
    (x0, y0), (x1, y1) = start, end
    sides = {}
    for rows in tracks:
        for left, _, right, bottom, name in rows.tolist():
            number = (x1 - x0) * (bottom - y0) - (y1 - y0) * ((left + right) / 2 - x0)
            if number != 0:
                sides.setdefault(int(name), []).append(number > 0)
    steps = [pair for some in sides.values() for pair in itertools.pairwise(some)]
    return steps.count((False, True)), steps.count((True, False))


def _crossings_in_an_array(tracks, start, end):
    """Both counts in one array."""
    counts, last = np.zeros(2, int), {}
    along = np.subtract(end, start)
    for rows in tracks:
        feet = np.stack([(rows[:, 0] + rows[:, 2]) / 2, rows[:, 3]], axis=1) - np.array(start)
        sides = np.sign(along[0] * feet[:, 1] - along[1] * feet[:, 0])
        for name, side in zip(rows[:, 4], sides):
            if side == 0:
                continue
            if name in last and last[name] != side:
                counts[0 if side > 0 else 1] += 1
            last[name] = side
    return counts


def _crossings_by_subtraction(tracks, start, end):
    """end - start, as the statement writes it."""
    dx, dy = end - start
    side = {}
    right = left = 0
    for frame in tracks:
        for box in frame:
            px, py = box[[0, 2]].mean(), box[3]
            cross = dx * (py - start[1]) - dy * (px - start[0])
            before = side.get(box[4], 0)
            right += before < 0 < cross
            left += cross < 0 < before
            side[box[4]] = cross or before
    return right, left


def _crossings_both_ways(tracks, start, end):
    """Those to the left of a line go to the right of the same line drawn backwards: a list of floats."""
    return [float(_crossings(tracks, *line)[0]) for line in ((start, end), (end, start))]


RIGHT = {
    "associate": [_pairs_by_loop, _pairs_in_an_array],
    "kalman": [_kalman_by_joseph, _kalman_in_place, _kalman_by_information],
    "identity_switches": [_switches_object_by_object, _switches_looking_back],
    "count_crossings": [
        _crossings_track_by_track,
        _crossings_in_an_array,
        _crossings_by_subtraction,
        _crossings_both_ways,
    ],
}
