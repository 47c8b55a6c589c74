import itertools

import numpy as np
import pytest

from labs import boxes, scenes, tracking

NONE = np.empty((0, 5))


def square(x, y, side=40.0):
    return [x, y, x + side, y + side]


def run(tracker, frames):
    return [tracker.update(np.array(frame, float).reshape(-1, 5)) for frame in frames]


def follow(tracks, x, y):
    """The identity whose box is centred within 10 pixels of (x, y); None when nobody is."""
    for x1, y1, x2, y2, identity in tracks:
        if abs((x1 + x2) / 2 - x) < 10 and abs((y1 + y2) / 2 - y) < 10:
            return int(identity)


@pytest.fixture(scope="module")
def stream():
    """1 000 frames of 30 walkers, 5 % of them missed and half a false detection a frame: (truth, detections)."""
    truth = scenes.crowd(1000, 30, seed=0)
    return truth, scenes.imperfect_detections(truth, missed=0.05, false=0.5, seed=0)


# ── The Kalman filter, against closed forms ──


def positive(rng, size):
    root = rng.normal(size=(size, size))
    return root @ root.T + 0.1 * np.eye(size)


def test_the_filter_gives_the_posterior_of_one_linear_solve_over_the_whole_trajectory():
    rng = np.random.default_rng(0)
    steps, size, seen = 9, 4, 2
    transition, observation = rng.normal(size=(size, size)) / 2, rng.normal(size=(seen, size))
    start, process, noise = positive(rng, size), positive(rng, size), positive(rng, seen)
    mean, measures = rng.normal(size=(3, size)), rng.normal(size=(steps, 3, seen))
    hidden = 4  # no measure in that frame
    # log p(x₀, …, x_T | z) is quadratic: its matrix and its linear term, block by block.
    precision, linear = np.zeros((steps, size, steps, size)), np.zeros((3, steps, size))
    precision[0, :, 0] += np.linalg.inv(start)
    linear[:, 0] += mean @ np.linalg.inv(start)
    step = np.concatenate([-transition, np.eye(size)], 1)  # x(t + 1) - F x(t) ~ N(0, Q)
    for t in range(steps - 1):
        block = (step.T @ np.linalg.inv(process) @ step).reshape(2, size, 2, size)
        precision[t : t + 2, :, t : t + 2] += block
    for t in set(range(steps)) - {hidden}:
        precision[t, :, t] += observation.T @ np.linalg.inv(noise) @ observation
        linear[:, t] += measures[t] @ np.linalg.inv(noise) @ observation
    covariance = np.linalg.inv(precision.reshape(steps * size, -1))
    expected = (linear.reshape(3, -1) @ covariance).reshape(3, steps, size)[:, -1]

    got, spread = mean, np.tile(start, (3, 1, 1))
    for t in range(steps):
        if t:
            got, spread = tracking.kalman_predict(got, spread, transition, process)
        if t != hidden:
            got, spread = tracking.kalman_update(got, spread, measures[t], observation, noise)
    assert got == pytest.approx(expected, abs=1e-9)
    assert spread == pytest.approx(np.tile(covariance[-size:, -size:], (3, 1, 1)), abs=1e-9)


def test_on_a_state_that_does_not_move_the_filter_is_recursive_least_squares():
    rng = np.random.default_rng(1)
    design, target = rng.normal(size=(20, 3)), rng.normal(size=20)
    mean, covariance = np.zeros((1, 3)), 5 * np.eye(3)[None]
    for row, value in zip(design, target):
        mean, covariance = tracking.kalman_update(mean, covariance, [[value]], row[None], np.eye(1))
    ridge = np.linalg.solve(design.T @ design + np.eye(3) / 5, design.T @ target)
    assert mean[0] == pytest.approx(ridge)


def test_with_constant_velocity_a_thing_goes_on_in_a_straight_line():
    mean, covariance = np.array([[1.0, 10, 3, -2, 0.5]]), np.zeros((1, 5, 5))
    for _ in range(4):
        mean, covariance = tracking.kalman_predict(mean, covariance, tracking.constant_velocity(3, 2), np.zeros((5, 5)))
    assert mean.tolist() == [[-7, 12, 3, -2, 0.5]]


@pytest.mark.parametrize("motion", [tracking.AreaMotion(), tracking.HeightMotion()])
def test_a_box_survives_the_way_to_the_state_and_back_and_the_velocity_is_unknown(motion):
    given = np.array([[10.0, 20, 50, 120], [0, 0, 3, 1]])
    mean, covariance = motion.start(motion.measure(given))
    assert motion.boxes(mean) == pytest.approx(given)
    assert (mean[:, 4:] == 0).all()
    assert (np.linalg.eigvalsh(covariance) > 0).all()
    assert (covariance[:, 4, 4] > covariance[:, 0, 0] / 10).all()


@pytest.mark.parametrize("motion", [tracking.AreaMotion(), tracking.HeightMotion()])
def test_the_filter_finds_the_speed_of_a_walker_from_boxes_alone(motion):
    walk = [np.array([[3.0 * t, 50 - t, 3.0 * t + 40, 150 - t]]) for t in range(25)]
    mean, covariance = motion.start(motion.measure(walk[0]))
    for box in walk[1:]:
        mean, covariance = tracking.kalman_predict(mean, covariance, motion.transition, motion.process_noise(mean))
        noise = motion.measure_noise(mean)
        mean, covariance = tracking.kalman_update(mean, covariance, motion.measure(box), motion.observation, noise)
    assert mean[0, 4:6] == pytest.approx([3, -1], abs=0.05)
    assert motion.boxes(mean) == pytest.approx(walk[-1], abs=0.5)


# ── Assignment ──


@pytest.mark.parametrize("seed", range(5))
def test_the_assignment_is_the_best_of_all_of_them(seed):
    similarity = np.random.default_rng(seed).random((4, 5))
    rows, columns = tracking.assign(similarity, 0.0)
    best = max(sum(similarity[i, j] for i, j in enumerate(ranks)) for ranks in itertools.permutations(range(5), 4))
    assert similarity[rows, columns].sum() == pytest.approx(best)


def test_a_pair_that_is_not_alike_enough_is_not_one():
    rows, columns = tracking.assign(np.array([[0.9, 0.1], [0.1, 0.2]]), 0.3)
    assert rows.tolist() == columns.tolist() == [0]


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
def test_nothing_goes_with_nothing(shape):
    assert [len(ranks) for ranks in tracking.assign(np.zeros(shape), 0.3)] == [0, 0]


# ── SORT ──


def test_an_object_keeps_its_identity_through_as_many_misses_as_max_age():
    walk = [[[*square(5 * t, 100), 0.9]] for t in range(20)]
    for misses, same in ((3, True), (4, False)):
        frames = walk[:10] + [[]] * misses + walk[10 + misses :]
        tracks = run(tracking.Sort(max_age=3, min_hits=1), frames)
        before, after = follow(tracks[9], 5 * 9 + 20, 120), follow(tracks[-1], 5 * 19 + 20, 120)
        assert (before == after) is same and after is not None
        assert all(len(rows) == 0 for rows in tracks[10 : 10 + misses])


def test_the_prediction_follows_a_hidden_object_where_its_last_box_would_not():
    tracker = tracking.Sort(max_age=10)
    for t in range(12):
        tracker.update([[*square(12 * t, 0), 0.9]])
    for _ in range(8):
        tracker.update(NONE)
    truth, last = np.array([square(12 * 19, 0)]), np.array([square(12 * 11, 0)])
    assert boxes.iou(tracker.boxes(), truth)[0, 0] > 0.8
    assert boxes.iou(last, truth)[0, 0] == 0


def test_a_track_is_shown_after_min_hits_matches_and_at_once_in_the_first_frames():
    here, ghost = [*square(0, 0), 0.9], [*square(200, 0), 0.9]
    frames = [[here]] * 5 + [[here, ghost]] + [[here]] * 2 + [[here, ghost]] * 5
    shown = [len(rows) for rows in run(tracking.Sort(min_hits=3), frames)]
    assert shown == [1] * 11 + [2] * 2  # the ghost of one frame is never shown, the one who stays is at its fourth


def test_a_sure_track_is_shown_again_as_soon_as_it_is_seen_again():
    frames = [[[*square(0, 0), 0.9]]] * 6 + [[]] + [[[*square(0, 0), 0.9]]] * 2
    assert [len(rows) for rows in run(tracking.Sort(), frames)] == [1] * 6 + [0, 1, 1]


def test_two_objects_that_cross_keep_their_identities():
    frames = [[[*square(4 * t, 0), 0.9], [*square(200 - 4 * t, 25), 0.9]] for t in range(50)]
    tracks = run(tracking.Sort(), frames)
    assert follow(tracks[2], 28, 20) == follow(tracks[49], 4 * 49 + 20, 20)
    assert follow(tracks[2], 212, 45) == follow(tracks[49], 200 - 4 * 49 + 20, 45)


def test_an_identity_is_never_given_twice():
    frames = [[[*square(100 * (t % 7), 0), 0.9]] for t in range(40)]
    seen = np.concatenate(run(tracking.Sort(max_age=0, min_hits=0), frames))
    assert len(np.unique(seen[:, 4])) == 40
    assert seen[0, 4] == 1 and seen.dtype == np.float32


def test_an_object_that_shrinks_before_it_hides_never_becomes_an_impossible_box():
    for tracker in (tracking.Sort(max_age=200), tracking.ByteTrack(max_age=200)):
        for t in range(10):
            tracker.update([[*square(0, 0, 100 - 9.5 * t), 0.9]])
        for _ in range(150):
            tracker.update(NONE)
        assert len(boxes.require(tracker.boxes())) >= 1


# ── ByteTrack ──


def passing_behind():
    """A walker whose score falls while it passes behind a post, from frame 10 to frame 19."""
    return [[[*square(4 * t, 0), 0.25 if 10 <= t < 20 else 0.9]] for t in range(30)]


def test_bytetrack_follows_an_object_of_low_score_where_thresholded_detections_lose_it():
    frames = passing_behind()
    byte = run(tracking.ByteTrack(), frames)
    assert {follow(rows, 4 * t + 20, 20) for t, rows in enumerate(byte)} == {1}
    sure_only = [[box for box in frame if box[4] >= 0.6] for frame in frames]
    sort = run(tracking.Sort(), sure_only)
    assert follow(sort[-1], 4 * 29 + 20, 20) != follow(sort[5], 40, 20)


def test_a_low_score_alone_starts_nothing_and_a_middling_one_neither():
    for score in (0.3, 0.65):
        tracks = run(tracking.ByteTrack(), [[[*square(0, 0), score]]] * 10)
        assert sum(map(len, tracks)) == 0


def test_a_high_score_of_a_single_frame_is_not_a_track():
    ghost = [*square(300, 0), 0.95]
    frames = [[[*square(0, 0), 0.9]]] * 4 + [[[*square(0, 0), 0.9], ghost]] + [[[*square(0, 0), 0.9]]] * 4
    assert [len(rows) for rows in run(tracking.ByteTrack(), frames)] == [1] * 9


def test_a_lost_track_is_found_again_for_thirty_frames_by_a_high_score_only():
    walk = [[[*square(0, 0), 0.9]]] * 5
    for hidden, score, identity in ((30, 0.9, 1), (31, 0.9, 2), (5, 0.3, None)):
        frames = walk + [[]] * hidden + [[[*square(0, 0), score]]] * 3
        assert follow(run(tracking.ByteTrack(), frames)[-1], 20, 20) == identity


# ── DeepSORT ──


def test_appearance_keeps_apart_two_walkers_who_turn_back_behind_a_post():
    forward = list(range(0, 22, 2))
    path = forward + [None] * 5 + forward[::-1]  # each meets the other, hides, and goes back
    red, blue = [1.0, 0.1], [0.1, 1.0]
    deep, sort = tracking.DeepSort(), tracking.Sort(max_age=30)
    named, crossed = [], []
    for x in path:
        frame = [] if x is None else [[*square(x, 0), 0.9], [*square(60 - x, 0), 0.9]]
        named.append(deep.update(frame, [red, blue][: len(frame)]))
        crossed.append(sort.update(frame))
    for tracks, ends in ((named, (1, 2)), (crossed, (2, 1))):  # motion alone thinks that they crossed
        assert (follow(tracks[5], 30, 20), follow(tracks[5], 70, 20)) == (1, 2)
        assert (follow(tracks[-1], 20, 20), follow(tracks[-1], 80, 20)) == ends


def test_the_same_look_too_far_away_is_somebody_else():
    tracker = tracking.DeepSort()
    for _ in range(6):
        tracker.update([[*square(0, 0), 0.9]], [[1.0, 0.0]])
    for _ in range(4):
        rows = tracker.update([[*square(500, 500), 0.9]], [[1.0, 0.0]])
    assert rows[:, 4].tolist() == [2]


def test_the_nearest_of_the_last_features_decides_and_older_ones_are_forgotten():
    tracker = tracking.DeepSort(gallery=2)
    views = np.eye(4)
    for feature in (views[0], views[0], views[0], views[1], views[2]):
        tracker.update([[*square(0, 0), 0.9]], [feature])
    (kept,) = tracker.features.values()
    assert kept.tolist() == views[1:3].tolist()
    assert tracker._likeness(np.array([0]), np.array([[0.6, 0.8, 0, 0], [0, 0, 0, 1]])).tolist() == [[0.8, 0]]


def test_the_gate_is_the_mahalanobis_distance_of_scipy():
    distance = pytest.importorskip("scipy.spatial.distance")
    tracker = tracking.DeepSort()
    for t in range(5):
        tracker.update([[*square(5 * t, 0), 0.9], [*square(0, 90, 60), 0.9]], np.eye(2))
    motion, given = tracker.motion, np.array([square(30, 2), square(1, 88, 62)])
    expected = np.empty((2, 2))
    for n, k in np.ndindex(2, 2):
        spread = tracker.covariance[n][:4, :4] + motion.measure_noise(tracker.mean)[n]
        expected[n, k] = distance.mahalanobis(tracker.mean[n, :4], motion.measure(given)[k], np.linalg.inv(spread)) ** 2
    assert tracker._mahalanobis(given) == pytest.approx(expected)


# ── On a long stream ──


@pytest.mark.parametrize("make", [lambda: tracking.Sort(max_age=5), tracking.ByteTrack], ids=["SORT", "ByteTrack"])
def test_thirty_walkers_are_followed_through_a_thousand_frames(stream, make):
    truth, detections = stream
    tracker = make()
    scores = tracking.evaluate(truth, [tracker.update(frame) for frame in detections])
    assert scores["MOTA"] >= 0.85 and scores["IDF1"] >= 0.79 and scores["HOTA"] >= 0.74, scores


def test_each_frame_a_track_may_go_unseen_saves_identities(stream):
    truth, detections = stream[0][:300], stream[1][:300]
    counts = []
    for max_age in (0, 1, 5):
        tracker = tracking.Sort(max_age=max_age)
        tracks = [tracker.update(frame) for frame in detections]
        counts.append(tracking.evaluate(truth, tracks)["IDSW"])
        assert len(tracking.switches(truth, tracks)) == counts[-1]
    assert counts[0] > 3 * counts[1] > 3 * counts[2]


# ── Measures, against cases whose value is known ──


def still(identities, x=0):
    return [np.array([[*square(x, 0), identity]]) for identity in identities]


def test_perfect_tracks_get_one_everywhere_whatever_the_names():
    truth = [np.concatenate(rows) for rows in zip(still([1] * 8), still([2] * 8, 100))]
    tracks = [np.concatenate(rows) for rows in zip(still([77] * 8), still([5] * 8, 100))]
    scores = tracking.evaluate(truth, tracks)
    assert [scores[name] for name in ("MOTA", "MOTP", "IDF1", "HOTA", "DetA", "AssA")] == [1.0] * 6
    assert [scores[name] for name in ("IDSW", "FP", "FN", "Frag", "ML")] == [0] * 5 and scores["MT"] == 2


def test_one_object_that_changes_name_halfway_has_known_scores_and_one_switch():
    truth, tracks = still([1] * 10), still([4] * 5 + [9] * 5)
    scores = tracking.evaluate(truth, tracks)
    assert scores["MOTA"] == pytest.approx(1 - 1 / 10)
    assert scores["IDF1"] == pytest.approx(0.5)  # the best name is right five times in ten
    assert scores["HOTA"] == pytest.approx(np.sqrt(1 * 0.5))  # Luiten et al. 2021: √(DetA · AssA)
    assert tracking.switches(truth, tracks) == [tracking.Switch(5, 1, 4, 9)]


def test_a_pair_is_kept_while_its_overlap_allows_even_when_another_track_fits_better():
    truth = still([1] * 3)
    near, far = [*square(8, 0), 7], [*square(30, 0), 7]  # IoU of 0.67 and of 0.14 with the object
    tracks = [np.array(rows) for rows in ([[*square(0, 0), 7]], [near, [*square(0, 0), 8]], [far, [*square(0, 0), 8]])]
    assert tracking.matches(truth, tracks) == [{1: 7}, {1: 7}, {1: 8}]
    assert tracking.matches(truth[:2], [NONE, tracks[0]]) == [{}, {1: 7}]
    assert tracking.evaluate(truth, tracks)["IDSW"] == len(tracking.switches(truth, tracks)) == 1


def test_misses_and_false_tracks_are_counted():
    truth = still([1] * 10)
    tracks = [rows if t % 5 else NONE for t, rows in enumerate(still([1] * 10))]
    tracks[3] = np.concatenate([tracks[3], [[*square(500, 0), 8]]])
    scores = tracking.evaluate(truth, tracks)
    assert (scores["FN"], scores["FP"], scores["IDSW"]) == (2, 1, 0)
    assert scores["MOTA"] == pytest.approx(1 - 3 / 10)
    assert scores["IDF1"] == pytest.approx(2 * 8 / (10 + 9))


def test_tracks_without_any_box_score_zero():
    scores = tracking.evaluate(still([1] * 3), [NONE] * 3)
    assert (scores["MOTA"], scores["IDF1"], scores["HOTA"], scores["FN"]) == (0, 0, 0, 3)


# ── Whatever is given ──

TRACKERS = {
    "SORT": (tracking.Sort, lambda tracker, frame: tracker.update(frame)),
    "ByteTrack": (tracking.ByteTrack, lambda tracker, frame: tracker.update(frame)),
    "DeepSORT": (tracking.DeepSort, lambda tracker, frame: tracker.update(frame, np.ones((len(frame), 3)))),
}
each_tracker = pytest.mark.parametrize("make, update", TRACKERS.values(), ids=TRACKERS)


@each_tracker
@pytest.mark.parametrize("empty", [[], NONE, np.empty(0), np.empty((0, 5), "float32")], ids=range(4))
def test_a_frame_without_detections_is_an_empty_array(make, update, empty):
    tracker = make()
    for frame in (empty, [[*square(0, 0), 0.9]], empty, empty):
        rows = update(tracker, frame)
    assert rows.shape == (0, 5) and rows.dtype == np.float32


@each_tracker
def test_five_hundred_objects_are_followed(make, update):
    rng = np.random.default_rng(0)
    corners = 60.0 * np.stack(np.divmod(np.arange(500), 25), 1)
    tracker = make()
    for t in range(3):
        frame = np.column_stack([corners + 3 * t, corners + 3 * t + 50, np.full(500, 0.9)])
        rows = update(tracker, frame[rng.permutation(500)])
    assert sorted(rows[:, 4]) == list(range(1, 501))


@each_tracker
@pytest.mark.parametrize(
    "frame, words",
    [
        ([[0, 0, np.nan, 9, 0.9]], "pas finie"),
        ([[0, 0, 9, 9, np.nan]], "score"),
        ([[0, 0, 9, 9, 90]], "score"),
        ([[9, 0, 0, 9, 0.9]], "inversée"),
        ([[0, 0, 9, 9]], r"\(K, 5\)"),
        ([0, 0, 9, 9, 0.9], r"\(K, 5\)"),
    ],
)
def test_a_wrong_frame_is_refused_in_words_and_the_tracker_goes_on(make, update, frame, words):
    tracker = make()
    good = [[*square(0, 0), 0.9]]
    update(tracker, good)
    with pytest.raises(ValueError, match=words):
        update(tracker, frame)
    assert update(tracker, good)[0, 4] == 1 and tracker.frame == 2


@pytest.mark.parametrize("features", [np.ones((2, 3)), np.ones(3), [[0.0, 0, 0]], [[np.nan, 1, 1]], []])
def test_a_wrong_feature_is_refused(features):
    with pytest.raises(ValueError, match="descripteur"):
        tracking.DeepSort().update([[*square(0, 0), 0.9]], features)


def test_features_do_not_change_size_on_the_way():
    tracker = tracking.DeepSort()
    tracker.update([[*square(0, 0), 0.9]], np.ones((1, 3)))
    with pytest.raises(ValueError, match="3 nombres depuis"):
        tracker.update([[*square(0, 0), 0.9]], np.ones((1, 4)))


@pytest.mark.parametrize(
    "make, options",
    [
        (tracking.Sort, {"max_age": -1}),
        (tracking.Sort, {"iou_threshold": 1.5}),
        (tracking.ByteTrack, {"track_threshold": float("nan")}),
        (tracking.ByteTrack, {"low_threshold": -0.1}),
        (tracking.DeepSort, {"gallery": 0}),
        (tracking.DeepSort, {"max_distance": 3}),
    ],
)
def test_a_parameter_out_of_its_range_is_named(make, options):
    with pytest.raises(ValueError, match=next(iter(options))):
        make(**options)


@pytest.mark.parametrize(
    "truth, tracks, words",
    [
        (still([1, 1]), still([1]), "autant d'images"),
        ([NONE], still([1]), "aucune boîte"),
        ([], [], "aucune boîte"),
        (still([1]), [np.zeros((2, 4))], r"\(K, 5\)"),
        (still([1]), [np.array([[0, 0, 9, 9, np.nan]])], "identité"),
        (still([1]), [np.repeat(still([3])[0], 2, axis=0)], "une seule fois"),
        (still([1]), [np.array([[9, 0, 0, 9, 1]])], "inversée"),
    ],
)
@pytest.mark.parametrize("measure", [tracking.evaluate, tracking.switches])
def test_what_cannot_be_judged_is_refused_in_words(measure, truth, tracks, words):
    with pytest.raises(ValueError, match=words):
        measure(truth, tracks)


# ── Crossing a line ──

UPWARDS = ((100, 300), (100, 0))  # a vertical line at x = 100, drawn from the bottom to the top


def walk(places, identity=1.0):
    """Somebody whose feet are at (x, 200), for x in places; None: not there."""
    return [NONE if x is None else np.array([[x - 10, 150, x + 10, 200, identity]]) for x in places]


def test_each_passage_is_counted_in_its_direction_and_the_one_who_turns_back_twice():
    tracks = walk([80, 90, 110, 130, 120, 95, 70])
    assert tracking.crossings(tracks, *UPWARDS) == [(2, 1, True), (5, 1, False)]
    assert [c.rightwards for c in tracking.crossings(tracks, *UPWARDS[::-1])] == [False, True]


def test_a_passage_out_of_sight_counts_when_the_identity_is_kept_and_not_otherwise():
    assert len(tracking.crossings(walk([80, 90, None, None, 115]), *UPWARDS)) == 1
    assert tracking.crossings(walk([80, 90, None]) + walk([115, 120], 2.0), *UPWARDS) == []


def test_to_touch_the_line_and_go_back_is_not_to_cross_it_and_to_stop_on_it_counts_once():
    assert tracking.crossings(walk([90, 100, 90, 100, 95]), *UPWARDS) == []
    assert tracking.crossings(walk([90, 100, 100, 104, 108]), *UPWARDS) == [(3, 1, True)]
    assert tracking.crossings(walk([100, 104]), *UPWARDS) == []


def test_the_feet_cross_an_oblique_line_where_the_centre_does_not():
    tracks = [np.array([[0, y - 50, 20, y, 1.0]]) for y in (90, 105)]  # the feet at (10, y), the centre 25 higher
    assert len(tracking.crossings(tracks, (0, 90), (100, 190))) == 1


def test_walkers_of_the_crowd_cross_once_or_not_at_all_and_the_way_they_go():
    truth = scenes.crowd(400, 20, seed=3)
    first, last = {}, {}
    for rows in truth:
        for x1, _, x2, _, identity in rows:
            first.setdefault(int(identity), (x1 + x2) / 2 > 960)
            last[int(identity)] = (x1 + x2) / 2 > 960
    expected = {identity: last[identity] for identity in last if last[identity] != first[identity]}
    found = tracking.crossings(truth, (960, 1080), (960, 0))
    assert {c.identity: c.rightwards for c in found} == expected and len(found) == len(expected) > 10


@pytest.mark.parametrize("points", [((1, 1), (1, 1)), ((0, 0), (np.nan, 1)), ((0, 0, 0), (1, 1, 1))])
def test_two_points_make_a_line(points):
    with pytest.raises(ValueError, match="deux points"):
        tracking.crossings(walk([1, 2]), *points)
