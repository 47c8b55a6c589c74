"""Writing a video that every browser plays. Lesson 4.6. (`datasets.read_video` reads one.)"""

import pathlib
import tempfile

import numpy as np


def encode(frames, fps=10, *, quality=36):
    """The bytes of an MP4 file in H.264, without sound, of frames (T, H, W, 3), uint8 in RGB order.

    OpenCV reads H.264 but does not write it: the ffmpeg that imageio-ffmpeg carries does.

    Args:
        frames: array, or list of images of one size; H and W are even, as H.264 stores one colour for four pixels.
        fps: frames a second, 0.1 to 120.
        quality: x264's constant rate factor, 0 (as given) to 51 (worst); 6 more halves the size, about.

    Raises:
        ValueError, TypeError: no frame, an empty or grey one, odd sides, not uint8, a number out of its range.
    """
    frames = _require_frames(frames)
    if not 0.1 <= fps <= 120:
        raise ValueError(f"Attendu de 0.1 à 120 images par seconde ; reçu {fps!r}.")
    if not 0 <= quality <= 51:
        raise ValueError(f"Attendu pour quality un nombre de 0 (fidèle) à 51 ; reçu {quality!r}.")
    import imageio_ffmpeg

    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "video.mp4"
        options = ["-crf", f"{quality}", "-threads", "1", "-movflags", "+faststart"]
        options += ["-fflags", "+bitexact", "-flags:v", "+bitexact"]  # no date nor version: the same bytes each time
        writer = imageio_ffmpeg.write_frames(
            path, frames.shape[2:0:-1], fps=fps, quality=None, macro_block_size=1, output_params=options,
            ffmpeg_log_level="error",
        )  # fmt: skip
        writer.send(None)
        for frame in frames:
            writer.send(np.ascontiguousarray(frame))
        writer.close()
        return path.read_bytes()


def write(frames, path, fps=10, *, quality=36):
    """Write the MP4 file that `encode` makes. The file is whole or is not there: it is renamed once complete.

    Raises:
        ValueError, TypeError: as `encode`, or a name that does not end in .mp4.
        OSError: the folder is not there, or cannot be written to.
    """
    path = pathlib.Path(path)
    if path.suffix.lower() != ".mp4":
        raise ValueError(f"Le nom d'une vidéo se termine par .mp4 ; reçu « {path.name} ».")
    content = encode(frames, fps, quality=quality)
    part = path.with_name(path.name + ".part")
    try:
        part.write_bytes(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _require_frames(frames):
    shapes = {np.shape(frame) for frame in frames}
    if len(shapes) != 1:
        raise ValueError(
            f"Attendu des images toutes de même taille ; reçu {sorted(shapes)}."
            if shapes
            else "Aucune image à écrire : la vidéo est vide. Donnez au moins une image (H, L, 3)."
        )
    (shape,) = shapes
    if len(shape) != 3 or shape[2] != 3 or 0 in shape or shape[0] % 2 or shape[1] % 2:
        raise ValueError(
            f"Attendu des images en couleurs (H, L, 3), H et L pairs et non nuls ; reçu {shape}. "
            "Une image grise se répète sur trois canaux ; un côté impair se coupe d'un pixel."
        )
    frames = np.asarray(frames)
    if frames.dtype != np.uint8:
        raise TypeError(f"Attendu des octets (uint8), de 0 à 255 ; reçu {frames.dtype} : multipliez par 255 d'abord.")
    return frames
