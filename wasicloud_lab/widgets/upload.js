// A button that sends files to Python slice by slice: each is read and sent when Python asks for it, never before.
function render({ model, el }) {
  el.classList.add("wl-upload");
  const made = (text, title, icon) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "jupyter-widgets jupyter-button widget-button";
    button.title = title;
    const sign = document.createElement("i");
    sign.className = `fa fa-${icon}`;
    sign.setAttribute("aria-hidden", "true");
    button.append(sign, text);
    return button;
  };
  const input = document.createElement("input");
  input.type = "file";
  input.multiple = true;
  input.hidden = true;
  input.setAttribute("aria-label", "Files to upload");
  const choose = made("Upload", "Store files of any size, each as an object of its name", "upload");
  const going = document.createElement("div");
  going.className = "wl-upload-going";
  going.hidden = true;
  const said = document.createElement("span");
  const bar = document.createElement("progress");
  bar.setAttribute("aria-label", "Upload");
  const cancel = made("Cancel", "Stop sending; what was there before stays", "times");
  going.append(said, bar, cancel);
  el.append(input, choose, going);

  let batch = null;
  const show = () => {
    const within = el.contains(document.activeElement);
    choose.hidden = Boolean(batch);
    going.hidden = !batch;
    if (within) (batch ? cancel : choose).focus();
  };
  const end = () => {
    batch = null;
    show();
  };
  const stop = (lost) => {
    if (!batch) return;
    const { id } = batch;
    end();
    model.send({ type: "cancel", id, lost });
  };
  const begin = () => {
    const files = [...input.files];
    input.value = ""; // so that the same file can be chosen again
    if (!files.length || batch) return;
    batch = { id: `${Date.now()}-${Math.random()}`, files, size: 0, before: [] };
    for (const file of files) {
      batch.before.push(batch.size);
      batch.size += file.size;
    }
    said.textContent = `${files[0].name}: waiting for the kernel …`;
    bar.removeAttribute("value");
    show();
    model.send({ type: "begin", id: batch.id, files: files.map((file) => [file.name, file.size]) });
  };
  const heard = async (message) => {
    if (!batch || message.id !== batch.id) return;
    if (message.type === "end") end();
    if (message.type !== "want") return;
    const { id, file, at, size } = message;
    said.textContent = message.said;
    bar.max = batch.size;
    bar.value = batch.before[file] + at;
    let bytes;
    try {
      bytes = await batch.files[file].slice(at, at + size).arrayBuffer();
    } catch {
      if (batch?.id === id) stop(true); // moved, deleted or changed since it was chosen
      return;
    }
    if (batch?.id === id) model.send({ type: "slice", id, file, at }, undefined, [bytes]);
  };
  const leave = () => stop(false);
  choose.addEventListener("click", () => input.click());
  cancel.addEventListener("click", leave);
  input.addEventListener("change", begin);
  model.on("msg:custom", heard);
  window.addEventListener("pagehide", leave);
  return () => {
    window.removeEventListener("pagehide", leave);
    model.off("msg:custom", heard);
    leave();
  };
}

export default { render };
