"""labs.plots: what is displayed is one image, described, and the data it shows is what was given."""

import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image as Picture

from labs import plots


@pytest.fixture
def displayed(monkeypatch):
    import IPython.display

    seen = []
    monkeypatch.setattr(IPython.display, "display", lambda *objects, **options: seen.extend(objects))
    return seen


def test_a_figure_is_published_once_described_and_closed(displayed):
    figure, axis = plt.subplots()
    axis.plot([1, 2])
    plots.publish(figure, "une droite")
    assert len(displayed) == 1 and displayed[0].alt == "une droite"
    assert not plt.fignum_exists(figure.number)


def test_a_figure_without_description_is_refused():
    with pytest.raises(ValueError, match="alt="):
        plots.publish(plt.figure(), " ")
    plt.close("all")


def test_the_same_figure_gives_the_same_bytes(displayed):
    for _ in range(2):
        plots.curves({"a": [3, 2, 1]}, title="t", xlabel="x", ylabel="y", alt="une courbe qui descend")
    assert displayed[0].data == displayed[1].data


def test_show_refuses_an_empty_list():
    with pytest.raises(ValueError, match="Aucune image"):
        plots.show([])


@pytest.mark.parametrize("images", [{"a": np.zeros((4, 4)), "b": np.ones((4, 4, 3))}, np.zeros((7, 4, 4, 1), "uint8")])
def test_show_takes_dictionaries_and_arrays(displayed, images):
    plots.show(images)
    assert len(displayed) == 1


def test_an_animation_is_a_looping_gif_with_every_frame(displayed):
    figure, axis = plt.subplots(figsize=(2, 2))
    (line,) = axis.plot([0, 1], [0, 1])
    plots.animate(figure, lambda frame: line.set_ydata([0, frame]), 5, "une droite qui se lève")
    picture = Picture.open(io.BytesIO(displayed[0].data))
    assert picture.format == "GIF" and picture.n_frames == 5 and picture.info["loop"] == 0


def test_explore_draws_the_static_values_when_nobody_can_move_a_slider():
    drawn = []
    plots.explore(lambda a: drawn.append(a), static=[{"a": 1}, {"a": 2}], a=(0, 3, 1))
    assert drawn == [1, 2]


def test_a_table_is_aligned(capsys):
    plots.table([["a", 1], ["bbb", 22]], header=["nom", "n"])
    assert capsys.readouterr().out.splitlines() == ["nom   n", "───  ──", "a     1", "bbb  22"]


def test_show_refuses_titles_that_do_not_match():
    with pytest.raises(ValueError, match="1 titres pour 2 images"):
        plots.show(np.zeros((2, 4, 4)), titles=["seul"])


def test_a_descent_draws_each_path_up_to_the_step_asked():
    paths = {"court": np.array([[2.0, 1.0], [1.0, 0.0]]), "long": np.array([[2.0, 1.0], [1.0, 1.0], [0.5, 0.5]])}
    height = lambda w: (w**2).sum(axis=1)  # noqa: E731
    figure, draw = plots.descent(height, paths, title="t", extent=(3, 3))
    draw(2)
    plane, heights = figure.axes
    trails = [line.get_xydata() for line in plane.lines if len(line.get_xydata()) > 1]
    for trail, curve, path in zip(trails, heights.lines, paths.values()):
        np.testing.assert_array_equal(trail, path)
        np.testing.assert_array_equal(curve.get_ydata(), height(path))
    draw(0)
    assert all(len(line.get_xydata()) == 1 for line in heights.lines)
    plt.close(figure)


def test_range_tests_ring_the_suggestion_of_each_test(monkeypatch):
    from types import SimpleNamespace

    figures = []
    monkeypatch.setattr(plots, "publish", lambda figure, alt: figures.append(figure))
    test = SimpleNamespace(
        learning_rates=np.array([0.1, 1.0, 10.0]), smoothed=np.array([3.0, 1.0, 5.0]), suggestion=1.0
    )
    plots.range_tests({"SGD": test}, title="t", alt="une courbe")
    curve, ring = figures[0].axes[0].lines
    np.testing.assert_array_equal(curve.get_xydata(), [[0.1, 3], [1, 1], [10, 5]])
    assert ring.get_xydata().tolist() == [[1.0, 1.0]]
    plt.close("all")


@pytest.fixture
def published(monkeypatch):
    figures = []
    monkeypatch.setattr(plots, "publish", lambda figure, alt: figures.append(figure))
    yield figures
    plt.close("all")


def test_spectra_draw_each_value_and_none_below_the_floor(published):
    plots.spectra({"a": np.array([2.0, 1.0, 0.0])}, title="t", alt="un spectre", low=1e-6)
    axis = published[0].axes[0]
    np.testing.assert_allclose(axis.lines[0].get_xydata(), [[0, 2], [50, 1], [100, 1e-6]])
    assert axis.get_yscale() == "log"


def test_reliability_leaves_out_the_bins_that_hold_almost_nothing(published):
    from labs import numpy_nn

    measured = numpy_nn.Calibration(
        np.array([0.3, 0.6, 0.9]), np.array([1.0, 0.5, 0.8]), np.array([0.001, 0.3, 0.7]), 0
    )
    plots.reliability({"a": measured}, title="t", alt="une courbe")
    diagonal, curve = published[0].axes[0].lines
    np.testing.assert_array_equal(curve.get_xydata(), [[0.6, 0.5], [0.9, 0.8]])


def test_opinions_draw_the_mean_of_the_passes_and_their_deciles(published):
    passes = np.random.default_rng(0).uniform(size=(50, 3))
    answers = {"une": np.array([0.2, 0.3, 0.5]), "cinquante": passes}
    plots.opinions(np.zeros((4, 4)), answers, ("a", "b", "c"), title="t", alt="des barres")
    axis = published[0].axes[1]
    heights = [[bar.get_height() for bar in bars] for bars in axis.containers]
    np.testing.assert_allclose(heights, [answers["une"], passes.mean(axis=0)])
    ends = [segment[:, 1] for segment in axis.collections[-1].get_segments()]
    np.testing.assert_allclose(ends, np.quantile(passes, (0.1, 0.9), axis=0).T)


def test_an_architecture_draws_one_box_a_block_and_the_share_of_each(published):
    from labs.zoo import Block

    blocks = [Block("C1", (8, 8, 4), 30, 3000), Block("stage2-1", (4, 4, 16), 60, 1000), Block("output", (10,), 10, 0)]
    plots.architecture(blocks, title="t", alt="trois blocs")
    boxes, bars = published[0].axes
    assert len(boxes.patches) == 3 * len(blocks)  # a front, a top and a flank each
    heights = [[bar.get_height() for bar in group] for group in bars.containers]
    np.testing.assert_allclose(heights, [[30, 60, 10], [75, 25, 0]])
    written = {text.get_text() for text in boxes.texts}
    assert {"C1", "étage 2-1", "sortie", "4×4×16", "10", "3,0\u00a0k"} <= written


def test_the_boxes_of_an_architecture_grow_with_the_side_and_the_number_of_the_maps(published):
    from labs.zoo import Block

    blocks = [Block("a", (32, 32, 4), 1, 1), Block("b", (8, 8, 4), 1, 1), Block("c", (8, 8, 64), 1, 1)]
    plots.architecture(blocks, title="t", alt="trois blocs")
    fronts = [np.ptp(patch.get_xy(), axis=0) for patch in published[0].axes[0].patches[::3]]
    (wide, high), (same, low), (wider, again) = fronts
    assert high > low == pytest.approx(again) and wide == pytest.approx(same) and wider > same


def test_twenty_blocks_have_captions_narrow_enough(published):
    from labs.zoo import Block

    plots.architecture([Block(f"stage1-{i}", (112, 112, 128), 10**i, 1) for i in range(20)], title="t", alt="blocs")
    figure = published[0]
    figure.draw_without_rendering()
    texts = [text for text in figure.axes[0].texts if text.get_text() == "112×\n112×\n128"]
    spans = [text.get_window_extent() for text in texts]
    assert len(spans) == 20 and all(left.x1 < right.x0 for left, right in zip(spans, spans[1:]))


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1516, "1,5 k"),
        (48120, "48 k"),
        (102764544, "103 M"),
        (999_600, "1,0 M"),
        (15.47e9, "15 G"),
    ],
)
def test_a_number_is_shortened_to_two_or_three_figures(number, text):
    assert plots._short(number) == text.replace(" ", "\u00a0")


def test_a_share_is_written_as_french_writes_it():
    assert plots.percent(0.79449) == "79,4\u00a0%" and plots.percent(0.5, 0) == "50\u00a0%"


def test_filters_are_pictures_where_a_weight_of_zero_is_grey():
    kernel = np.random.default_rng(0).normal(size=(3, 3, 2, 4))
    kernel[..., 3] = 0
    first, *others = plots.filters(kernel)
    assert len(others) == 3 and first.shape == (3, 3, 2) and np.all(others[-1] == 0.5)
    assert np.abs(first - 0.5).max() == 0.5
    np.testing.assert_allclose((first - 0.5) * 2 * np.abs(kernel[..., 0]).max(), kernel[..., 0])


def test_what_is_not_a_list_of_blocks_is_refused(published):
    with pytest.raises(TypeError, match="zoo.blocks"):
        plots.architecture("lenet5", title="t", alt="a")
    with pytest.raises(ValueError, match="Aucun bloc"):
        plots.architecture([], title="t", alt="a")


@pytest.mark.parametrize("scores", [(), (np.array([0.9, 0.25]),)])
def test_boxes_are_drawn_where_they_are_and_named(monkeypatch, scores):
    seen = {}
    monkeypatch.setattr(plots, "publish", lambda figure, alt: seen.update(figure=figure, alt=alt))
    places = np.array([[2, 3, 12, 23], [20, 5, 30, 9]], "float32")
    plots.boxes(np.zeros((1, 40, 40, 3), "uint8"), [(places, *scores, np.array([1, -1]))], ("robe", "sac"))
    (axis,) = seen["figure"].axes
    drawn = [(*patch.get_xy(), patch.get_width(), patch.get_height()) for patch in axis.patches[::2]]
    assert drawn == [(2, 3, 10, 20), (20, 5, 10, 4)] and axis.patches[2].get_linestyle() == "--"
    expected = ["sac 0,90", "vérité 0,25"] if scores else ["sac", "vérité"]
    assert [text.get_text() for text in axis.texts] == expected and "2 boîtes" in seen["alt"]
    plt.close("all")


def test_boxes_refuse_another_number_of_images():
    with pytest.raises(ValueError, match="une liste par image"):
        plots.boxes(np.zeros((2, 8, 8, 3)), [], ())


def square_track(places, identity, side=20):
    return [np.array([[x, 30, x + side, 30 + side, identity]], "float32") for x in places]


def test_tracks_are_drawn_on_copies_each_identity_in_its_colour():
    frames = np.zeros((3, 80, 120, 3), "uint8")
    tracks = [np.concatenate(rows) for rows in zip(square_track((5, 9, 13), 1), square_track((70, 70, 70), 2))]
    drawn = plots.draw_tracks(frames, tracks, line=((60, 80), (60, 0)))
    assert not frames.any() and drawn.shape == frames.shape
    first, second = drawn[0, 50, 15], drawn[0, 50, 80]  # the lower sides of the two boxes
    assert first.any() and second.any() and (first != second).any()
    assert (drawn[:, 5, 60] == 255).all()  # the line
    assert (drawn[2, 50, 19] == first).all()  # where the feet of the first one were two frames before
    with pytest.raises(ValueError, match="une liste par image"):
        plots.draw_tracks(frames, tracks[:2])


def test_objects_that_touch_are_drawn_in_different_colours_and_the_rest_is_the_image():
    image = np.full((30, 40), 0.2, "float32")
    instances = np.zeros((30, 40), "int32")
    for rank in range(16):  # a mosaic, as crowded as can be
        row, column = divmod(rank, 4)
        instances[2 + 6 * row : 8 + 6 * row, 4 + 8 * column : 12 + 8 * column] = 3 * rank + 5
    drawn = plots.draw_instances(image, instances)
    assert drawn.shape == (30, 40, 3) and (drawn[instances == 0] == 51).all()
    hearts = drawn[5:28:6, 8:37:8]
    assert (hearts[1:] != hearts[:-1]).any(axis=-1).all() and (hearts[:, 1:] != hearts[:, :-1]).any(axis=-1).all()
    assert (hearts[1:, 1:] != hearts[:-1, :-1]).any(axis=-1).all()
    assert (drawn[2, 8] != drawn[5, 8]).any()  # an outline


def test_an_image_without_objects_is_drawn_as_it_is():
    image = np.random.default_rng(0).integers(0, 256, (6, 7, 3), "uint8")
    np.testing.assert_array_equal(plots.draw_instances(image, np.zeros((6, 7), int)), image)


def test_objects_of_another_size_than_their_image_are_not_drawn():
    with pytest.raises(ValueError, match=r"\(6, 7\) et ses objets \(7, 6\)"):
        plots.draw_instances(np.zeros((6, 7)), np.zeros((7, 6), int))


def test_a_video_is_played_inside_the_notebook_and_says_in_words_what_it_shows(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data))
    plots.play(np.zeros((2, 16, 16, 3), "uint8"), 'un carré noir, "vide"')
    (data,) = shown
    assert "data:video/mp4;base64," in data["text/html"]
    assert 'aria-label="un carré noir, &quot;vide&quot;"' in data["text/html"]
    assert "un carré noir" in data["text/plain"]
    with pytest.raises(ValueError, match="alt="):
        plots.play(np.zeros((2, 16, 16, 3), "uint8"), " ")


def test_a_ribbon_is_cut_where_the_identity_changes(monkeypatch):
    seen = {}
    monkeypatch.setattr(plots, "publish", lambda figure, alt: seen.update(figure=figure))
    nobody = [np.empty((0, 5))]
    truth = square_track([40] * 8, 3)
    plots.ribbons(truth, square_track([40] * 3, 1) + nobody + square_track([40] * 4, 2), title="t", alt="a")
    (axis,) = seen["figure"].axes
    bars = [(bar.get_x() + 0.5, bar.get_width()) for bar in axis.patches]
    assert bars == [(0, 3), (3, 1), (4, 4)]
    assert [text.get_text() for text in axis.texts] == ["1", "2"]
    assert axis.texts[0].get_bbox_patch() is None and axis.texts[1].get_bbox_patch() is not None
    plt.close("all")


def test_shares_are_drawn_with_the_interval_of_clopper_and_pearson(published):
    plots.shares({"a": {1: 0, 2: 5, 3: 10}}, total=10, title="t", xlabel="x", ylabel="y", alt="une courbe")
    (container,) = published[0].axes[0].containers
    assert container.lines[0].get_ydata().tolist() == [0, 50, 100]
    drawn = [segment[:, 1] for segment in container.lines[2][0].get_segments()]
    none = 100 * (1 - 0.025 ** (1 / 10))  # closed forms, when nothing or everything succeeds
    for got, expected in zip(drawn, ((0, none), (18.7, 81.3), (100 - none, 100))):
        assert got == pytest.approx(expected, abs=0.05)


def test_a_diagram_draws_each_box_once_and_an_arrow_a_link(displayed, monkeypatch):
    figures = []
    monkeypatch.setattr(plots, "publish", lambda figure, alt: figures.append(figure))
    nodes = {"entrée": (0, 0, "corps"), "milieu": (0, 1, "corps"), "sortie": (1, 1, "tête")}
    plots.diagram(nodes, [("entrée", "milieu"), ("milieu", "sortie", "÷ 2")], title="t", alt="trois boîtes")
    (axis,) = figures[0].axes
    assert sorted(text.get_text() for text in axis.texts if text.get_text()) == ["entrée", "milieu", "sortie", "÷ 2"]
    assert sum(getattr(text, "arrow_patch", None) is not None for text in axis.texts) == 2
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["corps", "tête"]
    plt.close("all")


def test_a_diagram_refuses_an_arrow_to_nowhere():
    with pytest.raises(ValueError, match="« sortie »|'sortie'"):
        plots.diagram({"entrée": (0, 0, "corps")}, [("entrée", "sortie")], title="t", alt="une boîte")
    with pytest.raises(ValueError, match="Aucune boîte"):
        plots.diagram({}, [], title="t", alt="rien")


def test_a_photograph_is_stored_as_jpeg_and_a_curve_as_png(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    rng = np.random.default_rng(0)
    blurred = np.cumsum(np.cumsum(rng.normal(size=(2, 300, 300, 3)), axis=1), axis=2)  # as smooth as a photograph
    photo = np.clip(blurred / np.abs(blurred).max() / 2 + 0.5 + rng.normal(0, 0.01, blurred.shape), 0, 1)
    plots.show({"a": photo[0], "b": photo[1]}, size=5)
    plots.curves({"coût": [3, 2, 1]}, title="t", xlabel="x", ylabel="y", alt="une courbe")
    kinds = [next(iter(image._repr_mimebundle_()[0])) for image in shown]
    assert kinds == ["image/jpeg", "image/png"]
    assert shown[0]._repr_mimebundle_()[1]["image/jpeg"]["alt"] == "a ; b"
    assert Picture.open(io.BytesIO(shown[0].data)).format == "JPEG" and len(shown[0].data) < 150_000
