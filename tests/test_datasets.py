import hashlib
import io
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import zipfile

import cv2
import make_data
import numpy as np
import PIL.Image
import pytest

from labs import catalogue, datasets

NAMES = ["fashion_mnist", "mnist", "cifar10"]


@pytest.fixture(autouse=True)
def lesson_profile(monkeypatch):
    monkeypatch.setenv("LABS_PROFILE", "cours")


@pytest.fixture(scope="module")
def loaded():
    """Each set, read once; no test writes into it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABS_PROFILE", "cours")
        return {name: datasets.load(name) for name in NAMES}


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A copy of MNIST's files that a test may damage."""
    shutil.copytree(catalogue.DATA / "mnist", tmp_path / "mnist")
    shutil.copy(catalogue.DATA / "SHA256SUMS", tmp_path)
    monkeypatch.setattr(catalogue, "DATA", tmp_path)
    return tmp_path


def replace(data, name, content):
    """Write a file of the copy and its true sum, as an author who made the data wrong would."""
    (data / name).write_bytes(content)
    lines = (data / "SHA256SUMS").read_text().splitlines()
    sums = {line[66:]: line[:64] for line in lines} | {name: hashlib.sha256(content).hexdigest()}
    (data / "SHA256SUMS").write_text("".join(f"{sha256}  {name}\n" for name, sha256 in sums.items()))


def in_colours(image):
    """An image (H, W) or (H, W, 3) as (H, W, 3): a grey one three times."""
    return np.broadcast_to(image.reshape(*image.shape[:2], -1), (*image.shape[:2], 3))


# ── What is loaded ──


@pytest.mark.parametrize(
    "name, train, test",
    [
        ("fashion_mnist", (60_000, 28, 28), (10_000, 28, 28)),
        ("mnist", (20_000, 28, 28), (10_000, 28, 28)),
        ("cifar10", (20_000, 32, 32, 3), (4_000, 32, 32, 3)),
    ],
)
def test_the_shapes_and_types_are_those_announced(loaded, name, train, test):
    x_train, y_train, x_test, y_test, class_names = loaded[name]
    assert (x_train.shape, x_test.shape) == (train, test)
    assert (y_train.shape, y_test.shape) == (train[:1], test[:1])
    assert x_train.dtype == x_test.dtype == np.uint8
    assert y_train.dtype == y_test.dtype == np.int64
    assert len(class_names) == len(set(class_names)) == 10


@pytest.mark.parametrize("name", NAMES)
def test_every_class_has_the_same_number_of_images_but_in_the_official_test_of_mnist(loaded, name):
    official = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    for labels, exception in ((loaded[name].y_train, None), (loaded[name].y_test, official)):
        balanced = [len(labels) // 10] * 10
        assert np.bincount(labels).tolist() == (exception if name == "mnist" and exception else balanced)


@pytest.mark.parametrize(
    "name, split, first",
    [
        ("fashion_mnist", "y_train", [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]),
        ("fashion_mnist", "y_test", [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]),
        ("mnist", "y_train", [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]),
        ("mnist", "y_test", [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]),
        ("cifar10", "y_train", [6, 9, 9, 4, 1, 1, 2, 7, 8, 3]),
        ("cifar10", "y_test", [3, 8, 8, 0, 6, 6, 1, 6, 3, 1]),
    ],
)
def test_the_first_labels_are_those_of_the_official_split(loaded, name, split, first):
    assert getattr(loaded[name], split)[:10].tolist() == first


@pytest.mark.parametrize(
    "name, mean, deviation, tolerance",
    [  # the published figures of the full training sets; MNIST and CIFAR-10 are a third of theirs
        ("fashion_mnist", [0.2860], [0.3530], 5e-5),
        ("mnist", [0.1307], [0.3081], 3e-3),
        ("cifar10", [0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616], 3e-3),
    ],
)
def test_mean_and_deviation_of_each_channel_are_the_published_ones(loaded, name, mean, deviation, tolerance):
    got_mean, got_deviation = cv2.meanStdDev(loaded[name].x_train.reshape(-1, 1, len(mean)))
    assert got_mean[:, 0] / 255 == pytest.approx(mean, abs=tolerance)
    assert got_deviation[:, 0] / 255 == pytest.approx(deviation, abs=tolerance)


@pytest.mark.parametrize("name, accuracy", [("fashion_mnist", 0.677), ("mnist", 0.82), ("cifar10", 0.28)])
def test_labels_go_with_images_for_the_nearest_mean_guesses_as_often_as_is_known(loaded, name, accuracy):
    x_train, y_train, x_test, y_test = (array.reshape(len(array), -1) for array in loaded[name][:4])
    means = np.stack([x_train[y_train[:, 0] == label].mean(0) for label in range(10)])
    distances = (means**2).sum(1) - 2 * x_test.astype("float64") @ means.T
    assert (distances.argmin(1) == y_test[:, 0]).mean() == pytest.approx(accuracy, abs=0.02)


@pytest.mark.parametrize("name", NAMES)
def test_another_library_sees_the_same_tiles_in_the_mosaics_in_the_same_colours(loaded, name):
    images, side = loaded[name].x_test, loaded[name].x_test.shape[1]
    with PIL.Image.open(catalogue.DATA / name / "test_0.webp") as picture:
        assert picture.size == (100 * side, len(images) // 100 * side)
        for i in (0, 1, 99, 100, 2345, len(images) - 1):
            row, column = divmod(i, 100)
            tile = picture.crop((column * side, row * side, (column + 1) * side, (row + 1) * side))
            assert np.array_equal(np.asarray(tile), in_colours(images[i]))


def test_arrays_are_writeable_contiguous_and_independent_of_the_next_load():
    first, second = datasets.load("mnist"), datasets.load("mnist")
    arrays = [*first[:4], *second[:4]]
    assert all(array.flags.writeable and array.flags.c_contiguous for array in arrays)
    assert not any(np.shares_memory(a, b) for i, a in enumerate(arrays) for b in arrays[:i])


@pytest.mark.parametrize("name", NAMES)
def test_load_gives_what_the_function_of_that_name_gives(loaded, name):
    for a, b in zip(loaded[name], getattr(datasets, name)(), strict=True):
        assert np.array_equal(a, b)


def test_a_dataset_cannot_be_changed_in_place(loaded):
    with pytest.raises(AttributeError):
        loaded["mnist"].x_train = None


@pytest.mark.parametrize("name", ["MNIST", "fashion", "", None])
def test_an_unknown_name_is_an_error_that_lists_the_known_ones(name):
    with pytest.raises(ValueError, match="fashion_mnist.*mnist.*cifar10") as caught:
        datasets.load(name)
    assert repr(name) in str(caught.value)


# ── Faces ──


@pytest.fixture(scope="module")
def faces():
    return datasets.load("orl_faces")


def test_the_faces_are_ten_photographs_of_forty_people_cut_in_two_halves(faces):
    assert faces.x_train.shape == faces.x_test.shape == (200, 112, 92)
    assert faces.x_train.dtype == faces.x_test.dtype == np.uint8
    assert len({image.tobytes() for image in np.concatenate([faces.x_train, faces.x_test])}) == 400
    assert len(set(faces.class_names)) == 40
    for labels in (faces.y_train, faces.y_test):
        assert labels.dtype == np.int64 and (labels.reshape(5, 40) == np.arange(40)).all()


def test_another_library_sees_each_person_in_a_column_of_the_mosaic(faces):
    with PIL.Image.open(catalogue.DATA / "orl_faces" / "test_0.webp") as picture:
        assert picture.size == (40 * 92, 5 * 112)
        for photograph, person in ((0, 0), (0, 39), (3, 17), (4, 39)):
            left, top = 92 * person, 112 * photograph
            tile = picture.crop((left, top, left + 92, top + 112))
            given = faces.x_test.reshape(5, 40, 112, 92)[photograph, person]
            assert np.array_equal(np.asarray(tile), in_colours(given))


def test_photographs_of_one_person_are_closer_than_those_of_two(faces):
    train, test = (x.reshape(200, -1).astype("float64") for x in (faces.x_train, faces.x_test))
    distances = (train**2).sum(1) - 2 * test @ train.T
    assert 0.85 < (faces.y_train[distances.argmin(1)] == faces.y_test).mean() < 0.95  # 1 in 40 by chance


def test_the_faces_are_read_from_a_wheel_person_by_person(tmp_path):
    def tag(person, photograph):
        return np.array([person, photograph, 7], "uint8")

    with zipfile.ZipFile(tmp_path / "package.whl", "w") as wheel:
        for person in range(1, 41):
            for photograph in range(1, 11):
                file = b"P5\n3 1\n255\n" + tag(person, photograph).tobytes()
                wheel.writestr(f"faces/s{person}/{photograph}.pgm", file)
    splits = make_data.read_orl_faces(tmp_path / "package.whl", "faces")
    for split, first in (("train", 1), ("test", 6)):
        images, labels = splits[split]
        assert images.shape == (200, 1, 3) and labels.dtype == np.uint8
        for i in (0, 39, 40, 117, 199):
            assert np.array_equal(images[i, 0], tag(i % 40 + 1, first + i // 40)) and labels[i] == i % 40


# ── Photographs ──


@pytest.mark.parametrize("name", datasets.PHOTOS + datasets.TEXTURES + datasets.STREETS)
def test_a_photograph_has_the_pixels_that_another_library_reads(name):
    got = datasets.photo(name)
    with PIL.Image.open(catalogue.DATA / "photos" / f"{name}.webp") as picture:
        assert np.array_equal(np.round(got * 255), np.asarray(picture))
        grey = np.asarray(picture.convert("L"))  # Rec. 601 too, rounded
    assert got.dtype == np.float32 and got.shape[2] == 3 and max(got.shape) <= 512
    assert datasets.photo(name, gray=True) * 255 == pytest.approx(grey, abs=1.01)


@pytest.mark.parametrize(("name", "size"), [("cafe", 1), ("cafe", 64), ("cafe", 277), ("cafe", 400), ("chine", 64)])
def test_a_photograph_of_a_given_size_is_a_square_in_the_same_range(name, size):
    colour, grey = datasets.photo(name, size=size), datasets.photo(name, size=size, gray=True)
    assert colour.shape == (size, size, 3) and grey.shape == (size, size)
    assert colour.dtype == grey.dtype == np.float32
    assert 0 <= min(colour.min(), grey.min()) <= max(colour.max(), grey.max()) <= 1


def test_a_photograph_is_cut_at_its_centre_before_it_is_resampled():
    whole = datasets.photo("cafe")
    side = min(whole.shape[:2])
    top, left = (whole.shape[0] - side) // 2, (whole.shape[1] - side) // 2
    assert np.array_equal(datasets.photo("cafe", size=side), whole[top : top + side, left : left + side])
    assert datasets.photo("cafe", size=1)[0, 0] == pytest.approx(
        whole[top : top + side, left : left + side].mean((0, 1)), abs=1e-4
    )


def test_the_photographs_together_weigh_less_than_600_kilobytes():
    assert sum((catalogue.DATA / datasets.photo_name(name)).stat().st_size for name in datasets.PHOTOS) < 600_000


@pytest.mark.parametrize("name", ["chien", "Chat", "", None])
def test_an_unknown_photograph_is_an_error_that_lists_the_known_ones(name):
    with pytest.raises(ValueError, match="chat.*cafe.*chine.*fleur") as caught:
        datasets.photo(name)
    assert repr(name) in str(caught.value)


@pytest.mark.parametrize("size", [0, -3, 12.5, "128", True, (64, 64)])
def test_a_size_that_is_not_a_number_of_pixels_is_refused(size):
    with pytest.raises(ValueError, match="nombre entier de pixels"):
        datasets.photo("chat", size=size)


# ── Damaged files ──


def test_a_photograph_that_is_no_picture_is_refused(data):
    (data / "photos").mkdir()
    replace(data, "photos/chat.webp", b"bonjour")
    with pytest.raises(catalogue.DataError, match="chat.webp n'est pas une image"):
        datasets.photo("chat")


@pytest.mark.parametrize("name", ["mnist/train_1.webp", "mnist/labels_train.npy"])
@pytest.mark.parametrize("damage", ["flipped", "truncated", "missing"])
def test_a_damaged_file_stops_the_load_and_is_named(data, name, damage):
    content = bytearray((data / name).read_bytes())
    content[-1] ^= 1
    if damage == "missing":
        (data / name).unlink()
    else:
        (data / name).write_bytes(content if damage == "flipped" else content[:-100])
    with pytest.raises(catalogue.DataError, match=f"git restore data/{name}"):
        datasets.load("mnist")


def test_a_mosaic_of_another_size_is_refused_and_not_resized(data):
    _, encoded = cv2.imencode(".webp", np.zeros((2800, 2828, 3), "uint8"))
    replace(data, "mnist/test_0.webp", encoded.tobytes())
    with pytest.raises(catalogue.DataError, match=r"test_0\.webp .*\(2800, 2800, 3\).*\(2800, 2828, 3\)"):
        datasets.load("mnist")


def test_a_mosaic_that_is_no_picture_is_refused(data):
    replace(data, "mnist/test_0.webp", b"bonjour")
    with pytest.raises(catalogue.DataError, match=r"test_0\.webp .*pas une image"):
        datasets.load("mnist")


@pytest.mark.parametrize("labels", [np.zeros(9_999, "uint8"), np.zeros(10_000, "int32")])
def test_labels_of_another_number_or_type_are_refused_and_not_cast(data, labels):
    np.save(data / "labels.npy", labels)
    replace(data, "mnist/labels_test.npy", (data / "labels.npy").read_bytes())
    with pytest.raises(catalogue.DataError, match=r"labels_test\.npy .*10000"):
        datasets.load("mnist")


# ── Profile "complet" ──


@pytest.mark.parametrize("name, shape", [("mnist", (28, 28)), ("cifar10", (32, 32, 3))])
def test_the_complete_profile_gives_the_arrays_of_keras_in_the_same_form(monkeypatch, name, shape):
    import keras

    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (n, *shape), "uint8") for n in (7, 5)]
    labels = [rng.integers(0, 10, n).astype("uint8") for n in (7, 5)]
    given_images, given_labels = images, labels
    if name == "cifar10":  # Keras gives a view of channels-first memory, and labels in a column
        given_images = [x.transpose(0, 3, 1, 2).copy().transpose(0, 2, 3, 1) for x in images]
        given_labels = [y[:, None] for y in labels]
    given = tuple(zip(given_images, given_labels))
    monkeypatch.setattr(getattr(keras.datasets, name), "load_data", lambda: given)
    monkeypatch.setenv("LABS_PROFILE", "complet")
    dataset = datasets.load(name)
    assert isinstance(dataset, datasets.Dataset)
    for got, expected in zip(dataset[:4], (images[0], labels[0], images[1], labels[1])):
        assert np.array_equal(got, expected)
        assert got.flags.c_contiguous and got.flags.writeable
    assert (dataset.x_train.dtype, dataset.y_train.dtype) == (np.uint8, np.int64)
    assert dataset.class_names == datasets.EMBEDDED[name].class_names


def test_fashion_mnist_is_the_embedded_one_in_the_complete_profile(monkeypatch, loaded):
    monkeypatch.setenv("LABS_PROFILE", "complet")
    assert np.array_equal(datasets.load("fashion_mnist").x_test, loaded["fashion_mnist"].x_test)


def test_the_complete_profile_without_network_says_to_use_the_embedded_images(tmp_path):
    # Keras itself, in its own process, with a proxy on a closed port and an empty cache.
    dead = {name: "http://127.0.0.1:9" for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")}
    environment = {
        **os.environ,
        **dead,
        "no_proxy": "",
        "KERAS_HOME": str(tmp_path),
        "LABS_PROFILE": "complet",
    }
    code = (
        "from labs import catalogue, datasets\n"
        "try: datasets.load('mnist')\n"
        "except catalogue.DataError as error: print(error)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, encoding="utf-8"
    )
    assert result.returncode == 0, result.stderr
    assert "mnist" in result.stdout and "réseau" in result.stdout and "LABS_PROFILE=cours" in result.stdout
    assert not list(tmp_path.rglob("*.npz"))


# ── The script that makes data/ ──


@pytest.mark.parametrize("shape", [(300, 28, 28), (300, 32, 32, 3)])
def test_a_mosaic_is_lossless_and_the_same_bytes_twice(shape):
    images = np.random.default_rng(0).integers(0, 256, shape, "uint8")
    encoded = make_data.encode_mosaic(images)
    assert encoded == make_data.encode_mosaic(images.copy())
    bgr = cv2.imdecode(np.frombuffer(encoded, "uint8"), cv2.IMREAD_COLOR)
    assert np.array_equal(bgr[-shape[1] :, -shape[2] :, ::-1], in_colours(images[-1]))


@pytest.mark.parametrize("size, expected", [((640, 427), (278, 416)), ((300, 416), (416, 300)), ((40, 30), (30, 40))])
def test_a_photograph_comes_out_of_its_wheel_no_larger_than_allowed(tmp_path, size, expected):
    original = PIL.Image.fromarray(np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), "uint8"))
    original.save(tmp_path / "photo.png")
    with zipfile.ZipFile(tmp_path / "package.whl", "w") as wheel:
        wheel.write(tmp_path / "photo.png", "package/photo.png")
    pixels = make_data.read_photo(tmp_path / "package.whl", "package/photo.png")
    assert pixels.shape == (*expected, 3)
    if max(size) <= make_data.LARGEST_PHOTO:
        assert np.array_equal(pixels, np.asarray(original))
    make_data.write_photo(tmp_path, "essai", pixels)
    with PIL.Image.open(tmp_path / "photos" / "essai.webp") as written:
        assert np.array_equal(np.asarray(written), pixels)


def test_the_photographs_that_are_made_are_those_that_are_read():
    assert tuple(make_data.PHOTOS) == datasets.PHOTOS + datasets.TEXTURES + datasets.STREETS
    assert {package for package, _ in make_data.PHOTOS.values()} <= make_data.SHA256.keys()
    assert make_data.SHA256.keys() == make_data.DOWNLOAD.keys()


def test_the_first_of_each_class_are_kept_in_their_order():
    labels = np.array([1, 1, 1, *range(10), *range(10), 0])
    kept = make_data.first_of_each_class(labels, 20)
    assert kept.tolist() == [0, 1, 3, *range(5, 14), *range(15, 23)]  # neither the later 1s nor the last 0


def test_a_class_with_too_few_images_is_an_error():
    with pytest.raises(ValueError, match="10 classes de 2 images"):
        make_data.first_of_each_class(np.arange(10), 20)


def test_a_debian_package_is_read_as_the_ar_tool_writes_it(tmp_path):
    if not shutil.which("ar"):
        pytest.skip("ar est absent de cette machine")
    contents = {"debian-binary": b"2.0\n", "control.tar.xz": b"odd", "data.tar.xz": bytes(range(256))}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    subprocess.run(["ar", "rc", "package.deb", *contents], cwd=tmp_path, check=True)
    archive = (tmp_path / "package.deb").read_bytes()
    assert {name: make_data.ar_member(archive, name) for name in contents} == contents
    with pytest.raises(ValueError, match="ne contient pas data.zip"):
        make_data.ar_member(archive, "data.zip")


def test_a_photograph_comes_out_of_a_debian_package_too(tmp_path):
    if not shutil.which("ar"):
        pytest.skip("ar est absent de cette machine")
    original = PIL.Image.fromarray(np.random.default_rng(0).integers(0, 256, (30, 40, 3), "uint8"))
    original.save(tmp_path / "photo.png")
    with tarfile.open(tmp_path / "data.tar.xz", "w:xz") as tar:
        tar.add(tmp_path / "photo.png", "./usr/photo.png")
    subprocess.run(["ar", "rc", "package.deb", "data.tar.xz"], cwd=tmp_path, check=True)
    pixels = make_data.read_photo(tmp_path / "package.deb", "./usr/photo.png")
    assert np.array_equal(pixels, np.asarray(original))


def test_packages_that_are_missing_or_not_the_expected_ones_stop_the_script_before_it_writes(tmp_path):
    out = tmp_path / "out"
    with pytest.raises(SystemExit, match=r"dataset-fashion-mnist_\S+\.deb manque"):
        make_data.main(["--packages", str(tmp_path), "--out", str(out)])
    for package in make_data.SHA256:
        (tmp_path / package).write_bytes(b"something else")
    with pytest.raises(SystemExit, match="sha256 attendu"):
        make_data.main(["--packages", str(tmp_path), "--out", str(out)])
    assert not out.exists()


def test_a_download_that_fails_says_how_to_work_without_a_network(tmp_path, monkeypatch):
    monkeypatch.setattr(make_data, "DOWNLOAD", {"absent.tgz": ["no-such-client-anywhere", "pack"]})
    with pytest.raises(SystemExit, match="--packages"):
        make_data.download(tmp_path, ["absent.tgz"])


def test_making_one_set_again_keeps_the_sums_of_the_other_files_and_repairs_the_table(tmp_path):
    (tmp_path / "weights").mkdir()
    for name in ("a.npy", "weights/b.h5"):
        (tmp_path / name).write_bytes(name.encode())
    before = f"{'0' * 64}  a.npy\n{'1' * 64}  weights/b.h5\n{'2' * 64}  gone.npy\ncut sh"
    (tmp_path / "SHA256SUMS").write_text(before)
    readme = f"Avant\n{make_data.TABLE_START}\nvieux\n{make_data.TABLE_END}\nAprès\n"
    (tmp_path / "README.md").write_text(readme, encoding="utf-8")
    make_data.record(tmp_path, ["a.npy"])
    sums = f"{hashlib.sha256(b'a.npy').hexdigest()}  a.npy\n{'1' * 64}  weights/b.h5\n"
    assert (tmp_path / "SHA256SUMS").read_text() == sums
    readme = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert readme.startswith("Avant\n") and readme.endswith("\nAprès\n") and "vieux" not in readme
    assert f"| `weights/b.h5` | 12 | `{'1' * 64}` |" in readme


# ── The video ──


@pytest.fixture(scope="module")
def walkers():
    return datasets.video("passants")


def test_the_video_has_the_frames_announced_by_a_camera_that_does_not_move(walkers):
    assert walkers.shape == (200, 384, 512, 3) and walkers.dtype == np.uint8
    background = np.median(walkers[::20], axis=0)
    changed = np.abs(walkers[::20] - background).max(-1) > 40
    assert 0.002 < changed.mean() < 0.05  # walkers, and nothing else
    sky_and_wall, grass = walkers[:, 25:45, 230:350].mean((0, 1, 2)), walkers[:, 250:, :200].mean((0, 1, 2))
    assert sky_and_wall[0] > sky_and_wall[2] + 10 and grass[1] > grass[0] + 10 > grass[2]  # red bricks, green grass


def test_another_decoder_sees_the_same_frames_in_the_same_colours(walkers):
    ffmpeg = pytest.importorskip("imageio_ffmpeg")
    frames = ffmpeg.read_frames(catalogue.DATA / datasets.video_name("passants"))
    assert next(frames)["fps"] == make_data.VIDEO_RATE
    for t, frame in enumerate(frames):
        if t % 40 == 0:
            expected = np.frombuffer(frame, "uint8").reshape(384, 512, 3).astype(int)
            assert np.abs(walkers[t] - expected).mean() < 3
    assert t == 199


def test_the_videos_weigh_less_than_a_megabyte():
    assert sum(path.stat().st_size for path in (catalogue.DATA / "videos").iterdir()) < 1e6


@pytest.mark.parametrize("name", ["vtest", "", "passants.mp4"])
def test_an_unknown_video_is_an_error_that_lists_the_known_ones(name):
    with pytest.raises(ValueError, match="« passants »"):
        datasets.video(name)


@pytest.mark.parametrize("content", [None, b"", b"not a video" * 100])
def test_a_video_that_cannot_be_opened_is_named(tmp_path, content):
    path = tmp_path / "ma_video.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match="ma_video.mp4"):
        datasets.read_video(path)


def test_an_extract_has_the_frames_asked_for_and_the_same_bytes_twice(tmp_path):
    pytest.importorskip("imageio_ffmpeg")
    path = str(tmp_path / "given.avi")
    writer = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
    for t in range(12):
        writer.write(np.full((48, 64, 3), 20 * t, "uint8"))  # brighter and brighter
    writer.release()
    made = [make_data.encode_video(pathlib.Path(path).read_bytes(), 4, 5, size=(32, 24)) for _ in range(2)]
    assert made[0] == made[1]
    (tmp_path / "made.mp4").write_bytes(made[0])
    frames = datasets.read_video(tmp_path / "made.mp4")
    assert frames.shape == (5, 24, 32, 3)
    assert frames.mean((1, 2, 3)) == pytest.approx([80, 100, 120, 140, 160], abs=5)


# ── Spambase ──


@pytest.fixture(scope="module")
def mail():
    return datasets.spambase()


def test_spambase_has_the_messages_of_its_authors_and_none_on_both_sides(mail):
    assert (mail.x_train.shape, mail.x_test.shape) == ((3067, 57), (1534, 57))
    assert mail.x_train.dtype == mail.x_test.dtype == np.float32
    assert mail.y_train.dtype == mail.y_test.dtype == np.int64
    labels = np.concatenate([mail.y_train, mail.y_test])
    assert np.bincount(labels).tolist() == [2788, 1813]  # 39.4 % of spam
    assert not {row.tobytes() for row in mail.x_train} & {row.tobytes() for row in mail.x_test}
    assert all(0.3 < y[:500].mean() < 0.5 for y in (mail.y_train, mail.y_test))  # shuffled: any part has both


@pytest.mark.parametrize(
    "name, ham, spam",
    [  # the mean percentages that Hastie, Tibshirani & Friedman print (The Elements of Statistical Learning, table 1.1)
        ("george", 1.27, 0.00), ("you", 1.27, 2.26), ("your", 0.44, 1.38), ("hp", 0.90, 0.02), ("free", 0.07, 0.52),
        ("hpl", 0.43, 0.01), ("!", 0.11, 0.51), ("our", 0.18, 0.51), ("re", 0.42, 0.13), ("edu", 0.29, 0.01),
        ("remove", 0.01, 0.28),
    ],
)  # fmt: skip
def test_the_mean_of_a_word_in_each_class_is_the_published_one(mail, name, ham, spam):
    measures, labels = np.concatenate([mail.x_train, mail.x_test]), np.concatenate([mail.y_train, mail.y_test])
    column = measures[:, mail.feature_names.index(name)]
    assert [column[labels == label].mean() for label in (0, 1)] == pytest.approx([ham, spam], abs=0.0151)


def test_the_capitals_of_spambase_are_counted_in_letters(mail):
    average, longest, total = mail.x_train[:, 54:].T
    assert len(mail.feature_names) == len(set(mail.feature_names)) == 57
    assert (average >= 1).all() and (longest >= average - 1e-3).all() and (total >= longest).all()
    assert (longest == np.round(longest)).all() and (total == np.round(total)).all()


def test_damaged_spambase_is_an_error_that_names_the_file(tmp_path, monkeypatch):
    shutil.copytree(catalogue.DATA / "spambase", tmp_path / "spambase")
    shutil.copy(catalogue.DATA / "SHA256SUMS", tmp_path)
    monkeypatch.setattr(catalogue, "DATA", tmp_path)
    (tmp_path / datasets.SPAMBASE).write_bytes((tmp_path / datasets.SPAMBASE).read_bytes()[:-1])
    with pytest.raises(catalogue.DataError, match=f"{datasets.SPAMBASE}.*abîmé"):
        datasets.spambase()


def test_the_copies_of_a_message_stay_on_one_side_and_the_measures_are_exact():
    rng = np.random.default_rng(0)
    measures = np.round(rng.uniform(0, 100, (60, 57)), 3)[rng.integers(0, 60, 90)]
    labels = rng.integers(0, 2, 90).astype("uint8")
    made = make_data.encode_spambase(measures, labels)
    assert made == make_data.encode_spambase(measures.copy(), labels)
    with np.load(io.BytesIO(made)) as file:
        train, test = file["x_train"], file["x_test"]
        written = sorted(map(bytes, np.concatenate([train, test])))
    assert written == sorted(map(bytes, np.round(measures * 1000).astype("uint32")))
    assert not {row.tobytes() for row in train} & {row.tobytes() for row in test}
    with pytest.raises(ValueError, match="trois décimales"):
        make_data.encode_spambase(measures + 1e-5, labels)


# ── Nuclei ──


@pytest.fixture(scope="module")
def nuclei():
    return datasets.nuclei()


def test_the_nuclei_are_125_numbered_without_gaps_bright_on_a_dark_picture(nuclei):
    image, instances = nuclei
    assert image.shape == instances.shape == (512, 512) and (image.dtype, instances.dtype) == (np.float32, np.uint8)
    assert np.unique(instances).tolist() == list(range(126))
    inside = instances > 0
    assert 0.15 < inside.mean() < 0.25 and np.median(image[inside]) > 1.5 * np.median(image[~inside])
    pieces = [cv2.connectedComponents((instances == label).astype("uint8"))[0] - 1 for label in range(1, 126)]
    assert pieces == [1] * 125  # pixels that touch by a corner count: one nucleus holds by a corner only


def test_another_library_sees_the_same_nuclei(nuclei):
    for name, expected in zip(datasets.NUCLEI, (np.round(nuclei.image * 255), nuclei.instances)):
        with PIL.Image.open(catalogue.DATA / name) as picture:
            assert np.array_equal(np.asarray(picture.convert("RGB"))[..., 1], expected)


def test_damaged_nuclei_are_an_error_that_names_the_file(tmp_path, monkeypatch):
    shutil.copytree(catalogue.DATA / "nuclei", tmp_path / "nuclei")
    shutil.copy(catalogue.DATA / "SHA256SUMS", tmp_path)
    monkeypatch.setattr(catalogue, "DATA", tmp_path)
    _, encoded = cv2.imencode(".webp", np.zeros((64, 64, 3), "uint8"))
    replace(tmp_path, datasets.NUCLEI[1], encoded.tobytes())
    with pytest.raises(catalogue.DataError, match=f"{datasets.NUCLEI[1]}.*512"):
        datasets.nuclei()
    (tmp_path / datasets.NUCLEI[0]).write_bytes(b"cut")
    with pytest.raises(catalogue.DataError, match=f"{datasets.NUCLEI[0]}.*abîmé"):
        datasets.nuclei()


def test_the_nuclei_are_numbered_again_without_gaps_and_kept_pixel_for_pixel(tmp_path):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (512, 512)).astype("uint16")
    mask = rng.choice([0, 3, 7, 180], (512, 512)).astype("uint16")
    with zipfile.ZipFile(tmp_path / "package.whl", "w") as wheel:
        for name, pixels in (("img2d", image), ("mask2d", mask)):
            stream = io.BytesIO()
            PIL.Image.fromarray(pixels).save(stream, "TIFF")
            wheel.writestr(f"stardist/data/images/{name}.tif", stream.getvalue())
    read = make_data.read_nuclei(tmp_path / "package.whl")
    assert np.array_equal(read[0], image)
    assert np.array_equal(read[1], np.searchsorted([0, 3, 7, 180], mask))


# ── Road signs, and the names of ImageNet ──


def test_the_road_signs_are_48_different_drawings_opaque_at_their_centre_only():
    images, names = datasets.signs()
    assert images.shape == (48, 128, 128, 4) and images.dtype == np.uint8 and images.flags.c_contiguous
    assert len(set(names)) == len(names) == len({image.tobytes() for image in images}) == 48
    assert (images[:, 64, 64, 3] == 255).all() and (images[:, (0, 0, -1, -1), (0, -1, 0, -1), 3] == 0).all()
    assert np.isin(images[..., 3], (0, 255)).mean() > 0.9  # the rest is the edge of the drawings


def test_another_library_sees_the_same_signs_in_the_same_colours():
    images = datasets.signs().images
    with PIL.Image.open(catalogue.DATA / "signs" / "signs.webp") as picture:
        pixels = np.asarray(picture.convert("RGBA"))
    for rank in (0, 7, 8, 47):
        top, left = (128 * place for place in divmod(rank, 8))
        assert np.array_equal(images[rank], pixels[top : top + 128, left : left + 128])


@pytest.mark.parametrize(
    "name, place, colour",
    [  # a stop is red, a roundabout blue, a 30 white with black digits in a red ring
        ("stop", (30, 64), "red"),
        ("carrefour giratoire", (64, 64), "blue"),
        ("vitesse 30", (30, 64), "white"),
        ("vitesse 30", (6, 64), "red"),
    ],
)
def test_a_sign_has_its_colours(name, place, colour):
    images, names = datasets.signs()
    red, green, blue, opacity = images[names.index(name)][place].astype(int)
    seen = "red" if red > blue + 60 else "blue" if blue > red + 60 else "white" if min(red, green, blue) > 200 else "?"
    assert (seen, opacity) == (colour, 255)


@pytest.mark.parametrize("one, other", [("à droite", "à gauche"), ("contourner à droite", "contourner à gauche")])
def test_right_and_left_are_mirrors_of_each_other(one, other):
    images, names = datasets.signs()
    right, left = (images[names.index(name)].astype(int) for name in (one, other))
    assert np.abs(right[:, ::-1] - left).mean() < np.abs(right - left).mean() / 2


def test_the_files_of_the_signs_are_as_many_as_their_names():
    assert len(make_data.SIGN_FILES) == len(set(make_data.SIGN_FILES)) == len(datasets.SIGNS)


def test_the_names_of_imagenet_are_in_the_order_of_the_challenge():
    names = datasets.imagenet_names()
    assert len(names) == 1000 and all(name == name.strip() != "" for name in names)
    known = {0: "tench", 281: "tabby", 285: "Egyptian cat", 504: "coffee mug", 919: "street sign", 967: "espresso"}
    assert all(names[rank].split(",")[0] == name for rank, name in known.items())
    assert names[999].startswith("toilet tissue")
    assert [rank for rank, name in enumerate(names) if names.count(name) > 1] == [134, 517]  # crane: bird, machine


@pytest.fixture
def drawings(tmp_path, monkeypatch):
    """A copy of the signs and names that a test may damage."""
    for folder in ("signs", "imagenet"):
        shutil.copytree(catalogue.DATA / folder, tmp_path / folder)
    shutil.copy(catalogue.DATA / "SHA256SUMS", tmp_path)
    monkeypatch.setattr(catalogue, "DATA", tmp_path)
    return tmp_path


@pytest.mark.parametrize("name, read", [("signs/signs.webp", datasets.signs),
                                        ("imagenet/classes.txt", datasets.imagenet_names)])  # fmt: skip
def test_damaged_signs_or_names_are_an_error_that_names_the_file(drawings, name, read):
    content = (drawings / name).read_bytes()
    (drawings / name).write_bytes(content[:-1])
    with pytest.raises(catalogue.DataError, match=f"{name}.*abîmé"):
        read()
    (drawings / name).unlink()
    with pytest.raises(catalogue.DataError, match=f"{name}.*absent"):
        read()


def test_a_mosaic_of_signs_of_another_size_is_refused(drawings):
    _, encoded = cv2.imencode(".webp", np.zeros((64, 64, 4), "uint8"))
    replace(drawings, "signs/signs.webp", encoded.tobytes())
    with pytest.raises(catalogue.DataError, match="mosaïque.*768, 1024, 4"):
        datasets.signs()
