"""`soulsai play`: as a video, in a window, and where neither is possible."""

import re
import sys
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from untrained import make_run

from soulsai_core.agents.video import VideoWriter
from soulsai_core.agents.window import Window
from soulsai_core.errors import ConfigError, SoulsAIError
from soulsai_core.node.formatting import number

imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")


@pytest.fixture(scope="module")
def saves(tmp_path_factory):
    saves = tmp_path_factory.mktemp("saves")
    make_run(saves / "cart")
    return saves


def frames_of(file):
    frames = imageio_ffmpeg.read_frames(str(file))
    size = next(frames)["size"]
    return size, sum(1 for _ in frames)


@pytest.mark.parametrize("ending", ["mp4", "gif"])
def test_video_has_a_picture_of_each_step_and_shows_the_last_one_for_a_while(run_here, saves, tmp_path, ending):
    file = tmp_path / "new" / f"cart.{ending}"
    output = run_here("play", "cart", "--saves", str(saves), "--video", str(file), "--seed", "3")
    length = int(re.search(r"Episode 1 returned [\d.]+ in (\d+) steps", output)[1])
    size, frames = frames_of(file)
    assert size == (600, 400) and frames == length + 1 + 75  # 1.5 s
    measured = run_here("eval", "cart", "--saves", str(saves), "--seed", "3", "--episodes", "1")
    assert measured.count(f" {number(length)}\n") >= 2


def test_window_shows_each_step_and_may_be_closed(run_here, saves, monkeypatch):
    pygame = pytest.importorskip("pygame")
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    command = ("play", str(saves / "cart"), "--best", "--explore", "--set", "environment.config.max_episode_steps=8")
    assert "in 8 steps." in run_here(*command)
    monkeypatch.setattr(pygame.event, "get", lambda: [pygame.event.Event(pygame.QUIT)])
    assert "The window was closed." in run_here(*command)


def test_without_a_screen_a_video_is_advised(run_here, saves, monkeypatch):
    pygame = pytest.importorskip("pygame")
    monkeypatch.delenv("SDL_VIDEODRIVER", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", ":gone")
    monkeypatch.setattr(pygame.display, "get_driver", lambda: "offscreen")
    output = run_here("play", "cart", "--saves", str(saves), code=2)
    assert "No window can be opened (there is no screen at :gone): film the agent with --video out.mp4." in output


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="every session has a screen there")
def test_without_a_display_there_is_one_line(run_here, saves, monkeypatch):
    """Libraries of the system would add theirs if a window were tried."""
    pytest.importorskip("pygame")
    for name in ("SDL_VIDEODRIVER", "DISPLAY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    [line] = run_here("play", "cart", "--saves", str(saves), code=2).splitlines()
    assert "(there is no screen: neither DISPLAY nor WAYLAND_DISPLAY is set): film the agent with" in line
    filmed = run_here("play", "cart", "--saves", str(saves), "--video", "cart.gif")
    assert filmed.splitlines()[0] == "checkpoint of cart, iteration 0"
    assert len(filmed.splitlines()) == 3, "neither do they add any to a video"


def test_window_of_another_size_shows_the_whole_picture_in_its_proportions(monkeypatch):
    pygame = pytest.importorskip("pygame")
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    window = Window("test", 1000)
    picture = np.full((200, 600, 3), 255, np.uint8)
    window.show(picture)
    assert pygame.display.get_surface().get_flags() & pygame.RESIZABLE
    pygame.display.set_mode((900, 900), pygame.RESIZABLE)  # what dragging its corner does
    window.show(picture)
    shown = pygame.surfarray.array3d(pygame.display.get_surface())[..., 0].T > 0
    window.close()
    assert shown[300:600].all() and not shown[:300].any() and not shown[600:].any()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--video", "out.avi"), "out.avi must end in .mp4 or .gif"),
        (("--episodes", "0"), "--episodes is 0"),
        (("--seed", "-1"), "--seed is -1"),
    ],
)
def test_wrong_options_get_a_sentence(run_here, saves, options, sentence):
    assert sentence in run_here("play", "cart", "--saves", str(saves), *options, code=2)


def test_without_imageio_ffmpeg_a_sentence_says_what_to_install(run_here, saves, monkeypatch):
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    output = run_here("play", "cart", "--saves", str(saves), "--video", "cart.mp4", code=2)
    assert 'Videos need imageio-ffmpeg: pip install "soulsai-core[video]"' in output


def test_picture_of_another_size_is_refused(tmp_path):
    writer = VideoWriter(tmp_path / "a.mp4", 30)
    writer.write(np.zeros((16, 32, 3), np.uint8))
    with pytest.raises(SoulsAIError, match="and the first had"):
        writer.write(np.zeros((32, 16, 3), np.uint8))
    writer.close()
    assert frames_of(tmp_path / "a.mp4") == ((32, 16), 1)


def test_file_of_another_kind_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="must end in"):
        VideoWriter(tmp_path / "a.png", 30)


@pytest.mark.parametrize("file", ["file/cart.mp4", "folder.mp4"])
def test_video_that_cannot_be_written_is_named_before_the_environment_is_made(run_here, saves, monkeypatch, file):
    def made(*_, **__):
        raise AssertionError("The environment was made.")

    monkeypatch.setattr(gymnasium, "make", made)
    Path("file").write_text("")
    Path("folder.mp4").mkdir()
    [line] = run_here("play", "cart", "--saves", str(saves), "--video", file, code=2).splitlines()
    assert f"{file} cannot be written (" in line and "name a file in a folder that you may write to" in line


def test_ffmpeg_that_ends_in_the_middle_gives_a_sentence_without_its_command(tmp_path):
    class Ended:
        def send(self, picture):
            raise OSError("[Errno 32] Broken pipe\n\nFFMPEG COMMAND:\nffmpeg -y")

        def close(self):
            pass

    writer = VideoWriter(tmp_path / "a.mp4", 30)
    picture = np.zeros((16, 32, 3), np.uint8)
    writer.write(picture)
    writer.close()
    writer._frames = Ended()
    with pytest.raises(SoulsAIError, match=r"a\.mp4 cannot be written: ffmpeg has ended") as error:
        writer.write(picture)
    assert "COMMAND" not in str(error.value)


def test_file_that_is_there_stays_until_the_first_picture_and_none_is_left_without_one(tmp_path):
    old = tmp_path / "old.gif"
    old.write_bytes(b"old")
    for file in (old, tmp_path / "new.gif"):
        VideoWriter(file, 30).close()
    assert [file.name for file in tmp_path.iterdir()] == ["old.gif"] and old.read_bytes() == b"old"


class Blind(gymnasium.Env):
    """Takes no render_mode and cannot draw itself, as many people's first environment."""

    observation_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(2, np.float32), {}

    def step(self, action):
        return np.zeros(2, np.float32), 1.0, True, False, {}


def test_environment_that_cannot_draw_itself_is_played_without_a_window(run_here, tmp_path, monkeypatch):
    pytest.importorskip("pygame")
    monkeypatch.setitem(gymnasium.registry, "Blind-v0", gymnasium.envs.registration.EnvSpec("Blind-v0", Blind))
    make_run(tmp_path / "blind", "environment.config.id=Blind-v0")
    output = run_here("play", str(tmp_path / "blind"))
    assert "Blind-v0 gives no pictures, so no window opens." in output and "Episode 1 returned 1.00" in output
    output = run_here("play", str(tmp_path / "blind"), "--video", str(tmp_path / "x.gif"), code=2)
    assert "Blind-v0 gives no pictures, so it cannot be filmed." in output and "WARN" not in output
