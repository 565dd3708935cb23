"""The panel's upload in JupyterLab: real files, in slices, through the browser, Jupyter's server and the kernel."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

from playwright.sync_api import Locator, expect

from .page import NotebookPage

MIB = 1 << 20


def blobs(live: NotebookPage) -> Locator:
    """The tab with the data, on an empty blob store."""
    live.python("lab.blobstore.swap('memory://')")
    data = live.tab("Data")
    data.get_by_label("Store").select_option(label="blobstore")
    expect(data).to_contain_text("There is no container yet")
    return data


def made(folder: Path, name: str, size: int) -> Path:
    file = folder / name
    file.write_bytes(random.Random(size).randbytes(size))
    return file


def test_files_of_any_size_arrive_whole(live: NotebookPage, tmp_path: Path) -> None:
    data = blobs(live)
    files = [made(tmp_path, "thirty.bin", 30 * MIB), made(tmp_path, "small.bin", 1000)]
    with live.page.expect_file_chooser() as chooser:
        data.get_by_role("button", name="Upload").click()
    chooser.value.set_files([str(file) for file in files])
    expect(data.get_by_role("status").filter(has_text="Uploaded 2 files, 30 MiB.")).to_be_visible()
    expect(data.get_by_role("button", name="Upload")).to_be_visible()
    for file in files:
        read = f"b''.join(lab.blobstore.provider.read('default', {file.name!r}))"
        arrived = live.value(f"__import__('hashlib').sha256({read}).hexdigest()")
        assert arrived == hashlib.sha256(file.read_bytes()).hexdigest()
    expect(data.get_by_label("Objects").locator("option")).to_have_text(["small.bin", "thirty.bin"])
    assert live.errors == []


def test_a_cancelled_upload_leaves_no_object(live: NotebookPage, tmp_path: Path) -> None:
    data = blobs(live)
    # A store that takes its time: what is sent is never all there before Cancel is pressed.
    live.python("lab.blobstore.provider.create_container('default'); lab.blobstore.wrap(wl.Latency, 0.2)")
    data.get_by_label("Files to upload").set_input_files(str(made(tmp_path, "large.bin", 30 * MIB)))
    expect(data).to_contain_text(" of 30 MiB")
    expect(data.get_by_role("progressbar", name="Upload")).to_be_visible()
    data.get_by_role("button", name="Cancel").click()
    expect(data.get_by_role("status").filter(has_text="large.bin was not uploaded: it was cancelled")).to_be_visible()
    expect(data.get_by_role("button", name="Upload")).to_be_visible()
    live.python("lab.blobstore.unwrap()")
    assert live.value("lab.blobstore.provider.objects('default').items") == []
    assert live.errors == []


def test_a_tab_that_is_opened_shows_what_is_in_the_store_now(live: NotebookPage) -> None:
    live.tab("Data").get_by_label("Store").select_option(label="keyvalue")
    live.tab("Traffic")
    live.page.wait_for_timeout(1500)
    live.python("lab.keyvalue.provider.set('a new bucket', 'k', b'hello')")
    data = live.tab("Data")
    expect(data.get_by_label("Bucket").first.locator("option").first).to_have_text("a new bucket")
    assert live.errors == []
