"""Make `import cv2` work: without libGL or glib (a bare server), swap in the headless wheel of the same version.

Run by the Makefile after each installation, with the interpreter of the environment: python scripts/ensure_cv2.py
"""

import pathlib
import re
import subprocess
import sys

LOCK = pathlib.Path(__file__).parents[1] / "requirements.lock"


def main(python=sys.executable, lock=LOCK):
    """Return 0 when cv2 imports in the end, 1 otherwise."""
    error = import_error(python)
    if not error:
        return 0
    library = re.search(r"(\S+): cannot open shared object file", error)
    if not library:
        print(f"OpenCV est installé mais « import cv2 » échoue :\n{error}")
        return 1
    version = locked_version(lock)
    print(
        f"La bibliothèque {library[1]} manque sur cette machine : opencv-python est remplacé dans .venv par "
        f"opencv-python-headless {version}, la même version sans fenêtres."
    )
    pip = [python, "-m", "pip", "--disable-pip-version-check"]
    # Both wheels own the same cv2/ folder: the two must go before the one that stays comes.
    subprocess.run([*pip, "uninstall", "--yes", "-qq", "opencv-python", "opencv-python-headless"], check=True)
    subprocess.run([*pip, "install", "--quiet", "--no-deps", f"opencv-python-headless=={version}"], check=True)
    error = import_error(python)
    if error:
        print(f"Même ainsi, « import cv2 » échoue :\n{error}")
    return int(bool(error))


def import_error(python):
    """Return what `import cv2` writes when it fails, "" when it works."""
    result = subprocess.run([python, "-c", "import cv2"], capture_output=True, text=True)
    return result.stderr.strip() if result.returncode else ""


def locked_version(lock):
    """Return the version of opencv-python that the lock file pins."""
    return re.search(r"^opencv-python==(\S+)", lock.read_text(encoding="utf-8"), re.MULTILINE)[1]


if __name__ == "__main__":
    sys.exit(main())
