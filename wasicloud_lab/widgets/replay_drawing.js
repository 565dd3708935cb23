// How the talk is drawn: small pieces of a page, a step's texts, what a step shows. Nothing is kept here.
//
// Part of one module with replay_page.js and replay.js, which draw with these.

const SIZES = [13, 15, 17, 19, 22, 26, 31, 37]; // px, of the type

// Text for people, with `words of a program` in it.
const prose = (tag, name, parent, text) => {
  const made = make(tag, name, parent);
  text.split("`").forEach((part, n) => (n % 2 ? make("code", "", made, part) : made.append(part)));
  return made;
};
const time = (seconds) => {
  const whole = Math.floor(Math.abs(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
};
const took = (seconds) => (seconds < 60 ? `${seconds.toFixed(1)} s` : `${time(seconds)} min`);
const code = (pieces, parent, name = "") => {
  const pre = make("pre", `wt-code ${name}`, parent);
  pre.tabIndex = 0; // it may be wider than the page
  for (const [kind, text] of pieces) {
    if (kind) make("span", `wt-c-${kind}`, pre, text);
    else pre.append(text);
  }
};
const table = (head, rows, parent) => {
  const made = make("table", "", parent);
  const top = make("tr", "", make("thead", "", made));
  for (const name of head) make("th", "", top, name).scope = "col";
  const body = make("tbody", "", made);
  for (const cells of rows) {
    const row = make("tr", "", body);
    for (const cell of cells) make("td", "", row, cell);
  }
};

// A step's texts; gives back the presenter's notes among them, which are not for everyone.
function describe(step, where, card) {
  make("h2", "", card, `${step.number} · ${step.title}`);
  make("p", "wt-where", card, `${step.part} · ${where}`);
  prose("p", "wt-point", card, step.point);
  if (step.typed.length) {
    const typed = make("div", "wt-typed", card);
    make("span", "wt-tag", typed, "typed on stage");
    make("pre", "", typed, step.typed.map((line) => `$ ${line}`).join("\n"));
  }
  const hints = make("dl", "wt-hints", card);
  for (const [name, text] of [["Here", step.instead], ["Look at", step.look_at], ["Ask", step.question]]) {
    make("dt", "", hints, name);
    prose("dd", name === "Ask" ? "wt-ask" : "", hints, text);
  }
  const notes = make("aside", "wt-notes", card);
  notes.setAttribute("aria-label", "Presenter notes");
  make("strong", "", notes, "Presenter: ");
  prose("span", "", notes, step.notes);
  make("p", "", notes, "It counts when this is seen:");
  const must = make("ul", "", notes);
  for (const what of step.must_show) make("li", "", must, what);
  if (step.code.length) {
    const source = make("details", "wt-source", card);
    make("summary", "", source, "The Python that this step runs");
    code(step.code, source);
  }
  return notes;
}

// What a step told, under what it told before; a drawing or page of its own goes to `framed`, with its place.
function append(event, output, framed) {
  if (event.kind === "typed" || event.kind === "output") {
    let terminal = output.lastElementChild;
    if (!terminal?.classList.contains("wt-terminal")) {
      terminal = make("pre", "wt-terminal", output);
    }
    if (event.kind === "typed") make("span", "wt-prompt", terminal, `${event.cell ? ">>>" : "$"} ${event.text}\n`);
    else terminal.append(`${event.text}\n`);
  } else if (event.kind === "say") {
    prose("p", "wt-say", output, event.text);
  } else if (event.kind === "expect") {
    const line = make("p", `wt-expect ${event.ok ? "wt-ok" : "wt-not"}`, output);
    make("span", "wt-mark", line, event.ok ? "✓" : "✗").setAttribute("aria-label", event.ok ? "seen:" : "not seen:");
    make("span", "", line, event.what);
    if (event.got) make("span", "wt-got", line, event.got);
  } else if (event.kind === "show") {
    picture(event, make("figure", "wt-shown", output), framed);
  }
}

function picture(shown, figure, framed) {
  if (shown.title) make("figcaption", "", figure, shown.title);
  if (shown.as === "table") {
    table(shown.head, shown.rows, make("div", "wt-wide", figure));
  } else if (shown.as === "compare") {
    const sides = make("div", "wt-sides", figure);
    for (const side of shown.sides) {
      const box = make("figure", "wt-shown", sides);
      make("figcaption", "", box, side.title);
      code(side.code, box);
    }
  } else if (shown.as === "svg" || shown.as === "html") {
    framed(shown, figure);
    make("pre", "wt-spoken", figure, shown.text);
  } else {
    code(shown.code, figure);
  }
}

// A picture from a step, in a frame that runs no script, loads nothing, and takes the page's colour and its height.
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

function frame(shown, parent, ready) {
  const made = document.createElement("iframe");
  made.className = "wt-frame";
  made.setAttribute("sandbox", "allow-same-origin"); // so that its height can be read; scripts stay off
  made.title = shown.title || "picture";
  const dress = (page) => {
    const style = getComputedStyle(made);
    page.documentElement.style.color = style.color;
    page.documentElement.style.fontSize = style.fontSize;
  };
  made.srcdoc =
    `<!doctype html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${POLICY}">` +
    "<style>html{background:transparent;overflow-y:hidden}body{margin:0;padding:2px;font-family:system-ui,sans-serif}" +
    "table{border-collapse:collapse;font-size:.93em}table+style+table,table+table{margin-top:1.2em}" +
    "td,th{text-align:left;vertical-align:top;padding:.3em 1.1em .3em 0;border-bottom:1px solid #8886}" +
    // a drawing that would shrink with the page stays large enough to read, and is scrolled
    `svg:not([width]){min-width:620px}</style><body>${shown.content}</body>`;
  let watch;
  made.addEventListener("load", () => {
    const page = made.contentDocument;
    if (!page) return;
    dress(page);
    // One with a size of its own has it at the type that all begins with, and grows from there.
    for (const svg of page.querySelectorAll("svg[width]")) {
      svg.style.width = `${svg.getAttribute("width") / SIZES[1]}rem`;
    }
    const fit = () => {
      const bar = page.documentElement.scrollWidth > made.clientWidth ? 18 : 0; // a scroll bar below
      const height = Math.ceil(page.body.getBoundingClientRect().height) + bar;
      if (height > 4) made.style.height = `${height}px`;
    };
    watch?.disconnect();
    watch = new ResizeObserver(fit);
    watch.observe(page.body);
    fit();
  });
  made.addEventListener("load", ready, { once: true });
  parent.append(made);
  return () => made.contentDocument && dress(made.contentDocument);
}
