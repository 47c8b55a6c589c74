"""The images of the course: labelled sets in uint8, split as their authors did, and photographs. Lesson 0."""

import csv
from concurrent import futures
from typing import NamedTuple

import cv2
import numpy as np

from labs import catalogue, runtime

IMAGES_PER_MOSAIC = 10_000
IMAGES_PER_ROW = 100


class Dataset(NamedTuple):
    """Images uint8, (N, H, W) grey or (N, H, W, 3) in RGB order; labels int64 (N,), ranks in class_names."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    class_names: tuple[str, ...]


class Signs(NamedTuple):
    """Drawings of road signs, one a class: uint8 (48, 128, 128, 4), RGB and opacity; their names."""

    images: np.ndarray
    class_names: tuple[str, ...]


class Spambase(NamedTuple):
    """Messages, float32 (3067, 57) and (1534, 57); labels int64, 1 for spam; the names of the 57 measures."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    feature_names: tuple[str, ...]


class Nuclei(NamedTuple):
    """A picture of nuclei, float32 (512, 512) in [0, 1], and whose each pixel is: uint8, 0 (nobody's) or 1 to 125."""

    image: np.ndarray
    instances: np.ndarray


class Embedded(NamedTuple):
    """What data/<name>/ holds: shape of an image, images in each split, class names, images in a row of a mosaic."""

    shape: tuple[int, ...]
    sizes: dict[str, int]
    class_names: tuple[str, ...]
    columns: int = IMAGES_PER_ROW


EMBEDDED = {
    "fashion_mnist": Embedded(
        (28, 28),
        {"train": 60_000, "test": 10_000},
        ("T-shirt", "pantalon", "pull", "robe", "manteau", "sandale", "chemise", "basket", "sac", "bottine"),
    ),
    "mnist": Embedded((28, 28), {"train": 20_000, "test": 10_000}, tuple("0123456789")),
    "cifar10": Embedded(
        (32, 32, 3),
        {"train": 20_000, "test": 4_000},
        ("avion", "automobile", "oiseau", "chat", "cerf", "chien", "grenouille", "cheval", "bateau", "camion"),
    ),
    "orl_faces": Embedded(
        (112, 92),
        {"train": 200, "test": 200},
        tuple(f"personne {person}" for person in range(1, 41)),
        columns=40,  # a person a column, a photograph a row
    ),
}


PHOTOS = ("chat", "cafe", "chine", "fleur")
TEXTURES = ("briques", "herbe", "gravier")
STREETS = ("bus",)  # apart: labs.scenes draws its backgrounds among the others, where no bus, car or walker may be
VIDEOS = ("passants",)

SIGNS = (
    "vitesse 20", "vitesse 30", "vitesse 40", "vitesse 50", "vitesse 70", "vitesse 80", "vitesse 90", "vitesse 100",
    "vitesse 110", "vitesse 130", "stop", "cédez le passage", "sens interdit", "dépassement interdit",
    "circulation interdite", "poids lourds interdits", "vélos interdits", "piétons interdits", "motos interdites",
    "demi-tour interdit", "interdit à gauche", "interdit à droite", "stationnement interdit",
    "à droite", "à gauche", "à droite plus loin", "tout droit", "contourner à droite", "contourner à gauche",
    "carrefour giratoire", "piste cyclable", "chemin pour piétons",
    "enfants", "virage à gauche", "virage à droite", "virages", "chaussée glissante", "travaux", "feux tricolores",
    "chaussée rétrécie", "dos-d'âne", "animaux sauvages", "passage à niveau", "passage à niveau à barrières",
    "autre danger", "chutes de pierres", "double sens", "parking",
)  # fmt: skip
SIGN_SIDE, SIGNS_PER_ROW = 128, 8

NUCLEI = ("nuclei/image.webp", "nuclei/instances.webp")

SPAMBASE = "spambase/spambase.npz"
SPAM_FEATURES = (
    "make", "address", "all", "3d", "our", "over", "remove", "internet", "order", "mail", "receive", "will", "people",
    "report", "addresses", "free", "business", "email", "you", "credit", "your", "font", "000", "money", "hp", "hpl",
    "george", "650", "lab", "labs", "telnet", "857", "data", "415", "85", "technology", "1999", "parts", "pm",
    "direct", "cs", "meeting", "original", "project", "re", "edu", "table", "conference", ";", "(", "[", "!", "$", "#",
    "majuscules : longueur moyenne", "majuscules : plus longue suite", "majuscules : total",
)  # fmt: skip


def load(name):
    """Return the Dataset called `name`: "fashion_mnist", "mnist", "cifar10" or "orl_faces".

    Raises:
        ValueError: no set has this name.
        labs.catalogue.DataError: a file is missing or damaged, or (profile "complet") cannot be downloaded.
    """
    if name not in EMBEDDED:
        known = ", ".join(f"« {known} »" for known in EMBEDDED)
        raise ValueError(f"Aucun jeu de données ne s'appelle {name!r}. Les noms connus sont : {known}.")
    return {"fashion_mnist": fashion_mnist, "mnist": mnist, "cifar10": cifar10, "orl_faces": orl_faces}[name]()


def fashion_mnist():
    """Fashion-MNIST, whole in every profile: 60 000 + 10 000 garments, 28×28 (Xiao et al. 2017)."""
    return _embedded("fashion_mnist")


def mnist():
    """MNIST, 28×28 (LeCun et al. 1998): 20 000 + 10 000 digits, 60 000 + 10 000 in profile "complet"."""
    return _whole("mnist") if runtime.profile() == "complet" else _embedded("mnist")


def cifar10():
    """CIFAR-10, 32×32 (Krizhevsky 2009): 20 000 + 4 000 photographs, 50 000 + 10 000 in profile "complet"."""
    return _whole("cifar10") if runtime.profile() == "complet" else _embedded("cifar10")


def orl_faces():
    """ORL faces (Samaria & Harter 1994): ten photographs of 40 people, 112×92, grey. Lessons 4.5 and 6.3.

    The first five of each person are for training, the last five for the test, in every profile: x_train and x_test
    are (200, 112, 92), photograph by photograph, so that x_train.reshape(5, 40, 112, 92) is [photograph, person].
    """
    return _embedded("orl_faces")


def photo(name, size=None, gray=False):
    """One of PHOTOS, TEXTURES, STREETS: float32 in [0, 1], RGB (H, W, 3), or (H, W) when `gray`. Lesson 2.1.

    Args:
        size: the largest centred square is cut out and resampled to (size, size); None keeps the whole photograph.

    Raises:
        ValueError: no photograph has this name, or `size` is not a positive integer.
        labs.catalogue.DataError: the file is missing or damaged.
    """
    if name not in PHOTOS + TEXTURES + STREETS:
        known = ", ".join(f"« {known} »" for known in PHOTOS + TEXTURES + STREETS)
        raise ValueError(f"Aucune photographie ne s'appelle {name!r}. Les noms connus sont : {known}.")
    if size is not None and (not isinstance(size, (int, np.integer)) or isinstance(size, bool) or size < 1):
        raise ValueError(f"Le côté d'une photographie est un nombre entier de pixels, par exemple 128 ; reçu {size!r}.")
    picture = cv2.imdecode(np.fromfile(catalogue.verified(photo_name(name)), "uint8"), cv2.IMREAD_COLOR)
    if picture is None:
        raise catalogue.DataError(f"data/{photo_name(name)} n'est pas une image. Refaites-la avec « make data ».")
    pixels = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY if gray else cv2.COLOR_BGR2RGB).astype("float32") / 255
    return pixels if size is None else _square(pixels, size)


def photo_name(name):
    """Return the file of a photograph, relative to data/."""
    return f"photos/{name}.webp"


def video(name="passants"):
    """One of `VIDEOS`: uint8 (T, H, W, 3) in RGB order. Lesson 4.6.

    "passants": 200 pictures of 384×512, ten a second: walkers, from above, by a camera that does not move.

    Raises:
        ValueError: no video has this name, or this OpenCV cannot read H.264.
        labs.catalogue.DataError: the file is missing or damaged.
    """
    if name not in VIDEOS:
        known = ", ".join(f"« {known} »" for known in VIDEOS)
        raise ValueError(f"Aucune vidéo ne s'appelle {name!r}. Les noms connus sont : {known}.")
    return read_video(catalogue.verified(video_name(name)))


def video_name(name):
    """Return the file of a video, relative to data/."""
    return f"videos/{name}.mp4"


def read_video(path):
    """All the frames of a video file: uint8 (T, H, W, 3) in RGB order, T × H × W × 3 bytes of memory. Lesson 4.6.

    Raises:
        ValueError: OpenCV cannot open the file, or finds no picture in it.
    """
    capture = cv2.VideoCapture(str(path))
    frames = []
    while (read := capture.read())[0]:
        frames.append(cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB))
    capture.release()
    if not frames:
        raise ValueError(
            f"OpenCV ne trouve aucune image dans la vidéo {path} : le fichier est absent, abîmé, ou d'un format qu'il "
            "ne lit pas. Vérifiez le chemin, ou convertissez la vidéo en MP4 (H.264)."
        )
    return np.stack(frames)


def signs():
    """The drawings of 48 European road signs, cut out of their background: Signs. Lesson 2.4.

    Raises:
        labs.catalogue.DataError: the file is missing or damaged.
    """
    name = "signs/signs.webp"
    picture = cv2.imdecode(np.fromfile(catalogue.verified(name), "uint8"), cv2.IMREAD_UNCHANGED)
    rows = len(SIGNS) // SIGNS_PER_ROW
    expected = (rows * SIGN_SIDE, SIGNS_PER_ROW * SIGN_SIDE, 4)
    if picture is None or picture.shape != expected:
        raise catalogue.DataError(f"data/{name} n'est pas une mosaïque {expected}. Refaites-la avec « make data ».")
    tiles = cv2.cvtColor(picture, cv2.COLOR_BGRA2RGBA).reshape(rows, SIGN_SIDE, SIGNS_PER_ROW, SIGN_SIDE, 4)
    return Signs(np.ascontiguousarray(tiles.swapaxes(1, 2)).reshape(-1, SIGN_SIDE, SIGN_SIDE, 4), SIGNS)


def nuclei():
    """Nuclei of cells under a fluorescence microscope, each outlined: Nuclei. Lessons 4.3 and 4.4.

    One picture of the 2018 Data Science Bowl (Caicedo et al. 2019), the example of StarDist (Schmidt et al. 2018). It
    is dim: half its pixels are below 0.1.

    Raises:
        labs.catalogue.DataError: a file is missing or damaged.
    """
    pictures = [cv2.imdecode(np.fromfile(catalogue.verified(name), "uint8"), cv2.IMREAD_COLOR) for name in NUCLEI]
    for name, picture in zip(NUCLEI, pictures):
        if picture is None or picture.shape != (512, 512, 3):
            raise catalogue.DataError(f"data/{name} n'est pas une image de 512×512. Refaites-la avec « make data ».")
    image, instances = (np.ascontiguousarray(picture[..., 0]) for picture in pictures)  # three equal channels
    return Nuclei(image.astype("float32") / 255, instances)


def spambase():
    """Spambase (Hopkins et al. 1999): 4601 messages received in a company, 1813 of them spam: Spambase. Lesson 6.1.

    48 words and 6 characters, as percentages of the words or characters of the message; 3 measures of the runs of
    capitals. The cut between training and test is the course's own, drawn once: no message is on both sides.

    Raises:
        labs.catalogue.DataError: the file is missing or damaged.
    """
    with np.load(catalogue.verified(SPAMBASE)) as file:
        x_train, y_train, x_test, y_test = (file[key] for key in ("x_train", "y_train", "x_test", "y_test"))
    measures = [(x / 1000).astype("float32") for x in (x_train, x_test)]  # stored in thousandths
    return Spambase(measures[0], y_train.astype("int64"), measures[1], y_test.astype("int64"), SPAM_FEATURES)


def imagenet_names():
    """The 1000 classes of ImageNet (ILSVRC 2012), in English, in the order of the logits: tuple of str. Lesson 2.4.

    Raises:
        labs.catalogue.DataError: the file is missing or damaged.
    """
    return tuple(catalogue.verified("imagenet/classes.txt").read_text(encoding="utf-8").splitlines())


def results(name):
    """Measures too long for a lesson, that a script of scripts/ made once: rows {column: text}. Lesson 3.6.

    Raises:
        labs.catalogue.DataError: no measures have this name, or the file is missing or damaged.
    """
    with catalogue.verified(f"results/{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def coco_names(language="fr"):
    """The 80 classes of COCO (Lin et al. 2014) in the order of YOLO's outputs, in French or "en": tuple. Lesson 4.2.

    Raises:
        ValueError: another language.
        labs.catalogue.DataError: the file is missing or damaged.
    """
    if language not in ("fr", "en"):
        raise ValueError(f"Les noms de COCO sont en « fr » ou en « en » ; reçu {language!r}.")
    lines = catalogue.verified("coco/classes.tsv").read_text(encoding="utf-8").splitlines()
    return tuple(line.split("\t")[("en", "fr").index(language)] for line in lines)


def _square(pixels, size):
    side = min(pixels.shape[:2])
    top, left = ((length - side) // 2 for length in pixels.shape[:2])
    how = cv2.INTER_AREA if size <= side else cv2.INTER_LINEAR
    resized = cv2.resize(pixels[top : top + side, left : left + side], (size, size), interpolation=how)
    return resized.clip(0, 1)  # the weights of INTER_AREA add up to one within 1e-7


def mosaic_names(name, split):
    """Return {file relative to data/: number of images in it}, in the order of the images."""
    size = EMBEDDED[name].sizes[split]
    counts = [min(IMAGES_PER_MOSAIC, size - start) for start in range(0, size, IMAGES_PER_MOSAIC)]
    return {f"{name}/{split}_{i}.webp": count for i, count in enumerate(counts)}


def _embedded(name):
    (x_train, y_train), (x_test, y_test) = (_split(name, split) for split in ("train", "test"))
    return Dataset(x_train, y_train, x_test, y_test, EMBEDDED[name].class_names)


def _split(name, split):
    shape, sizes = EMBEDDED[name].shape, EMBEDDED[name].sizes
    images = np.empty((sizes[split], *shape), "uint8")
    mosaics = mosaic_names(name, split)
    parts = np.split(images, np.cumsum(list(mosaics.values()))[:-1])  # views: each thread fills its own
    with futures.ThreadPoolExecutor() as pool:  # OpenCV frees the interpreter while it decodes
        list(pool.map(_read_mosaic, mosaics, parts, [EMBEDDED[name].columns] * len(mosaics)))
    return images, _read_labels(f"{name}/labels_{split}.npy", sizes[split])


def _read_mosaic(name, out, columns):
    """Fill `out` (N, H, W[, 3]) with the images of a mosaic of `columns` columns, read row by row."""
    picture = cv2.imdecode(np.fromfile(catalogue.verified(name), "uint8"), cv2.IMREAD_COLOR)
    count, height, width = out.shape[:3]
    expected = (count // columns * height, columns * width, 3)
    if picture is None or picture.shape != expected:
        found = "ce n'est pas une image" if picture is None else f"elle mesure {picture.shape}"
        raise catalogue.DataError(
            f"data/{name} devrait être une mosaïque de forme {expected}, mais {found}. "
            "Refaites les données avec « make data »."
        )
    # WebP has no grey: a grey picture is stored with three equal channels, and OpenCV gives colours as BGR.
    pixels = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB) if out.ndim == 4 else picture[..., 0]
    tiles = pixels.reshape(count // columns, height, columns, width, *out.shape[3:])
    out.reshape(count // columns, columns, *out.shape[1:])[:] = tiles.swapaxes(1, 2)


def _read_labels(name, size):
    labels = np.load(catalogue.verified(name))
    if labels.dtype != np.uint8 or labels.shape != (size,):
        raise catalogue.DataError(
            f"data/{name} devrait contenir {size} étiquettes uint8, mais contient un tableau {labels.dtype} "
            f"de forme {labels.shape}. Refaites les données avec « make data »."
        )
    return labels.astype("int64")


def _whole(name):
    """The official set, downloaded once by Keras."""
    import keras

    try:
        (x_train, y_train), (x_test, y_test) = getattr(keras.datasets, name).load_data()
    except Exception as error:  # Keras raises a bare Exception when the download fails
        raise catalogue.DataError(
            f"Le jeu « {name} » complet n'a pas pu être obtenu par keras.datasets : {error}\n"
            "Le profil « complet » le télécharge une fois. Vérifiez le réseau, ou travaillez avec les images "
            "embarquées dans data/ : LABS_PROFILE=cours."
        ) from error
    return Dataset(
        np.ascontiguousarray(x_train),  # Keras gives CIFAR-10 as a transposed view
        y_train.reshape(-1).astype("int64"),
        np.ascontiguousarray(x_test),
        y_test.reshape(-1).astype("int64"),
        EMBEDDED[name].class_names,
    )
