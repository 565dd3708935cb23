// A text field whose content goes to Python as a message, and never into the saved widget state.
let count = 0;

function render({ model, el }) {
  const id = `wl-url-${++count}`;
  el.classList.add("wl-url");
  const label = document.createElement("label");
  label.textContent = "URL";
  label.htmlFor = id;
  const input = document.createElement("input");
  input.id = id;
  input.type = "text";
  input.autocomplete = "off";
  input.spellcheck = false;
  input.setAttribute("autocapitalize", "off");
  el.append(label, input);

  let timer = 0;
  const tell = (type) => {
    clearTimeout(timer);
    timer = 0;
    model.send({ type, url: input.value });
  };
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => tell("url"), 500);
  });
  input.addEventListener("change", () => tell("url"));
  input.addEventListener("blur", () => timer && tell("url"));
  input.addEventListener("keydown", (event) => {
    event.stopPropagation(); // the notebook has shortcuts of its own
    if (event.key === "Enter") tell("enter");
  });

  const show = () => {
    input.value = model.get("shown");
  };
  const dress = () => {
    input.placeholder = model.get("hint");
    input.disabled = model.get("disabled");
  };
  model.on("change:shown", show);
  model.on("msg:custom", show);
  model.on("change:hint change:disabled", dress);
  show();
  dress();
  return () => {
    clearTimeout(timer);
    model.off("change:shown", show);
    model.off("msg:custom", show);
    model.off("change:hint change:disabled", dress);
  };
}

export default { render };
