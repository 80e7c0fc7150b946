"""SavedModels that TensorFlow must not be given: each is refused, saying why."""

import os
import socket
from pathlib import Path

import pytest

from cpr.errors import LoadError
from cpr.savedmodel import protos
from cpr.savedmodel.bundle import Bundle
from cpr.savedmodel.loadable import refuse_unloadable
from cpr.savedmodel.reader import read_saved_model, skim_saved_model

PLACES = [
    "fingerprint.pb",
    "variables/variables.index",
    "variables/variables.data-00000-of-00001",
    "assets/words.txt",
    "assets/deep/words.txt",
    "assets.extra/tf_serving_warmup_requests",
]


def model_naming(asset="", *, packed=""):
    model = protos.SavedModel(saved_model_schema_version=1)
    graph = model.meta_graphs.add()
    graph.meta_info_def.tags.append("serve")
    if asset:
        graph.asset_file_def.add(filename=asset)
    if packed:
        item = graph.collection_def["saved_model_assets"].any_list.value.add()
        item.Pack(protos.AssetFileDef(filename=packed))
    return model


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(model_naming().SerializeToString())
    return tmp_path


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("read", [read_saved_model, skim_saved_model])
def test_a_pipe_is_refused_before_it_is_waited_for(folder, place, read):
    (folder / place).parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(folder / place)
    with pytest.raises(LoadError) as caught:
        read(folder)
    assert caught.value.problem == (
        f"{folder / place} is no file: to read a pipe or device may never end."
    )
    assert caught.value.hint


def test_a_device_behind_a_link_is_refused(folder):
    (folder / "variables").mkdir()
    (folder / "variables/variables.index").symlink_to("/dev/zero")
    with pytest.raises(LoadError, match=r"variables\.index is no file"):
        read_saved_model(folder)


def test_a_socket_is_refused(folder, monkeypatch):
    monkeypatch.chdir(folder)  # an address has 107 characters at most
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("fingerprint.pb")
        with pytest.raises(LoadError, match=r"fingerprint\.pb is no file"):
            read_saved_model(folder)


def test_links_to_files_and_directories_are_let_through(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    (other / "words.txt").write_text("a\n")
    (folder / "assets").symlink_to(other)
    (folder / "fingerprint.pb").symlink_to(other / "words.txt")
    (folder / "gone").symlink_to("nothing")
    (folder / "itself").symlink_to("itself")
    assert read_saved_model(folder).meta_graphs


def test_a_checkpoint_that_is_a_pipe_is_refused(tmp_path, checkpoints):
    index = Path(f"{checkpoints['graph']}.index")
    (tmp_path / "graph.index").write_bytes(index.read_bytes())
    os.mkfifo(tmp_path / "graph.data-00000-of-00001")
    with pytest.raises(LoadError, match="data-00000-of-00001 is no file"):
        Bundle(tmp_path / "graph")
    os.mkfifo(tmp_path / "other.index")
    with pytest.raises(LoadError, match=r"other\.index is no file"):
        Bundle(tmp_path / "other")


@pytest.mark.parametrize("name", ["../../secret", "/etc/passwd", "a/../../b", "..\\..\\b", "a\0b"])
@pytest.mark.parametrize("where", ["asset", "packed"])
def test_an_asset_outside_of_the_model_is_refused(name, where):
    model = model_naming(**{where: name})
    with pytest.raises(LoadError, match="which is not in its assets/") as caught:
        refuse_unloadable(model, Path("model"))
    assert caught.value.hint == "Do not use this model unless you know where it comes from."


def test_assets_of_its_own_are_let_through():
    refuse_unloadable(model_naming("words.txt", packed="more/words.txt"), Path("model"))
