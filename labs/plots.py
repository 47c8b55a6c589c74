"""Every figure that the lessons share. Nothing here trains; each figure carries an alternative text."""

import io

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import ticker

# Okabe & Ito 2008: told apart by every kind of colour vision, and once printed in grey.
COLORS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442"]
MARKERS = "osD^vPX*"


def style():
    """Set sizes and colours that can be read from the back of a room."""
    plt.rcParams.update(
        {
            "figure.figsize": (9, 4.5),
            "figure.dpi": 80,
            "savefig.dpi": 80,
            "figure.constrained_layout.use": True,
            "font.size": 13,
            "axes.titlesize": 14,
            "axes.labelsize": 13,
            "legend.fontsize": 12,
            "xtick.labelsize": 12,
            "ytick.labelsize": 12,
            "lines.linewidth": 2.2,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "grid.alpha": 0.3,
            "axes.prop_cycle": plt.cycler(color=COLORS),
            "image.cmap": "gray",
            "image.interpolation": "nearest",
        }
    )


def publish(figure, alt):
    """Display `figure` once, with `alt` as its alternative text (French, one sentence), and close it."""
    from IPython.display import Image, display

    if not alt or not alt.strip():
        raise ValueError(
            'Une figure sans texte alternatif ne peut pas être lue par tous : donnez alt="ce qu\'on y voit".'
        )
    content = _smaller(_png(figure))
    display(Image(content, format="png" if content[1:4] == b"PNG" else "jpeg", alt=alt))


def animate(figure, draw, frames, alt, *, seconds=6.0, dpi=60):
    """Display a looping animation: `draw(frame)` changes the artists of `figure`, for frame in range(frames).

    A GIF, so that it plays in a stored notebook without any script.
    """
    from IPython.display import Image, display
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image as Picture

    canvas = FigureCanvasAgg(figure)
    figure.set_dpi(dpi)
    draw(0)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # the axes stay where they are: steady frames, drawn in half the time
    pictures = []
    for frame in range(frames):
        draw(frame)
        canvas.draw()
        pictures.append(Picture.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB"))
    plt.close(figure)
    palette = pictures[-1].quantize(64)
    pictures = [picture.quantize(palette=palette, dither=Picture.Dither.NONE) for picture in pictures]
    buffer = io.BytesIO()
    pictures[0].save(
        buffer,
        "GIF",
        save_all=True,
        append_images=pictures[1:],
        duration=1000 * seconds / frames,
        loop=0,
        optimize=True,
    )
    display(Image(buffer.getvalue(), format="gif", alt=alt))


def explore(draw, *, static, **sliders):
    """Sliders for the person in front of the notebook, and the same thing as static figures otherwise.

    Args:
        draw: function of the sliders' values, which displays something.
        static: list of dictionaries of values: what is drawn when nobody can move a slider.
        sliders: name=(smallest, largest, step) or a list of choices, as in `ipywidgets.interact`.
    """
    from labs import runtime

    if not runtime.interactive():
        for values in static:
            draw(**values)
        return
    import ipywidgets

    first = static[0]
    widgets = {name: _slider(name, choices, first[name]) for name, choices in sliders.items()}
    output = ipywidgets.interactive_output(draw, widgets)
    from IPython.display import display

    display(ipywidgets.VBox([*widgets.values(), output]))


def show(images, *, titles=None, columns=6, alt=None, title=None, size=2.0, vmin=0.0, vmax=None):
    """A grid of images, titled by `titles`, or by the keys when `images` is a dictionary.

    Args:
        images: dictionary title -> image, or sequence of images, each (H, W), (H, W, 1) or (H, W, 3),
            uint8 or float in [0, 1]; `vmin` and `vmax` say otherwise (vmax=None: 255 for uint8, 1 for float).
    """
    if isinstance(images, dict):
        titles, images = list(images), list(images.values())
    if not len(images):
        raise ValueError("Aucune image à montrer : donnez au moins une image, ou un dictionnaire titre → image.")
    if titles is not None and len(titles) != len(images):
        raise ValueError(f"{len(titles)} titres pour {len(images)} images : donnez un titre par image.")
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    lines = max((str(name).count("\n") + 1 for name in titles), default=0) if titles else 0
    figure, axes = plt.subplots(rows, columns, figsize=(columns * size, rows * (size + 0.3 * lines)), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for rank, (axis, image) in enumerate(zip(axes.flat, images)):
        array = np.asarray(image)
        largest = vmax if vmax is not None else 255 if array.dtype == np.uint8 else 1.0
        axis.imshow(array.squeeze(-1) if array.shape[-1:] == (1,) else array, vmin=vmin, vmax=largest)
        if titles:
            axis.set_title(str(titles[rank]), fontsize=12)
    if title:
        figure.suptitle(title)
    described = " ; ".join(" ".join(str(name).split()) for name in titles) if titles else f"{len(images)} images"
    publish(figure, alt or f"{title + ' : ' if title else ''}{described}")


def filters(kernel):
    """Pictures (h, w, C) in [0, 1] of the K filters of a kernel (h, w, C, K), grey for a weight of 0. Lesson 2.1."""
    return [0.5 + one / (2 * (np.abs(one).max() or 1)) for one in np.moveaxis(np.asarray(kernel), 3, 0)]


def boxes(images, found, class_names, *, titles=None, columns=4, size=3.2, title=None, alt=None):
    """A grid of images with boxes, one colour a class; dashed, a true box, of class -1. Lesson 4.1.

    Args:
        images: (N, H, W, 3), or a list of images of any sizes; uint8, or float in [0, 1].
        found: one (boxes, classes) an image, (K, 4) in pixels and (K,); or one (boxes, scores, classes, …), such as
            what a detector returns: the score is then written too.
    """
    if len(images) != len(found):
        raise ValueError(f"{len(images)} images et {len(found)} listes de boîtes : donnez une liste par image.")
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    shape = (columns * size, rows * size * (1.12 if titles else 1.0))
    figure, axes = plt.subplots(rows, columns, figsize=shape, squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for rank, (axis, image, entry) in enumerate(zip(axes.flat, images, found)):
        axis.imshow(image, extent=(0, image.shape[1], image.shape[0], 0))
        places, scores, classes = (entry[0], None, entry[1]) if len(entry) == 2 else entry[:3]
        for row, box in enumerate(places):
            words = "vérité" if classes[row] < 0 else class_names[classes[row]]
            words += "" if scores is None else f" {scores[row]:.2f}".replace(".", ",")
            _frame(axis, box, words, classes[row], image.shape[1])
        axis.set(xlim=(0, image.shape[1]), ylim=(image.shape[0], 0))
        if titles:
            axis.set_title(str(titles[rank]), fontsize=12)
    if title:
        figure.suptitle(title)
    count = sum(len(entry[0]) for entry in found)
    publish(figure, alt or f"{title + ' : ' if title else ''}{count} boîtes sur {len(images)} images")


def _frame(axis, box, words, label, width):
    """One box: a black edge below a coloured one, to be seen on any background, and its name inside the image."""
    color = "white" if label < 0 else COLORS[label % len(COLORS)]
    x1, y1, x2, y2 = box
    style = {"fill": False, "linestyle": "--" if label < 0 else "-"}
    axis.add_patch(plt.Rectangle((x1, y1), x2 - x1, y2 - y1, edgecolor="black", linewidth=4, **style))
    axis.add_patch(plt.Rectangle((x1, y1), x2 - x1, y2 - y1, edgecolor=color, linewidth=2.5, **style))
    side, place = ("right", x2) if x1 > 0.6 * width else ("left", x1)
    ink = "black" if label < 0 or label % len(COLORS) in (4, 5, 7) else "white"
    frame = {"facecolor": color, "edgecolor": "none", "pad": 1}
    axis.text(place, max(y1, 0), words, fontsize=12, color=ink, ha=side, va="bottom" if y1 > 12 else "top", bbox=frame)


def draw_tracks(frames, tracks, *, line=None, trail=20):
    """Copies of frames (T, H, W, 3), uint8, with the box, the identity and the last steps of each track. Lesson 4.6.

    Args:
        tracks: list of T arrays (K, 5), box and identity; an identity keeps its colour and writes its number.
        line: two points (x, y), drawn too. trail: frames that the path of the feet is kept.
    """
    import cv2

    if len(frames) != len(tracks):
        raise ValueError(f"{len(frames)} images et {len(tracks)} listes de pistes : donnez une liste par image.")
    colors = [tuple(int(color[k : k + 2], 16) for k in (1, 3, 5)) for color in COLORS if color != "#000000"]
    drawn, paths = np.array(frames), {}
    for t, (frame, rows) in enumerate(zip(drawn, tracks)):
        if line is not None:
            cv2.line(frame, *(tuple(map(round, point)) for point in line), (255, 255, 255), 2)
        for x1, y1, x2, y2, identity in np.round(rows).astype(int).tolist():
            color = colors[identity % len(colors)]
            path = paths.setdefault(identity, [])
            path.append((t, ((x1 + x2) // 2, y2)))
            steps = np.int32([place for when, place in path if when > t - trail])
            cv2.polylines(frame, [steps], False, color, 2)
            cv2.rectangle(frame, (x1, y1), (x2, y2), color, 2)
            (width, height), _ = cv2.getTextSize(str(identity), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 2)
            top = max(y1, height + 6)
            cv2.rectangle(frame, (x1 - 1, top - height - 6), (x1 + width + 3, top), color, -1)
            ink = (255, 255, 255) if sum(color) < 400 else (0, 0, 0)
            cv2.putText(frame, str(identity), (x1 + 1, top - 3), cv2.FONT_HERSHEY_SIMPLEX, 0.6, ink, 2)
    return drawn


def draw_instances(image, instances):
    """A copy of an image with its objects tinted and outlined: uint8 (H, W, 3). Lesson 4.4.

    Objects four pixels apart or less have different colours, as long as seven colours are enough.

    Args:
        image: (H, W) or (H, W, 3), uint8 or float in [0, 1].
        instances: integers (H, W), 0 for the background.

    Raises:
        ValueError: an image and a map of different sizes.
    """
    image, instances = np.asarray(image), np.asarray(instances)
    if image.shape[:2] != instances.shape:
        raise ValueError(f"L'image est {image.shape[:2]} et ses objets {instances.shape} : il faut la même taille.")
    picture = np.stack([image] * 3, axis=-1) if image.ndim == 2 else image
    picture = picture * 255.0 if np.issubdtype(picture.dtype, np.floating) else picture.astype("float64")
    tints = np.array([[int(color[k : k + 2], 16) for k in (1, 3, 5)] for color in COLORS if color != "#000000"], float)
    labels, ranks = np.unique(np.append(0, instances), return_inverse=True)
    colored = tints[_apart(ranks[1:].reshape(instances.shape), len(labels), len(tints))]
    colored = colored[ranks[1:]].reshape(*instances.shape, 3)
    edge = np.zeros(instances.shape, bool)
    for axis in (0, 1):
        for side in (1, -1):
            edge |= np.roll(instances, side, axis) != instances
    mixed = np.where(edge[..., None], colored, 0.55 * picture + 0.45 * colored)
    return np.where((instances > 0)[..., None], mixed, picture).round().astype("uint8")


def _apart(ranks, objects, colors, reach=4):
    """A colour for each rank, not that of a neighbour where it can be helped: integers (objects,)."""
    near = np.zeros((objects, objects), bool)
    for down in range(reach + 1):
        for across in range(-reach, reach + 1):
            here = ranks[: len(ranks) - down, max(-across, 0) : ranks.shape[1] - max(across, 0)]
            there = ranks[down:, max(across, 0) : ranks.shape[1] - max(-across, 0)]
            apart = here != there
            near[here[apart], there[apart]] = near[there[apart], here[apart]] = True
    chosen = np.full(objects, -1)
    for rank in range(1, objects):
        used = np.bincount(chosen[(chosen >= 0) & near[rank]], minlength=colors)
        order = (rank + np.arange(colors)) % colors
        chosen[rank] = order[used[order].argmin()]
    return chosen


def play(frames, alt, *, fps=10):
    """Display a video in the notebook, inside it: frames (T, H, W, 3), uint8, even sides; `alt` says what it shows."""
    import base64
    import html

    from IPython.display import display

    from labs import video

    if not alt or not alt.strip():
        raise ValueError('Une vidéo sans texte ne peut pas être suivie par tous : donnez alt="ce qu\'on y voit".')
    content = base64.b64encode(video.encode(frames, fps)).decode()
    words = html.escape(alt, quote=True)
    player = (
        f'<video controls loop muted playsinline width="{frames[0].shape[1]}" aria-label="{words}" title="{words}" '
        f'src="data:video/mp4;base64,{content}">{words}</video>'
    )
    display({"text/html": player, "text/plain": f"Vidéo : {alt}"}, raw=True)


def ribbons(truth, tracks, *, title, alt):
    """One row a true object, one column a frame, coloured by the identity that it is given there. Lesson 4.6.

    A number is written where an object gets another identity: on black, that is a switch. Grey: it is there, and not
    followed.

    Args:
        truth, tracks: lists of as many frames, (K, 5) each, box and identity; a pair needs an IoU of 0.5.
    """
    from labs import tracking

    objects = np.unique(np.concatenate([frame[:, 4] for frame in truth])).astype(int)
    given = np.full((len(objects), len(truth)), -1)  # -1: not in the picture; 0: there, and not followed
    for t, pairs in enumerate(tracking.matches(truth, tracks)):
        given[np.searchsorted(objects, truth[t][:, 4]), t] = 0
        given[np.searchsorted(objects, list(pairs)), t] = list(pairs.values())
    figure, axis = plt.subplots(figsize=(11, 0.27 * len(objects) + 1.3))
    for row, names in enumerate(given):
        _ribbon(axis, row, names)
    axis.set(title=title, xlabel="image", ylabel="objet", ylim=(len(objects) - 0.4, -0.6), xlim=(-0.5, len(truth)))
    axis.set_yticks(range(len(objects)), objects, fontsize=12)
    axis.grid(False)
    publish(figure, alt)


def _ribbon(axis, row, names):
    """One object: a bar as long as each of its identities lasts."""
    colors = [color for color in COLORS if color != "#000000"]
    first = {"color": "black", "bbox": None}
    changed = {"color": "white", "bbox": {"facecolor": "black", "edgecolor": "none", "pad": 1.5}}
    cuts, last = np.flatnonzero(np.diff(names, prepend=-2, append=-2)), 0
    for begin, end in zip(cuts[:-1], cuts[1:]):
        name = int(names[begin])
        if name < 0:
            continue
        axis.barh(row, end - begin, left=begin - 0.5, height=0.78, color=colors[name % len(colors)] if name else "0.85")
        if name and name != last:
            axis.text(begin, row, name, fontsize=12, va="center", weight="bold", **(changed if last else first))
            last = name


def curves(series, *, title, xlabel, ylabel, alt, log=False, x=None, ax=None):
    """One curve a key of `series`; a value is a list, or a list of lists (one a seed: mean and extent).

    Args:
        series: dictionary name -> values (T,) or (seeds, T).
        x: abscissas, 1 to T by default; log: logarithmic ordinate.
        ax: draw there and display nothing (the caller publishes its own figure).
    """
    figure, axis = (None, ax) if ax is not None else plt.subplots()
    for rank, (name, values) in enumerate(series.items()):
        values = np.atleast_2d(np.asarray(values, "float64"))
        where = np.arange(1, values.shape[1] + 1) if x is None else np.asarray(x)
        color, marker = COLORS[rank % len(COLORS)], MARKERS[rank % len(MARKERS)]
        axis.plot(
            where, values.mean(axis=0), label=name, color=color, marker=marker,
            markevery=max(1, len(where) // 10), markersize=6,
        )  # fmt: skip
        if len(values) > 1:
            axis.fill_between(where, values.min(axis=0), values.max(axis=0), color=color, alpha=0.2)
    axis.set(title=title, xlabel=xlabel, ylabel=ylabel)
    if log:
        axis.set_yscale("log")
    if x is None:
        axis.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
    axis.legend()
    if figure is not None:
        publish(figure, alt)


def shares(counts, *, total, title, xlabel, ylabel, alt):
    """Shares of `total` trials, in %, with their 95 % intervals: {name: {x: successes}}. Lesson 6.4.

    The intervals are those of Clopper & Pearson 1934, exact: they hold at 0 and at `total` too.
    """
    from scipy import stats

    figure, axis = plt.subplots(figsize=(8, 6))
    for rank, (name, points) in enumerate(counts.items()):
        rates = np.array(list(points.values())) / total
        bounds = np.array([stats.binomtest(int(value), total).proportion_ci() for value in points.values()])
        axis.errorbar(
            list(points), 100 * rates, 100 * np.abs(bounds.T - rates), label=name, color=COLORS[rank],
            marker=MARKERS[rank], markersize=8, capsize=5, linestyle="--" if rank % 2 else "-",
        )  # fmt: skip
    axis.set(title=title, xlabel=xlabel, ylabel=ylabel, ylim=(-3, 103))
    figure.legend(loc="outside lower center")
    publish(figure, alt)


def live(groups):
    """The curves of a training under way, one panel a dictionary of `groups`: an image to display again and again."""
    from IPython.display import Image

    figure, axes = plt.subplots(1, len(groups), figsize=(5 * len(groups), 3), squeeze=False)
    for axis, group in zip(axes.flat, groups):
        curves(group, title="", xlabel="époque", ylabel="", alt="", ax=axis)
    return Image(_png(figure), alt="Courbes de l'entraînement en cours")


def boundary(predict, x, y, *, title="", ax=None, alt=None, margin=0.5, steps=200):
    """Regions that `predict` ((N, 2) -> classes (N,)) assigns in the plane, and the points (x, y)."""
    figure, axis = (None, ax) if ax is not None else plt.subplots(figsize=(5.5, 4.8))
    low, high = x.min(axis=0) - margin, x.max(axis=0) + margin
    grid = np.stack(np.meshgrid(np.linspace(low[0], high[0], steps), np.linspace(low[1], high[1], steps)), axis=-1)
    regions = np.asarray(predict(grid.reshape(-1, 2).astype(x.dtype))).reshape(steps, steps)
    count = int(max(regions.max(), y.max())) + 1
    axis.contourf(
        grid[..., 0], grid[..., 1], regions, levels=np.arange(count + 1) - 0.5, colors=COLORS[:count], alpha=0.25
    )
    for label in range(count):
        axis.scatter(
            *x[y == label].T,
            color=COLORS[label],
            marker=MARKERS[label],
            s=25 if len(x) > 20 else 160,
            edgecolor="white",
            label=f"classe {label}",
        )
    axis.set(title=title, xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
    axis.grid(False)
    if figure is not None:
        axis.legend()
        publish(figure, alt or f"{title} : régions de décision et points de {count} classes")


def descent(height, paths, *, title, extent):
    """Race of `paths` {name: (T, 2)} over the level lines of `height` ((N, 2) -> (N,)): (figure, draw).

    `draw(step)` shows each path from its start to `step`, in the plane and as a height. Give both to `animate`, or
    call draw(last) and `publish` the figure. `extent`: largest |x| and |y| shown. Lesson 1.2.
    """
    figure, (plane, heights) = plt.subplots(1, 2, figsize=(11, 4.4), width_ratios=(3, 2))
    x, y = np.meshgrid(np.linspace(-extent[0], extent[0], 120), np.linspace(-extent[1], extent[1], 120))
    values = height(np.stack([x, y], axis=-1).reshape(-1, 2)).reshape(x.shape)
    plane.contour(x, y, np.sqrt(values), levels=12, colors="0.75", linewidths=1)
    plane.plot(0, 0, "k+", markersize=14)
    plane.set(title=title, xlabel="$w_1$", ylabel="$w_2$", xlim=(-extent[0], extent[0]), ylim=(-extent[1], extent[1]))
    plane.grid(False)
    curves = {name: height(path) for name, path in paths.items()}
    top, steps = max(c[0] for c in curves.values()), max(map(len, paths.values())) - 1
    heights.set(title="coût", xlabel="pas", xlim=(0, steps), ylim=(top * 1e-5, top * 2), yscale="log")
    heights.yaxis.minorticks_off()  # a third of the time of a frame
    trails = []
    for name, color, marker in zip(paths, COLORS, MARKERS):
        (trail,) = plane.plot([], [], color=color, linewidth=1.6, alpha=0.8)
        (head,) = plane.plot([], [], marker, color=color, markersize=9, markeredgecolor="white", label=name)
        (curve,) = heights.plot([], [], color=color, marker=marker, markevery=(0, 10))
        trails.append((trail, head, curve))
    plane.legend(loc="upper right", fontsize=11)

    def draw(step):
        for (trail, head, curve), path, values in zip(trails, paths.values(), curves.values()):
            trail.set_data(*path[: step + 1].T)
            head.set_data(*path[min(step, len(path) - 1)][:, None])
            curve.set_data(np.arange(len(values))[: step + 1], values[: step + 1])

    return figure, draw


def range_tests(tests, *, title, alt):
    """Smoothed loss against learning rate, one curve a key of `tests` {name: RangeTest}; the suggestion is ringed."""
    figure, axis = plt.subplots()
    for (name, test), color, marker in zip(tests.items(), COLORS, MARKERS):
        label = f"{name} : {test.suggestion:.2g}"
        axis.plot(test.learning_rates, test.smoothed, color=color, marker=marker, markevery=15, label=label)
        height = np.interp(test.suggestion, test.learning_rates, test.smoothed)
        axis.plot(test.suggestion, height, "o", markersize=16, markerfacecolor="none", markeredgewidth=3, color=color)
    axis.set(title=title, xlabel="taux d'apprentissage", ylabel="coût lissé", xscale="log")
    axis.set_ylim(top=1.3 * max(test.smoothed[0] for test in tests.values()))
    axis.legend(title="taux suggéré")
    publish(figure, alt)


def spectra(spectra, *, title, alt, low=1e-18):
    """Singular values, one curve a key of {name: values, largest first}, none drawn below `low`. Lesson 1.3."""
    figure, axis = plt.subplots()
    count = len(next(iter(spectra.values())))
    series = {name: np.maximum(values, low) for name, values in spectra.items()}
    where = np.linspace(0, 100, count)
    curves(series, title=title, xlabel="directions, de la plus amplifiée à la moins (%)", ylabel="valeur singulière",
           alt="", log=True, x=where, ax=axis)  # fmt: skip
    axis.axhline(1, color="black", linewidth=1)
    publish(figure, alt)


def reliability(calibrations, *, title, alt):
    """Accuracy against confidence, one curve a key of {name: Calibration}; the diagonal is a perfect calibration.

    The area of a disc grows with the share of the examples in its bin; bins under 0.5 % are noise, and left out.
    Lesson 1.3.
    """
    figure, axis = plt.subplots(figsize=(6.5, 5.5))
    axis.plot([0, 1], [0, 1], "--", color="0.5", linewidth=1.5, label="calibration parfaite")
    for (name, measured), color, marker in zip(calibrations.items(), COLORS, MARKERS):
        kept = measured.share >= 0.005
        confidence, accuracy = measured.confidence[kept], measured.accuracy[kept]
        axis.plot(confidence, accuracy, color=color, marker=marker, markersize=5, label=name)
        axis.scatter(confidence, accuracy, s=900 * measured.share[kept], color=color, alpha=0.3)
    axis.set(title=title, xlabel="confiance annoncée", ylabel="exactitude mesurée", xlim=(0, 1.02), ylim=(0, 1.02))
    axis.legend(loc="upper left")
    publish(figure, alt)


def opinions(image, probabilities, class_names, *, title, alt):
    """An image, and bars of the probability of each class by the models of {name: (K,) or (passes, K)}.

    With several passes, the bar is their mean and the line goes from the first to the last decile. Lesson 1.3.
    """
    figure, (picture, axis) = plt.subplots(1, 2, figsize=(11, 4.2), width_ratios=(1, 3))
    picture.imshow(image, vmin=0)
    picture.set(title=title)
    picture.axis("off")
    places, width = np.arange(len(class_names)), 0.8 / len(probabilities)
    for rank, (name, values) in enumerate(probabilities.items()):
        values, where = np.atleast_2d(values), places + (rank - (len(probabilities) - 1) / 2) * width
        axis.bar(where, values.mean(axis=0), width, label=name, color=COLORS[rank])
        if len(values) > 1:
            axis.vlines(where, *np.quantile(values, (0.1, 0.9), axis=0), color="black", linewidth=2)
    axis.set(ylabel="probabilité", ylim=(0, 1.02))
    axis.set_xticks(places, class_names, rotation=35, ha="right")
    axis.legend()
    publish(figure, alt)


def windows(image, output, *, size, stride=1, padding=0, dilation=1):
    """A (size, size) filter visits `image` (H, W) and fills `output` (H', W'): (figure, draw), to animate. Lesson 2.1.

    `draw(step)` dots the pixels that the filter reads at `step`, line by line, and shows the output so far. The
    padding is hatched.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 4.8))
    height, width = image.shape
    left.imshow(image, vmin=0, vmax=max(float(image.max()), 1e-9))
    left.patch.set(facecolor="0.85", hatch="//", edgecolor="0.6")  # what the image does not cover: the padding
    left.set(title=f"image {height}×{width}", xlim=(-padding - 0.6, width + padding - 0.4))
    left.set_ylim(height + padding - 0.4, -padding - 0.6)
    right.set_title(f"sortie {output.shape[0]}×{output.shape[1]}")
    reach, span = float(np.abs(output).max()), dilation * (size - 1) + 1
    filled = right.imshow(np.full(output.shape, np.nan), vmin=-reach, vmax=reach)
    right.set_facecolor("0.93")
    for axis in (left, right):
        axis.set(xticks=[], yticks=[])
        axis.grid(False)
    window = left.add_patch(plt.Rectangle((0, 0), span, span, fill=False, edgecolor=COLORS[1], linewidth=4))
    cell = right.add_patch(plt.Rectangle((0, 0), 1, 1, fill=False, edgecolor=COLORS[1], linewidth=4))
    (read,) = left.plot([], [], "o", color=COLORS[1], markersize=6)

    def draw(step):
        row, column = divmod(step, output.shape[1])
        top, start = row * stride - padding, column * stride - padding
        window.set_xy((start - 0.5, top - 0.5))
        cell.set_xy((column - 0.5, row - 0.5))
        offsets = np.arange(size) * dilation
        read.set_data(*(axis.ravel() for axis in np.meshgrid(start + offsets, top + offsets)))
        filled.set_data(np.where(np.arange(output.size).reshape(output.shape) <= step, output, np.nan))

    return figure, draw


def architecture(blocks, *, title, alt):
    """The blocks of a model, left to right, and the share of each in the parameters and multiplications. Lesson 2.2.

    A box is as high as its maps are wide and as thick as they are many (logarithmic scales); below it, what comes out
    of the block, its parameters and its multiplications for one image.

    Args:
        blocks: what `labs.zoo.blocks` says of a model; 20 blocks stay readable.

    Raises:
        ValueError, TypeError: no block, or something else than blocks.
    """
    blocks = list(blocks) if isinstance(blocks, (list, tuple)) else blocks
    if not isinstance(blocks, list) or not all(hasattr(block, "multiplications") for block in blocks):
        raise TypeError(f"Attendu la liste que rend zoo.blocks(modèle) ; reçu {type(blocks).__name__}.")
    if not blocks:
        raise ValueError("Aucun bloc à dessiner : le modèle n'a pas de couche. Donnez zoo.blocks(modèle).")
    figure, (boxes, bars) = plt.subplots(2, 1, figsize=(13.5, 7), sharex=True, height_ratios=(3, 2))
    for place, block in enumerate(blocks):
        _box(boxes, place, block.shape, COLORS[place % 2 * 5])
    _captions(boxes, blocks)
    boxes.set(title=title, xlim=(-0.6, len(blocks) - 0.4), yticks=[])
    boxes.set_ylim(-0.005, 1.14 * max(_height(block.shape) for block in blocks))
    boxes.grid(False)
    boxes.spines[:].set_visible(False)
    for side, (name, field, hatch) in enumerate((("paramètres", 2, ""), ("multiplications", 3, "//"))):
        values = np.array([block[field] for block in blocks], "float64")
        where = np.arange(len(blocks)) + 0.4 * side - 0.2
        bars.bar(where, 100 * values / max(values.sum(), 1), 0.38, color=COLORS[side], hatch=hatch, edgecolor="white",
                 label=f"{name} ({_short(values.sum())} en tout)")  # fmt: skip
    bars.set(ylabel="part du réseau (%)", xticks=[])
    bars.grid(axis="x", visible=False)
    bars.legend()
    publish(figure, alt)


def _box(axis, place, shape, color):
    """A block seen from the side: the height is that of its maps, the thickness their number."""
    height, width = _height(shape), (1 + np.log2(shape[-1])) / 20
    slant = 0.12 * height
    left, corners = place - (width + slant) / 2, np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    front = [left, 0] + corners * [width, height]
    top = np.array([front[3], front[2], front[2] + [slant, slant], front[3] + [slant, slant]])
    flank = np.array([front[1], front[1] + [slant, slant], front[2] + [slant, slant], front[2]])
    for face, alpha in ((front, 0.9), (top, 0.45), (flank, 0.65)):
        axis.add_patch(plt.Polygon(face, facecolor=color, alpha=alpha, edgecolor="black", linewidth=1))


def _height(shape):
    return (1 + np.log2(shape[0] if len(shape) == 3 else 1)) / 9


def _captions(axis, blocks):
    """Under each box, the name of the block, its output, its parameters and multiplications: the rows of a table."""
    many = len(blocks) > 12
    rows = {
        "bloc": [_in_french(block.name, "\n" if many else " ") for block in blocks],
        "sortie": [("×\n" if many else "×").join(map(str, block.shape)) for block in blocks],
        "paramètres": [_short(block.parameters) for block in blocks],
        "multiplications": [_short(block.multiplications) for block in blocks],
    }
    low = -8
    for title, values in rows.items():
        lines = max(value.count("\n") for value in values) + 1
        options = {"textcoords": "offset points", "va": "top", "fontsize": 12, "annotation_clip": False}
        for place, value in enumerate(values):
            weight = "bold" if title == "bloc" else "normal"
            axis.annotate(value, (place, 0), xytext=(0, low), ha="center", weight=weight, **options)
        axis.annotate(title, (0, 0), xycoords=("axes fraction", "data"), xytext=(-6, low), ha="right",
                      style="italic", **options)  # fmt: skip
        low -= 17 * lines + 3


_FRENCH = {
    "stem": "entrée", "stage": "étage", "dense": "bloc", "transition": "transition", "head": "tête", "end": "fin",
    "output": "sortie",
}  # fmt: skip


def _in_french(name, space):
    """ "stage2-1" -> "étage 2-1", as a trainee reads it."""
    word = name.rstrip("-0123456789")
    known = _FRENCH.get(word, word)
    return known + (space if word in _FRENCH and name != word else "") + name[len(word) :]


def _short(number):
    """1516 -> "1,5 k", 102764544 -> "103 M": two figures at least, three at most."""
    unit = 0
    while number >= 999.5 and unit < 3:
        number, unit = number / 1000, unit + 1
    text = f"{number:.1f}".replace(".", ",") if unit and number < 9.95 else f"{number:.0f}"
    return text + ("", "\u00a0k", "\u00a0M", "\u00a0G")[unit]


def diagram(nodes, links, *, title, alt, size=(13.0, 6.5)):
    """Boxes and arrows: what a network computes from what. Lesson 4.2.

    Args:
        nodes: {name: (x, y, part)}, the name being written in the box; x grows to the right and y downwards, one unit
            from a box to its neighbour. The parts are told apart by colour, and named in the legend.
        links: list of (name, name) or (name, name, what is done on the way).

    Raises:
        ValueError: no node, or a link to a node that is not there.
    """
    if not nodes:
        raise ValueError("Aucune boîte à dessiner : donnez {nom: (x, y, partie)}.")
    unknown = [name for link in links for name in link[:2] if name not in nodes]
    if unknown:
        raise ValueError(f"Une flèche part de, ou mène à {unknown[0]!r}, qui n'est pas une boîte du schéma.")
    figure, axis = plt.subplots(figsize=size)
    parts = list(dict.fromkeys(part for _, _, part in nodes.values()))
    labels = {}
    for name, (x, y, part) in nodes.items():
        tint = _TINTS[parts.index(part) % len(_TINTS)]
        frame = {"boxstyle": "round,pad=0.4", "facecolor": tint, "edgecolor": "black"}
        labels[name] = axis.text(x, y, name, ha="center", va="center", fontsize=12, bbox=frame)
    for part, tint in zip(parts, _TINTS):
        axis.plot([], [], "s", color=tint, markeredgecolor="black", markersize=14, label=part)
    x, y = np.array([place[:2] for place in nodes.values()]).T
    axis.set(title=title, xlim=(x.min() - 0.6, x.max() + 0.6), ylim=(y.max() + 0.5, y.min() - 0.5))
    axis.axis("off")
    axis.legend(loc="upper right", frameon=False)
    for start, end, *words in links:
        places = nodes[start][:2], nodes[end][:2]
        arrow = {"arrowstyle": "-|>", "linewidth": 2, "color": "0.25", "mutation_scale": 18, "shrinkA": 0, "shrinkB": 0,
                 "patchA": labels[start].get_bbox_patch(), "patchB": labels[end].get_bbox_patch()}  # fmt: skip
        axis.annotate("", places[1], xytext=places[0], arrowprops=arrow, zorder=5)  # once the boxes are in their place
        if words:
            shift = (8, 3 if places[1][1] >= places[0][1] else -10)  # beside the arrow, on the side that is free
            axis.annotate(words[0], np.mean(places, axis=0), xytext=shift, textcoords="offset points", fontsize=12)
    publish(figure, alt)


_TINTS = ["#B9D9EE", "#F7CBA8", "#B5E3D0", "#EBD0E0", "#F8E2AE"]  # COLORS, light enough for black letters


def percent(share, digits=1):
    """0.794 -> "79,4 %", as a trainee reads it."""
    return f"{share:.{digits}%}".replace(".", ",").replace("%", "\u00a0%")


def table(rows, *, header, align=None):
    """Print `rows` as an aligned text table: the same bytes everywhere, for the cells that are compared."""
    cells = [[str(value) for value in row] for row in [header, *rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    align = align or "<" + ">" * (len(header) - 1)
    lines = ["  ".join(f"{value:{side}{width}}" for value, side, width in zip(row, align, widths)) for row in cells]
    lines.insert(1, "  ".join("─" * width for width in widths))
    print("\n".join(line.rstrip() for line in lines))


def _png(figure):
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi="figure", bbox_inches="tight", metadata={"Software": None})
    plt.close(figure)
    return buffer.getvalue()


def _smaller(png):
    """JPEG bytes where they are half as many or less, as for photographs; curves and small figures stay exact."""
    from PIL import Image as Picture

    buffer = io.BytesIO()
    if len(png) > 100_000:
        Picture.open(io.BytesIO(png)).convert("RGB").save(buffer, "JPEG", quality=85, optimize=True)
    return buffer.getvalue() if 0 < 2 * len(buffer.getvalue()) < len(png) else png


def _slider(name, choices, value):
    import ipywidgets

    if isinstance(choices, list):
        return ipywidgets.SelectionSlider(options=choices, value=value, description=name, continuous_update=False)
    low, high, step = choices
    kind = ipywidgets.IntSlider if all(isinstance(v, int) for v in choices) else ipywidgets.FloatSlider
    return kind(value=value, min=low, max=high, step=step, description=name, continuous_update=False)
