// "copy as code": asks Python for the line, puts it into the clipboard, and shows it for a moment.
const SHOWN = 6000;

function render({ model, el }) {
  el.classList.add("wl-copy");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "wl-copy-button";
  button.textContent = "copy as code";
  const what = model.get("what");
  button.setAttribute("aria-label", what ? `copy as code: ${what}` : "copy as code");
  button.title = "The same as Python, for a cell";
  const said = document.createElement("span");
  said.className = "wl-copy-said";
  said.setAttribute("role", "status");
  const field = document.createElement("textarea");
  field.readOnly = true;
  field.hidden = true;
  field.setAttribute("aria-label", "the code");
  el.append(button, said, field);

  let timer = 0;
  const hide = () => {
    if (document.activeElement === field) {
      timer = setTimeout(hide, SHOWN);
      return;
    }
    field.hidden = true;
    said.textContent = "";
  };
  const show = async (code) => {
    clearTimeout(timer);
    field.value = code;
    field.rows = Math.min(code.split("\n").length, 8);
    field.hidden = false;
    try {
      await navigator.clipboard.writeText(code);
      said.textContent = "copied";
      timer = setTimeout(hide, SHOWN);
    } catch {
      // No clipboard here (no https, or not allowed): the code is selected, Ctrl-C does the rest.
      field.focus();
      field.select();
      said.textContent = "selected: copy it with Ctrl-C or ⌘C";
    }
  };
  const ask = () => {
    clearTimeout(timer);
    said.textContent = "…";
    // A kernel that is gone, or busy where it can't answer meanwhile.
    timer = setTimeout(() => (said.textContent = "the kernel does not answer"), 4000);
    model.send({ type: "code" });
  };
  const heard = (message) => {
    if (message.type === "code" && said.textContent === "…") show(message.code);
  };
  button.addEventListener("click", ask);
  field.addEventListener("keydown", (event) => event.stopPropagation());
  field.addEventListener("focus", () => field.select());
  model.on("msg:custom", heard);
  return () => {
    clearTimeout(timer);
    model.off("msg:custom", heard);
  };
}

export default { render };
