"""Tracking by detection: the Kalman filter, SORT, DeepSORT, ByteTrack, and how they are judged. Lesson 4.6.

A tracker takes the detections of one frame after another, (K, 5): box and score, and gives back (K, 5): box and
identity. An identity is an integer from 1 on, and stays with an object as long as the tracker holds it.
"""

from typing import NamedTuple

import numpy as np
from scipy import optimize

from labs import boxes as box_arithmetic

# ── The Kalman filter, for N objects at once ──


def kalman_predict(mean, covariance, transition, noise):
    """What is believed of x(t + 1), when x(t) ~ N(mean, covariance) and x(t + 1) = F x(t) + w, w ~ N(0, Q). Lesson 4.6.

    Args:
        mean, covariance: (N, d) and (N, d, d).
        transition, noise: F (d, d), and Q (d, d) or (N, d, d).

    Returns:
        mean, covariance of the prediction.
    """
    return mean @ transition.T, transition @ covariance @ transition.T + noise


def kalman_update(mean, covariance, measurement, observation, noise):
    """What is believed of x(t) once z = H x(t) + v has been seen, v ~ N(0, R). Kalman 1960. Lesson 4.6.

    Args:
        mean, covariance: (N, d) and (N, d, d), the prediction.
        measurement: z (N, m); observation, noise: H (m, d), and R (m, m) or (N, m, m).

    Returns:
        mean, covariance given the measurement.
    """
    expected = observation @ covariance @ observation.T + noise  # S, the covariance of z
    gain = np.linalg.solve(expected, observation @ covariance).swapaxes(-1, -2)  # K = P Hᵀ S⁻¹: both are symmetric
    surprise = measurement - mean @ observation.T
    return mean + (gain @ surprise[..., None])[..., 0], covariance - gain @ expected @ gain.swapaxes(-1, -2)


def constant_velocity(size, moving):
    """Transition F of `size` coordinates, the first `moving` of which have a velocity, after them. Lesson 4.6.

    One frame is the unit of time: x ← x + ẋ. Shape (size + moving, size + moving).
    """
    transition = np.eye(size + moving)
    transition[:moving, size:] = np.eye(moving)
    return transition


class AreaMotion:
    """SORT's state: [u, v, s, r, u̇, v̇, ṡ], centre, area, width / height. Bewley et al. 2016, section 3.2.

    The paper gives the state; the variances, in pixels, are those of its authors' code.
    """

    transition, observation = constant_velocity(4, 3), np.eye(4, 7)
    extent, extent_velocity = 2, 6  # ranks of s and ṡ
    start_variance = np.diag([10.0] * 4 + [1e4] * 3)  # the velocity is unknown at first
    process_variance = np.diag([1, 1, 1, 1, 0.01, 0.01, 0.0001])
    measure_variance = np.diag([1.0, 1, 10, 10])

    def measure(self, boxes):
        """Boxes (N, 4) -> what the filter observes (N, 4)."""
        sides = boxes[:, 2:] - boxes[:, :2]
        return np.column_stack([(boxes[:, :2] + boxes[:, 2:]) / 2, sides.prod(1), sides[:, 0] / sides[:, 1]])

    def boxes(self, mean):
        """States (N, 7) -> boxes (N, 4)."""
        width = np.sqrt(mean[:, 2] * mean[:, 3])
        half = np.stack([width, mean[:, 2] / width], 1) / 2
        return np.concatenate([mean[:, :2] - half, mean[:, :2] + half], 1)

    def start(self, measures):
        """Mean and covariance of objects seen once."""
        return np.pad(measures, ((0, 0), (0, 3))), np.tile(self.start_variance, (len(measures), 1, 1))

    def process_noise(self, mean):
        """Covariance Q of what the model does not foresee."""
        return self.process_variance

    def measure_noise(self, mean):
        """Covariance R of the detector's errors."""
        return self.measure_variance


class HeightMotion:
    """DeepSORT's state: [u, v, γ, h, u̇, v̇, γ̇, ḣ], centre, width / height, height. Wojke et al. 2017, section 2.1.

    The paper gives the state; that the errors grow with the height, and by how much, comes from its authors' code.
    """

    transition, observation = constant_velocity(4, 4), np.eye(4, 8)
    extent, extent_velocity = 3, 7  # ranks of h and ḣ
    # Standard deviations of u, v, γ, h and of their velocities: shares of the height, but for the ratio γ.
    process_shares = np.array([1, 1, 0, 1, 1 / 8, 1 / 8, 0, 1 / 8]) / 20
    start_shares = np.array([2, 2, 0, 2, 10 / 8, 10 / 8, 0, 10 / 8]) / 20
    ratio_deviations = np.array([0, 0, 1e-2, 0, 0, 0, 1e-5, 0])
    measure_deviations = np.array([0, 0, 1e-1, 0])

    def measure(self, boxes):
        """Boxes (N, 4) -> what the filter observes (N, 4)."""
        sides = boxes[:, 2:] - boxes[:, :2]
        return np.column_stack([(boxes[:, :2] + boxes[:, 2:]) / 2, sides[:, 0] / sides[:, 1], sides[:, 1]])

    def boxes(self, mean):
        """States (N, 8) -> boxes (N, 4)."""
        half = np.stack([mean[:, 2] * mean[:, 3], mean[:, 3]], 1) / 2
        return np.concatenate([mean[:, :2] - half, mean[:, :2] + half], 1)

    def start(self, measures):
        """Mean and covariance of objects seen once."""
        mean = np.pad(measures, ((0, 0), (0, 4)))
        return mean, self._diagonal(mean, self.start_shares, self.ratio_deviations)

    def process_noise(self, mean):
        """Covariance Q of what the model does not foresee."""
        return self._diagonal(mean, self.process_shares, self.ratio_deviations)

    def measure_noise(self, mean):
        """Covariance R of the detector's errors."""
        return self._diagonal(mean, self.process_shares[:4], self.measure_deviations)

    @staticmethod
    def _diagonal(mean, shares, deviations):
        """Diagonal covariances whose standard deviations are shares of the height, plus some of their own."""
        return np.square(deviations + mean[:, 3:4] * shares)[:, :, None] * np.eye(len(shares))


# ── What goes with what ──


def assign(similarity, threshold):
    """The pairs (rows, columns) of greatest total similarity, less those below `threshold`. Lesson 4.6.

    similarity: (N, M), finite. SciPy solves the assignment exactly (Kuhn 1955 named the method Hungarian).
    """
    rows, columns = optimize.linear_sum_assignment(similarity, maximize=True)
    kept = similarity[rows, columns] >= threshold
    return rows[kept], columns[kept]


# ── Trackers ──


class _Tracker:
    """The tracks of one video: what is believed of each, and how long it has gone unseen.

    min_hits: matches in a row, after the first detection, that make a track sure. A track that is not sure is shown in
        the first `min_hits` frames only, when nothing could be sure yet.
    max_age: frames that a track may go unseen; one more, and it is dropped.
    """

    def __init__(self, motion, max_age, min_hits):
        _require_parameter("max_age", max_age, 0, None)
        _require_parameter("min_hits", min_hits, 0, None)
        self.motion, self.max_age, self.min_hits = motion, max_age, min_hits
        size = motion.transition.shape[0]
        self.mean, self.covariance = np.zeros((0, size)), np.zeros((0, size, size))
        self.identities = np.zeros(0, "int64")
        self.hits, self.unseen = np.zeros(0, "int64"), np.zeros(0, "int64")
        self.sure = np.zeros(0, bool)
        self.frame, self.born = 0, 0

    def boxes(self):
        """What is believed of each track, the unseen ones too: boxes (N, 4), row by row with `identities`."""
        return self.motion.boxes(self.mean)

    def _advance(self):
        """Predict each track in the frame that comes."""
        self.frame += 1
        self.unseen = self.unseen + 1
        extent, velocity = self.motion.extent, self.motion.extent_velocity
        self.mean[self.mean[:, extent] + self.mean[:, velocity] <= 0, velocity] = 0  # nothing shrinks to nothing
        noise = self.motion.process_noise(self.mean)
        self.mean, self.covariance = kalman_predict(self.mean, self.covariance, self.motion.transition, noise)

    def _correct(self, rows, boxes):
        """Update the tracks `rows` with the boxes matched to them."""
        mean, measures = self.mean[rows], self.motion.measure(boxes)
        noise = self.motion.measure_noise(mean)
        self.mean[rows], self.covariance[rows] = kalman_update(
            mean, self.covariance[rows], measures, self.motion.observation, noise
        )
        self.unseen[rows] = 0
        self.hits[rows] += 1
        self.sure |= self.hits >= self.min_hits

    def _begin(self, boxes):
        """Start a track for each box, unsure unless min_hits is 0."""
        if not len(boxes):
            return
        mean, covariance = self.motion.start(self.motion.measure(boxes))
        none = np.zeros(len(boxes), "int64")
        self.mean, self.covariance = np.concatenate([self.mean, mean]), np.concatenate([self.covariance, covariance])
        self.identities = np.append(self.identities, self.born + 1 + np.arange(len(boxes)))
        self.hits, self.unseen = np.append(self.hits, none), np.append(self.unseen, none)
        self.sure = np.append(self.sure, np.full(len(boxes), self.min_hits == 0))
        self.born += len(boxes)

    def _keep(self, kept):
        """Drop the other tracks."""
        for name in ("mean", "covariance", "identities", "hits", "unseen", "sure"):
            setattr(self, name, getattr(self, name)[kept])

    def _report(self):
        """The tracks seen in this frame: float32 (K, 5)."""
        self.hits[(self.unseen > 0) & ~self.sure] = 0
        shown = (self.unseen == 0) & (self.sure | (self.frame <= self.min_hits))
        return np.column_stack([self.boxes()[shown], self.identities[shown]]).astype("float32")


class Sort(_Tracker):
    """SORT: predict, match by IoU, correct. Bewley et al. 2016. Lesson 4.6.

    The paper's T_Lost is `max_age`, its IOU_min `iou_threshold`, its probation `min_hits`. The authors' code asks for
    `min_hits` matches again after each miss; here, as in the paper, a track is on probation when it is new only.
    """

    def __init__(self, max_age=1, min_hits=3, iou_threshold=0.3):
        super().__init__(AreaMotion(), max_age, min_hits)
        _require_parameter("iou_threshold", iou_threshold, 0, 1)
        self.iou_threshold = iou_threshold

    def update(self, detections):
        """Take the detections of the next frame, (K, 5) box and score in [0, 1]; return (K, 5) box and identity.

        A frame without detections must be given too, as an empty array. The scores are not used.

        Raises:
            ValueError: another shape, a degenerate box, NaN, a score out of [0, 1]; the tracker is left as it was.
        """
        boxes, _ = _require_detections(detections)
        self._advance()
        rows, columns = assign(box_arithmetic.iou(self.boxes(), boxes), self.iou_threshold)
        self._correct(rows, boxes[columns])
        self._begin(np.delete(boxes, columns, axis=0))
        self._keep(self.unseen <= self.max_age)
        return self._report()


class ByteTrack(_Tracker):
    """BYTE: the sure detections first, then the doubtful ones for what is left. Zhang et al. 2022, algorithm 1.

    An object that passes behind another gets low scores: its detection is not thrown away, only asked to agree with
    a track. track_threshold, iou_threshold and max_age are the paper's. The rest is from its authors' code: the other
    thresholds, a track sure at its second frame in a row (`min_hits` 1), DeepSORT's motion. That code multiplies IoU
    by score too, which the paper does not, nor is it done here. Lesson 4.6.
    """

    def __init__(self, track_threshold=0.6, low_threshold=0.1, new_threshold=0.7, max_age=30, min_hits=1,
                 iou_threshold=0.2, low_iou_threshold=0.5):  # fmt: skip
        super().__init__(HeightMotion(), max_age, min_hits)
        self.track_threshold, self.low_threshold, self.new_threshold = track_threshold, low_threshold, new_threshold
        self.iou_threshold, self.low_iou_threshold = iou_threshold, low_iou_threshold
        for name in ("track_threshold", "low_threshold", "new_threshold", "iou_threshold", "low_iou_threshold"):
            _require_parameter(name, getattr(self, name), 0, 1)

    def update(self, detections):
        """Take the detections of the next frame, (K, 5) box and score in [0, 1]; return (K, 5) box and identity.

        Give it every detection, those of low score too: they are what it is about.

        Raises:
            ValueError: another shape, a degenerate box, NaN, a score out of [0, 1]; the tracker is left as it was.
        """
        boxes, scores = _require_detections(detections)
        high = np.flatnonzero(scores >= self.track_threshold)
        low = np.flatnonzero((scores >= self.low_threshold) & (scores < self.track_threshold))
        self.mean[self.unseen > 0, self.motion.extent_velocity] = 0  # an object out of sight keeps its height
        self._advance()
        overlap = box_arithmetic.iou(self.boxes(), boxes)
        high = self._match(self.sure, high, boxes, overlap, self.iou_threshold)
        self._match(self.sure & (self.unseen == 1), low, boxes, overlap, self.low_iou_threshold)
        high = self._match(~self.sure & (self.unseen > 0), high, boxes, overlap, self.iou_threshold)
        self._keep((self.unseen == 0) | (self.sure & (self.unseen <= self.max_age)))
        self._begin(boxes[high[scores[high] >= self.new_threshold]])
        return self._report()

    def _match(self, tracks, ranks, boxes, overlap, threshold):
        """Match tracks (bool (N,)) with the detections `ranks`, correct them, return the ranks left."""
        candidates = np.flatnonzero(tracks)
        if not len(candidates) or not len(ranks):
            return ranks
        rows, columns = assign(overlap[np.ix_(candidates, ranks)], threshold)
        self._correct(candidates[rows], boxes[ranks[columns]])
        return np.delete(ranks, columns)


class DeepSort(_Tracker):
    """DeepSORT: match by appearance those that the motion allows, then by IoU. Wojke et al. 2017. Lesson 4.6.

    As in the paper: the cosine distance to the nearest of the last `gallery` features of a track (λ = 0), the gate of
    Mahalanobis at 95 %, the tracks seen last served first, and SORT's IoU for the new tracks and those unseen for
    one frame. `max_distance` is learned in the paper, and 0.2 in its authors' code.
    """

    GATE = 9.4877  # chi-square at 95 %, 4 degrees of freedom

    def __init__(self, max_age=30, min_hits=2, iou_threshold=0.3, max_distance=0.2, gallery=100):
        super().__init__(HeightMotion(), max_age, min_hits)
        _require_parameter("iou_threshold", iou_threshold, 0, 1)
        _require_parameter("max_distance", max_distance, 0, 2)
        _require_parameter("gallery", gallery, 1, None)
        self.iou_threshold, self.max_distance, self.gallery = iou_threshold, max_distance, gallery
        self.features = {}  # identity -> (at most `gallery`, d), each of norm 1, the last one at the end

    def update(self, detections, features):
        """Take the detections of the next frame, (K, 5) box and score, and their features (K, d); return (K, 5).

        A feature is what a network says of the pixels of the box, such as its last hidden layer.

        Raises:
            ValueError: another shape, a degenerate box, NaN, a score out of [0, 1], a feature that is zero; the tracker
                is left as it was.
        """
        boxes, _ = _require_detections(detections)
        features = self._require_features(features, len(boxes))
        self._advance()
        left = np.arange(len(boxes))
        allowed = self._mahalanobis(boxes) <= self.GATE
        for age in np.unique(self.unseen[self.sure]):
            tracks = np.flatnonzero(self.sure & (self.unseen == age))
            likeness = self._likeness(tracks, features[left])
            likeness[~allowed[np.ix_(tracks, left)]] = -1e6
            left = self._match(tracks, left, boxes, features, likeness, 1 - self.max_distance)
        tracks = np.flatnonzero((self.unseen == 1) | ~self.sure & (self.unseen > 0))
        overlap = box_arithmetic.iou(self.boxes()[tracks], boxes[left])
        left = self._match(tracks, left, boxes, features, overlap, self.iou_threshold)
        self._keep((self.unseen == 0) | (self.sure & (self.unseen <= self.max_age)))
        self._begin(boxes[left])
        self.features |= {identity: features[i][None] for identity, i in zip(self.identities[-len(left) :], left)}
        self.features = {identity: self.features[identity] for identity in self.identities}
        return self._report()

    def _match(self, tracks, left, boxes, features, likeness, threshold):
        rows, columns = assign(likeness, threshold)
        self._correct(tracks[rows], boxes[left[columns]])
        for identity, feature in zip(self.identities[tracks[rows]], features[left[columns]]):
            self.features[identity] = np.vstack([self.features[identity], feature])[-self.gallery :]
        return np.delete(left, columns)

    def _likeness(self, tracks, features):
        """Cosine of each feature with the nearest one of each track: (tracks, K)."""
        rows = [(self.features[identity] @ features.T).max(axis=0) for identity in self.identities[tracks]]
        return np.reshape(rows, (len(tracks), len(features)))

    def _mahalanobis(self, boxes):
        """Squared distance of each box to each prediction, in standard deviations: (N, K). Equation 1."""
        observation, noise = self.motion.observation, self.motion.measure_noise(self.mean)
        expected = observation @ self.covariance @ observation.T + noise
        gaps = self.motion.measure(boxes) - (self.mean @ observation.T)[:, None]
        return np.einsum("nki,nki->nk", gaps, np.linalg.solve(expected, gaps.swapaxes(1, 2)).swapaxes(1, 2))

    def _require_features(self, features, count):
        features = np.asarray(features, "float64")
        known = next((gallery.shape[1] for gallery in self.features.values()), None)
        if not count and not features.size:
            return np.zeros((0, known or 1))
        norms = np.linalg.norm(features, axis=-1, keepdims=True)
        if features.ndim != 2 or len(features) != count or not (np.isfinite(norms) & (norms > 0)).all():
            raise ValueError(
                f"Attendu un descripteur par détection, ({count}, d), fini et non nul ; reçu un tableau de forme "
                f"{features.shape}. Calculez-le sur les pixels de chaque boîte, dans l'ordre des détections."
            )
        if known not in (None, features.shape[1]):
            raise ValueError(f"Un descripteur a {known} nombres depuis la première image ; reçu {features.shape[1]}.")
        return features / norms


# ── How a tracker is judged ──


def evaluate(truth, tracks):
    """MOTA, IDF1, HOTA and what they are made of: dictionary name -> number. Computed by TrackEval. Lesson 4.6.

    MOTA, MOTP, IDSW (identity switches), FP, FN, Frag, MT, ML at an IoU of 0.5 (Bernardin & Stiefelhagen 2008);
    IDF1 at 0.5 (Ristani et al. 2016); HOTA, DetA and AssA, averaged over IoU 0.05 to 0.95 (Luiten et al. 2021).

    Args:
        truth, tracks: lists of as many frames, an array (K, 5) a frame, box and identity.

    Raises:
        ValueError: lists of different lengths, a truth without any box, or a frame that is not (K, 5), has a degenerate
            box, NaN, or an identity twice.
    """
    from trackeval import metrics  # imports a good part of its package: not before it is needed

    truth, tracks = _require_frames(truth, tracks)
    data = {"num_timesteps": len(truth), "similarity_scores": _overlaps(truth, tracks)}
    for prefix, frames in (("gt", truth), ("tracker", tracks)):
        known, ranks = np.unique(np.concatenate([frame[:, 4] for frame in frames]), return_inverse=True)
        ends = np.cumsum([len(frame) for frame in frames])
        data |= {f"{prefix}_ids": np.split(ranks, ends[:-1]), f"num_{prefix}_ids": len(known)}
        data[f"num_{prefix}_dets"] = len(ranks)
    clear = metrics.CLEAR({"PRINT_CONFIG": False}).eval_sequence(data)
    identity = metrics.Identity({"PRINT_CONFIG": False}).eval_sequence(data)
    hota = metrics.HOTA().eval_sequence(data)
    return {
        **{name: float(clear[name]) for name in ("MOTA", "MOTP")},
        "IDF1": float(identity["IDF1"]),
        **{name: float(np.mean(hota[name])) for name in ("HOTA", "DetA", "AssA")},
        "IDSW": int(clear["IDSW"]),
        "FP": int(clear["CLR_FP"]),
        "FN": int(clear["CLR_FN"]),
        **{name: int(clear[name]) for name in ("Frag", "MT", "ML")},
    }


class Switch(NamedTuple):
    """An identity switch: frame (from 0), identity of the object, identities it had and has in the tracks."""

    frame: int
    truth: int
    before: int
    after: int


def matches(truth, tracks, iou_threshold=0.5):
    """Which identity each object is given: a dictionary object -> identity a frame, both integers. Lesson 4.6.

    As in CLEAR (Bernardin & Stiefelhagen 2008), a pair of the frame before is kept while its IoU allows; the others
    are matched for the greatest IoU.

    Raises:
        ValueError: as `evaluate`.
    """
    truth, tracks = _require_frames(truth, tracks)
    found, previous = [], {}
    for t, overlap in enumerate(_overlaps(truth, tracks)):
        objects, names = (frame[:, 4].astype(int) for frame in (truth[t], tracks[t]))
        pairs = {}
        if len(objects) and len(names):  # otherwise the pairs before stand, as in TrackEval
            kept = np.array([[previous.get(i) == name for name in names] for i in objects])
            score = np.where(overlap >= iou_threshold, overlap + 1000 * kept, 0)
            rows, columns = assign(score, 1e-9)
            previous = pairs = dict(zip(objects[rows].tolist(), names[columns].tolist()))
        found.append(pairs)
    return found


def switches(truth, tracks, iou_threshold=0.5):
    """Where an object changes identity: list of Switch, as many as `evaluate` counts in IDSW. Lesson 4.6.

    The identity is compared with the last one that the object had, however long ago.

    Raises:
        ValueError: as `evaluate`.
    """
    found, last = [], {}
    for t, pairs in enumerate(matches(truth, tracks, iou_threshold)):
        found += [Switch(t, i, last[i], name) for i, name in pairs.items() if last.get(i, name) != name]
        last |= pairs
    return found


def _overlaps(truth, tracks):
    return [box_arithmetic.iou(a[:, :4], b[:, :4]) for a, b in zip(truth, tracks)]


# ── What tracks are good for ──


class Crossing(NamedTuple):
    """Somebody goes over a line: frame (from 0), identity, and whether it was to the right of the line."""

    frame: int
    identity: int
    rightwards: bool


def crossings(tracks, start, end):
    """Each time a track goes over the line from `start` to `end`: list of Crossing. Lesson 4.6.

    Where somebody stands is the middle of the lower side of the box. Right is that of one who walks on the image from
    `start` to `end`. The line has no ends. A track that goes unseen near the line and comes back on the other side
    crosses it too; one that only touches it does not.

    Args:
        tracks: list of (K, 5), box and identity, a frame.
        start, end: two different points (x, y).

    Raises:
        ValueError: the points are the same; a frame is not (K, 5), or has a degenerate box, NaN or an identity twice.
    """
    start, end = np.asarray(start, "float64"), np.asarray(end, "float64")
    if start.shape != (2,) or end.shape != (2,) or not np.isfinite([start, end]).all() or (start == end).all():
        raise ValueError(f"Attendu deux points (x, y) différents ; reçu {start.tolist()} et {end.tolist()}.")
    along, found, last = end - start, [], {}
    for t, rows in enumerate(_require_rows(frame, t) for t, frame in enumerate(tracks)):
        feet = np.column_stack([(rows[:, 0] + rows[:, 2]) / 2, rows[:, 3]]) - start
        sides = np.sign(along[0] * feet[:, 1] - along[1] * feet[:, 0])
        for identity, side in zip(rows[:, 4].astype(int).tolist(), sides):
            if side * last.get(identity, side) < 0:
                found.append(Crossing(t, identity, bool(side > 0)))
            if side:  # on the line itself, one is still where one comes from
                last[identity] = side
    return found


# ── What is given ──


def _require_detections(detections):
    detections = np.asarray(detections, "float64")
    if not detections.size:
        return np.zeros((0, 4)), np.zeros(0)
    if detections.ndim != 2 or detections.shape[1] != 5:
        raise ValueError(
            f"Attendu les détections d'une image, (K, 5) : x1, y1, x2, y2, score ; reçu {detections.shape}. "
            "Pour une image sans détection, donnez np.empty((0, 5))."
        )
    scores = detections[:, 4]
    if not ((scores >= 0) & (scores <= 1)).all():  # false for NaN
        wrong = scores[~((scores >= 0) & (scores <= 1))][0]
        raise ValueError(f"Un score est un nombre de [0, 1], dans la cinquième colonne ; reçu {wrong}.")
    return box_arithmetic.require(detections[:, :4]), scores


def _require_frames(truth, tracks):
    if len(truth) != len(tracks):
        raise ValueError(
            f"Attendu autant d'images des deux côtés ; reçu {len(truth)} pour la vérité et {len(tracks)} pour les "
            "pistes. Une image sans objet compte aussi : np.empty((0, 5))."
        )
    truth, tracks = ([_require_rows(frame, t) for t, frame in enumerate(frames)] for frames in (truth, tracks))
    if not sum(map(len, truth)):
        raise ValueError("La vérité ne contient aucune boîte : il n'y a rien à mesurer.")
    return truth, tracks


def _require_rows(frame, t):
    frame = np.asarray(frame, "float64")
    if not frame.size:
        return np.zeros((0, 5))
    if frame.ndim != 2 or frame.shape[1] != 5:
        raise ValueError(f"Image {t} : attendu (K, 5), x1, y1, x2, y2, identité ; reçu {frame.shape}.")
    box_arithmetic.require(frame[:, :4])
    if not np.isfinite(frame[:, 4]).all() or len(np.unique(frame[:, 4])) < len(frame):
        raise ValueError(
            f"Image {t} : chaque identité est un nombre présent une seule fois ; reçu {frame[:, 4].tolist()}."
        )
    return frame


def _require_parameter(name, value, low, high):
    if not value >= low or (high is not None and value > high):
        limits = f"un nombre de {low} à {high}" if high is not None else f"un nombre d'au moins {low}"
        raise ValueError(f"Attendu pour {name} : {limits} ; reçu {value!r}.")
