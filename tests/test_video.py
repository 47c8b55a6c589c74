import cv2
import numpy as np
import pytest

from labs import datasets, video


@pytest.fixture(scope="module")
def frames():
    """A disc that goes from left to right on a gradient: smooth enough to survive the compression."""
    row = np.linspace(0, 200, 96).astype("uint8")
    made = np.repeat(np.repeat(row[None, None, :, None], 12, 0), 64, 1).repeat(3, 3).copy()
    for t, frame in enumerate(made):
        cv2.circle(frame, (10 + 6 * t, 30), 9, (220, 30, 30), -1)
    return made


def test_opencv_reads_back_the_frames_that_were_written(frames, tmp_path):
    video.write(frames, tmp_path / "disque.mp4", fps=12, quality=10)
    read = datasets.read_video(tmp_path / "disque.mp4")
    assert read.shape == frames.shape
    assert np.abs(read.astype(float) - frames).mean() < 4  # the red is red, and each frame is in its place
    assert cv2.VideoCapture(str(tmp_path / "disque.mp4")).get(cv2.CAP_PROP_FPS) == pytest.approx(12)
    assert [path.name for path in tmp_path.iterdir()] == ["disque.mp4"]


def test_the_bytes_are_those_of_h264_and_the_same_each_time(frames):
    content = video.encode(frames)
    assert content[4:8] == b"ftyp" and b"avc1" in content
    assert content.index(b"moov") < content.index(b"mdat")  # a browser starts before it has everything
    assert video.encode(list(frames)) == content


def test_a_worse_quality_takes_less_room(frames):
    assert len(video.encode(frames, quality=45)) < len(video.encode(frames, quality=15))


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        (np.zeros((0, 8, 8, 3), "uint8"), ValueError, "Aucune image"),
        (np.zeros((2, 8, 8), "uint8"), ValueError, r"\(H, L, 3\)"),
        (np.zeros((2, 7, 8, 3), "uint8"), ValueError, "pairs"),
        (np.zeros((2, 0, 8, 3), "uint8"), ValueError, "non nuls"),
        (np.zeros((2, 8, 8, 3), "float32"), TypeError, "float32"),
        ([np.zeros((8, 8, 3), "uint8"), np.zeros((8, 6, 3), "uint8")], ValueError, "même taille"),
    ],
)
def test_frames_that_make_no_video_are_refused_in_words_and_leave_nothing(wrong, error, words, tmp_path):
    with pytest.raises(error, match=words):
        video.write(wrong, tmp_path / "rien.mp4")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("options", "words"), [({"fps": 0}, "par seconde"), ({"quality": 52}, "quality")])
def test_a_number_out_of_its_range_is_refused(options, words, frames):
    with pytest.raises(ValueError, match=words):
        video.encode(frames, **options)


def test_another_name_is_refused_and_a_file_that_was_there_survives_a_failure(frames, tmp_path):
    with pytest.raises(ValueError, match="mp4"):
        video.write(frames, tmp_path / "disque.avi")
    kept = tmp_path / "garde.mp4"
    kept.write_bytes(b"avant")
    with pytest.raises(TypeError):
        video.write(frames / 255, kept)
    assert kept.read_bytes() == b"avant"
    with pytest.raises(OSError):
        video.write(frames, tmp_path / "absent" / "disque.mp4")
