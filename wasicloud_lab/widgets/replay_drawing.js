// How the talk is drawn: small pieces of a page, a step's texts, what a step shows. Nothing is kept here.
//
// Part of one module with replay_page.js and replay.js, which draw with these.

const make = (tag, name, parent, text) => {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined) made.textContent = text;
  if (parent) parent.append(made);
  return made;
};
// Text for people, with `words of a program` in it.
const prose = (tag, name, parent, text) => {
  const made = make(tag, name, parent);
  text.split("`").forEach((part, n) => (n % 2 ? make("code", "", made, part) : made.append(part)));
  return made;
};
const put = (element, text) => {
  if (element.textContent !== text) element.textContent = text;
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
