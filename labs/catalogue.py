"""Where the embedded files are, and the proof that they are intact. Lesson 0."""

import hashlib
import pathlib

DATA = pathlib.Path(__file__).resolve().parents[1] / "data"
SUMS = "SHA256SUMS"


class DataError(RuntimeError):
    """A data file cannot be had; the message says which, why, and what to do."""


def verified(name):
    """Return the path of a file of data/ whose sha256 is the one that data/SHA256SUMS gives.

    Args:
        name: path relative to data/, with slashes, such as "fashion_mnist/train_0.webp".

    Raises:
        DataError: the file is missing, damaged or unknown, or data/SHA256SUMS itself is missing.
    """
    expected = checksums().get(name)
    if expected is None:
        raise DataError(
            f"data/{SUMS} ne connaît pas « {name} ».\n"
            "Vérifiez ce nom : il est relatif à data/, par exemple « fashion_mnist/train_0.webp ». "
            f"S'il est juste, c'est data/{SUMS} qui est abîmé.\n{_restore(SUMS)}"
        )
    path = DATA / name
    if not path.is_file():
        raise DataError(f"data/{name} est absent.\n  sha256 attendu : {expected}\n{_restore(name)}")
    with path.open("rb") as file:
        got = hashlib.file_digest(file, "sha256").hexdigest()
    if got != expected:
        raise DataError(
            f"data/{name} est abîmé ({path.stat().st_size} octets lus).\n"
            f"  sha256 attendu : {expected}\n  sha256 obtenu : {got}\n{_restore(name)}"
        )
    return path


def checksums():
    """Return {name: sha256} as data/SHA256SUMS gives them.

    Raises:
        DataError: there is no data/ folder, or no SHA256SUMS in it.
    """
    if not DATA.is_dir():
        raise DataError(
            f"Le dossier des données est introuvable : {DATA}\n"
            "Le paquet labs s'utilise depuis un clone complet du dépôt. Installez-le à la racine du clone :\n"
            "  make lab\nou\n  pip install -e ."
        )
    path = DATA / SUMS
    if not path.is_file():
        raise DataError(f"data/{SUMS}, la liste des sha256 attendus, est absent.\n{_restore(SUMS)}")
    return read_sums(path)


def read_sums(path):
    """Return {name: sha256} of a file in the format of sha256sum; a line cut short gives no entry."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return {name: sha256 for sha256, _, name in (line.partition("  ") for line in lines) if name}


def _restore(name):
    return (
        f"Pour le remettre en état, à la racine du dépôt :\n  git restore data/{name}\n"
        "ou, avec un réseau :\n  make data"
    )
