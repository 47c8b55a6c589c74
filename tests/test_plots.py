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
