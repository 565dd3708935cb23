// The talk, step by step: the list, the step in front, what it shows as it runs, a clock, controls.
//
// `talk` never changes, `state` says where the replay is, messages bring what a step tells. Which step is looked at,
// the notes and the full screen belong to this view: a second view of the same output can be the presenter's.

const BEAT = 1000; // ms between two signs that somebody looks
const SILENCE = 7000; // ms after which the kernel counts as gone
const NARROW = 680; // px
const SIZES = [13, 15, 17, 19, 22, 26, 31, 37]; // px
const LINES = 3000; // pieces of output on the page; the first of more are taken off

const MARKS = { waiting: "○", running: "◐", done: "✓", failed: "✗" };
const KEYS = [
  ["→ space", "next step"],
  ["←", "back, set up anew"],
  ["Enter", "run it"],
  ["n", "presenter notes"],
  ["+ −", "size of the type"],
  ["f", "full screen"],
  ["↑ ↓", "scroll"],
  ["?", "these keys"],
];

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
  return pre;
};

// A picture from a step, in a frame that runs no script, loads nothing, and takes the page's colour and its height.
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

function frame(shown, parent, fitted) {
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
    // a drawing that would shrink with the page stays large enough to read, and is scrolled
    `svg:not([width]){min-width:620px}</style><body>${shown.content}</body>`;
  let watch;
  made.addEventListener("load", () => {
    const page = made.contentDocument;
    if (!page) return;
    dress(page);
    const fit = () => {
      const bar = page.documentElement.scrollWidth > made.clientWidth ? 18 : 0; // a scroll bar below
      const height = Math.ceil(page.body.getBoundingClientRect().height) + bar;
      if (height <= 4) return;
      made.style.height = `${height}px`;
      fitted();
    };
    watch?.disconnect();
    watch = new ResizeObserver(fit);
    watch.observe(page.body);
    fit();
  });
  parent.append(made);
  return () => made.contentDocument && dress(made.contentDocument);
}

class View {
  constructor(model, el) {
    this.model = model;
    this.el = el;
    this.id = Math.random().toString(36).slice(2);
    this.steps = new Map(model.get("talk").steps.map((step) => [step.number, step]));
    this.reels = new Map(); // number → {run, next, events}
    this.shown = null; // number of the step in front
    this.drawn = null; // {step, run, count} of what is in the output
    this.notes = false;
    this.clock = { seconds: 0, running: false, at: performance.now() };
    this.heard = performance.now();
    this.repaint = [];
    this.build();
    this.listen();
    this.look(model.get("state").current);
    this.change();
    this.size();
    this.beat();
  }

  // --- what is there ---------------------------------------------------------------------------------

  build() {
    const { el } = this;
    const talk = this.model.get("talk");
    el.classList.add("wt-talk");
    el.tabIndex = 0;
    el.setAttribute("role", "region");
    el.setAttribute("aria-label", "The talk, step by step");

    const top = make("header", "wt-top", el);
    this.line = make("div", "wt-timeline", top);
    this.line.setAttribute("aria-hidden", "true");
    for (const step of talk.steps) {
      const part = make("span", "wt-part", this.line);
      part.style.flexGrow = step.minutes;
      part.title = `${step.number} · ${step.title}: ${step.minutes} min`;
      part.dataset.step = step.number;
    }
    this.hand = make("span", "wt-hand", this.line);
    const row = make("div", "wt-times", top);
    this.words = make("span", "wt-clock", row);
    this.hold = this.button(row, "", () => this.tell("clock"), "wt-small");
    this.over = this.button(row, "Start over", () => this.askOver(), "wt-small");
    this.over.title = "Forget what has been run, and set the clock to 0";

    const nav = make("nav", "wt-steps", el);
    nav.setAttribute("aria-label", "Steps of the talk");
    const list = make("ol", "", nav);
    this.entries = new Map();
    for (const step of talk.steps) {
      const entry = make("button", "wt-step", make("li", "", list));
      entry.type = "button";
      make("span", "wt-mark", entry).setAttribute("aria-hidden", "true");
      make("span", "wt-number", entry, step.number);
      make("span", "wt-name", entry, step.title);
      make("span", "wt-spoken", entry);
      this.press(entry, () => this.jump(step.number));
      this.entries.set(step.number, entry);
    }
    for (const coming of talk.to_come) {
      const entry = make("span", "wt-step wt-coming", make("li", "", list));
      entry.title = `To come: ${coming.why}`;
      make("span", "wt-mark", entry, "·").setAttribute("aria-hidden", "true");
      make("span", "wt-number", entry, coming.number);
      make("span", "wt-name", entry, coming.title);
      make("span", "wt-spoken", entry, `, to come: ${coming.why}`);
    }

    this.page = make("div", "wt-page", el);
    this.card = make("article", "wt-lead", this.page);
    this.output = make("section", "wt-output", this.page);
    this.output.setAttribute("aria-label", "What the step shows");
    this.end = make("section", "wt-end", this.page);
    this.end.setAttribute("aria-label", "Outcome");

    const bar = make("div", "wt-controls-bar", el);
    bar.setAttribute("role", "group");
    bar.setAttribute("aria-label", "Controls");
    this.back = this.button(bar, "← Back", () => this.tell("back"));
    this.back.title = "The step before, with the state that it expects (←)";
    this.run = this.button(bar, "▶ Run", () => this.start(), "wt-main");
    this.run.title = "Run this step (Enter)";
    this.next = this.button(bar, "Next →", () => this.tell("next"));
    this.next.title = "The next step (→ or space)";
    this.all = this.button(bar, "Run all", () => this.tell("all", this.shown));
    this.all.title = "Run this step and all after it";
    this.halt = this.button(bar, "■ Stop", () => this.tell("stop"));
    make("span", "wt-gap", bar);
    this.noted = this.button(bar, "Notes", () => this.toggleNotes());
    this.noted.title = "Presenter notes, in this view only (n)";
    this.button(bar, "A−", () => this.zoom(-1)).setAttribute("aria-label", "Smaller type");
    this.button(bar, "A+", () => this.zoom(1)).setAttribute("aria-label", "Larger type");
    if (document.fullscreenEnabled) {
      this.button(bar, "Full screen", () => this.full()).title = "For a projector (f)";
    }
    this.asked = this.button(bar, "Keys", () => this.toggleKeys());
    this.keys = make("dl", "wt-keys", el);
    this.keys.hidden = true;
    for (const [key, what] of KEYS) {
      const pair = make("div", "", this.keys);
      make("dt", "", pair, key);
      make("dd", "", pair, what);
    }
    this.notice = make("div", "wt-notice", el);
    this.notice.setAttribute("role", "alert");
    this.spoken = make("div", "wt-spoken", el);
    this.spoken.setAttribute("role", "status");
  }

  button(parent, text, clicked, name = "") {
    const made = make("button", `wt-button ${name}`, parent, text);
    made.type = "button";
    this.press(made, clicked);
    return made;
  }

  // A click with the mouse leaves the focus with the whole: the keys go on meaning what they mean there.
  press(button, clicked) {
    button.addEventListener("mousedown", (event) => {
      event.preventDefault();
      this.el.focus({ preventScroll: true });
    });
    button.addEventListener("click", clicked);
  }

  listen() {
    const { model, el } = this;
    this.off = [];
    const on = (target, kind, heard, capture) => {
      target.addEventListener(kind, heard, capture);
      this.off.push(() => target.removeEventListener(kind, heard, capture));
    };
    const changed = () => this.change();
    const resized = () => this.size();
    const message = (content) => this.receive(content);
    model.on("change:state", changed);
    model.on("change:zoom", resized);
    model.on("msg:custom", message);
    this.off.push(() => {
      model.off("change:state", changed);
      model.off("change:zoom", resized);
      model.off("msg:custom", message);
    });
    // On the window, before the notebook's own shortcuts, which would run the cell or leave it.
    on(window, "keydown", (event) => el.contains(event.target) && this.key(event), true);
    on(this.page, "scroll", () => {
      const { page } = this;
      if (page.scrollTop === this.placed) return; // that was `follow`
      this.following = page.scrollHeight - page.scrollTop - page.clientHeight < 60;
    });
    const widths = new ResizeObserver(() => el.classList.toggle("wt-narrow", el.clientWidth < NARROW));
    widths.observe(el);
    const themes = new MutationObserver(() => setTimeout(() => this.repaint.forEach((again) => again()), 300));
    themes.observe(document.body, { attributes: true, attributeFilter: ["class", "data-jp-theme-light"] });
    this.timer = setInterval(() => this.beat(), BEAT);
    this.off.push(() => widths.disconnect(), () => themes.disconnect(), () => clearInterval(this.timer));
  }

  gone() {
    this.off.forEach((end) => end());
    this.send({ type: "gone", view: this.id });
  }

  // --- from and to the kernel --------------------------------------------------------------------------

  send(content) {
    try {
      this.model.send(content);
    } catch {
      this.heard = -Infinity; // the kernel that this talked to is no more
    }
  }

  beat() {
    this.send({ type: "look", view: this.id });
    this.tick();
    const silent = performance.now() - this.heard > SILENCE;
    if (silent !== this.silent) {
      this.silent = silent;
      this.el.classList.toggle("wt-silent", silent);
      this.say(
        silent ? "The kernel does not answer: it is busy with another cell, or gone. After a restart, " : "",
        silent ? "wl.replay(resume=True)" : "",
        silent ? " goes on where this was." : "",
      );
    }
  }

  tell(what, step) {
    if (!this.silent) this.say("");
    this.send({ type: "do", what, step });
  }

  say(before, named = "", after = "") {
    this.notice.replaceChildren(before);
    if (named) make("code", "", this.notice, named);
    this.notice.append(after);
  }

  receive(content) {
    this.heard = performance.now();
    if (content.type === "clock") {
      this.clock = { seconds: content.seconds, running: content.running, at: performance.now() };
      this.tick();
    } else if (content.type === "notice") {
      this.say(content.text);
    } else if (content.type === "events") {
      this.take(content);
    }
  }

  take({ step, run, from, events }) {
    let reel = this.reels.get(step);
    if (reel === undefined || run > reel.run) {
      reel = { run, next: from, events: [] };
      this.reels.set(step, reel);
      if (from > 0) this.ask(step);
    }
    if (run < reel.run || from + events.length <= reel.next) return;
    if (from > reel.next && reel.events.length === 0) reel.next = from;
    reel.events.push(...events.slice(Math.max(0, reel.next - from)));
    reel.next = from + events.length;
    if (step === this.shown) this.draw();
  }

  ask(step) {
    this.send({ type: "events", step });
  }

  // --- what is shown -------------------------------------------------------------------------------------

  state(number) {
    return this.model.get("state").steps[number];
  }

  change() {
    this.heard = performance.now();
    const state = this.model.get("state");
    if (state.current !== this.current) {
      this.current = state.current;
      this.look(state.current);
    }
    for (const [number, entry] of this.entries) {
      const one = state.steps[number];
      entry.dataset.state = one.state;
      put(entry.children[0], MARKS[one.state]);
      put(entry.children[3], `, ${one.state}`);
      if (number === state.current) entry.setAttribute("aria-current", "step");
      else entry.removeAttribute("aria-current");
      entry.classList.toggle("wt-front", number === this.shown);
      entry.title = `${this.steps.get(number).title}: ${one.state}${one.seconds ? `, ${took(one.seconds)}` : ""}`;
    }
    for (const part of this.line.querySelectorAll(".wt-part")) {
      part.dataset.state = state.steps[part.dataset.step].state;
      part.classList.toggle("wt-front", part.dataset.step === state.current);
    }
    const numbers = [...this.steps.keys()];
    this.run.disabled = this.all.disabled = state.running;
    this.back.disabled = state.running || state.current === numbers[0];
    this.next.disabled = state.running || state.current === numbers[numbers.length - 1];
    this.halt.disabled = !state.running;
    this.over.disabled = state.running;
    put(this.run, ["done", "failed"].includes(this.state(this.shown).state) ? "▶ Run again" : "▶ Run");
    put(this.hold, state.held ? "▶ clock" : "❚❚ clock");
    this.hold.setAttribute("aria-label", state.held ? "Let the clock go on" : "Hold the clock");
    this.draw();
    this.tick();
  }

  // Puts a step in front.
  look(number) {
    if (this.shown === number) return;
    this.shown = number;
    this.drawn = null;
    const step = this.steps.get(number);
    const till = this.before(number) + step.minutes;
    const { card } = this;
    card.replaceChildren();
    make("h2", "", card, `${step.number} · ${step.title}`);
    const { minutes } = this.model.get("talk");
    make("p", "wt-where", card, `${step.part} · minutes ${this.before(number)} to ${till} of ${minutes}`);
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
    this.noteBox = make("aside", "wt-notes", card);
    this.noteBox.setAttribute("aria-label", "Presenter notes");
    make("strong", "", this.noteBox, "Presenter: ");
    prose("span", "", this.noteBox, step.notes);
    make("p", "", this.noteBox, "It counts when this is seen:");
    const must = make("ul", "", this.noteBox);
    for (const what of step.must_show) make("li", "", must, what);
    this.noteBox.hidden = !this.notes;
    if (step.code.length) {
      const source = make("details", "wt-source", card);
      make("summary", "", source, "The Python that this step runs");
      code(step.code, source);
    }
    this.page.scrollTop = 0;
    const entry = this.entries.get(number);
    for (const other of this.entries.values()) other.classList.toggle("wt-front", other === entry);
    const list = entry.closest(".wt-steps");
    list.scrollTo({ left: entry.offsetLeft - 40, top: entry.offsetTop - list.clientHeight / 2 });
    this.draw();
  }

  before(number) {
    let minutes = 0;
    for (const step of this.steps.values()) {
      if (step.number === number) break;
      minutes += step.minutes;
    }
    return minutes;
  }

  // Brings the output of the step in front up to date: what is new is appended, a new run begins anew.
  draw() {
    const number = this.shown;
    const one = this.state(number);
    const reel = this.reels.get(number);
    if (one.run > 0 && (reel === undefined || reel.run < one.run)) {
      if (this.wanted !== `${number} ${one.run}`) {
        this.wanted = `${number} ${one.run}`;
        this.ask(number);
      }
    }
    const run = one.run === 0 ? 0 : Math.max(one.run, reel?.run ?? 0);
    const begins = !this.drawn || this.drawn.run !== run;
    if (begins) {
      this.output.replaceChildren();
      this.end.replaceChildren();
      this.repaint = [];
      this.drawn = { run, count: 0, ended: "" };
      if (one.state === "running") {
        this.following = true;
        this.page.scrollTop = this.output.offsetTop - 90; // the page is what it is placed in
        this.placed = this.page.scrollTop;
      }
    }
    const current = reel && reel.run === run ? reel.events : [];
    const fresh = current.slice(this.drawn.count);
    for (const event of fresh) this.append(event);
    this.drawn.count = current.length;
    while (this.output.children.length > LINES) this.output.firstChild.remove();
    this.finish(one, current.length);
    if (fresh.length && !begins) this.follow();
  }

  // To the end of what has come, unless one has scrolled away from it; a picture stays in sight until much follows it.
  follow() {
    if (!this.following) return;
    const { page } = this;
    const figures = this.output.querySelectorAll(":scope > figure");
    const last = figures[figures.length - 1];
    const top = last ? last.offsetTop - 8 : Infinity;
    const after = last ? page.scrollHeight - last.offsetTop - last.offsetHeight : 0;
    page.scrollTop = last?.querySelector("iframe") && after < page.clientHeight * 0.8 ? top : page.scrollHeight;
    this.placed = page.scrollTop;
  }

  append(event) {
    const { output } = this;
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
      this.picture(event, output);
    }
  }

  picture(shown, output) {
    const figure = make("figure", "wt-shown", output);
    if (shown.title) make("figcaption", "", figure, shown.title);
    if (shown.as === "table") {
      const table = make("table", "", make("div", "wt-wide", figure));
      const head = make("tr", "", make("thead", "", table));
      for (const name of shown.head) make("th", "", head, name).scope = "col";
      const body = make("tbody", "", table);
      for (const cells of shown.rows) {
        const row = make("tr", "", body);
        for (const cell of cells) make("td", "", row, cell);
      }
    } else if (shown.as === "compare") {
      const sides = make("div", "wt-sides", figure);
      for (const side of shown.sides) {
        const box = make("figure", "wt-shown", sides);
        make("figcaption", "", box, side.title);
        code(side.code, box);
      }
    } else if (shown.as === "svg" || shown.as === "html") {
      this.repaint.push(frame(shown, figure, () => this.follow()));
      make("pre", "wt-spoken", figure, shown.text);
    } else {
      code(shown.code, figure);
    }
  }

  // The outcome, under the output; said aloud when it comes while one looks.
  finish(one, events) {
    const how = JSON.stringify([one.state, one.stopped, one.expected, one.got, one.seconds, events > 0]);
    if (this.drawn.ended === how) return;
    const watched = this.drawn.ended.startsWith('["running"');
    this.drawn.ended = how;
    const { end } = this;
    end.replaceChildren();
    end.className = `wt-end wt-${one.state}`;
    let said = "";
    if (one.state === "running") {
      this.since = performance.now();
      this.working = make("span", "wt-working", end, "running…");
    } else if (one.state === "done") {
      said = `Step ${this.shown} showed what it must, in ${took(one.seconds)}.`;
      make("strong", "", end, `✓ ${said}`);
      if (!events) make("p", "", end, "It was run before; run it again to see it.");
    } else if (one.state === "failed") {
      said = `Step ${this.shown} did not show what it must.`;
      make("strong", "", end, `✗ ${said}`);
      const list = make("dl", "", end);
      for (const [name, text] of [["expected", one.expected], ["came", one.got]]) {
        make("dt", "", list, name);
        make("dd", "", list, text);
      }
      if (one.details) {
        const details = make("details", "", end);
        make("summary", "", details, "Where in the code");
        make("pre", "wt-code", details, one.details);
      }
      this.button(end, "▶ Run again", () => this.start());
      said += ` Expected: ${one.expected}. Came: ${one.got}`;
    } else if (one.stopped) {
      said = `Step ${this.shown} was stopped; it can be run again.`;
      make("strong", "", end, said);
    } else if (one.run > 0) {
      said = `Step ${this.shown} is set up and waits to be run.`;
      make("span", "", end, said);
    }
    if (said && (watched || one.state === "waiting")) {
      put(this.spoken, said.slice(0, 400));
      this.follow();
    }
  }

  // Clock, and the time that the running step takes.
  tick() {
    const { minutes } = this.model.get("talk");
    const state = this.model.get("state");
    const passed = this.clock.running ? (performance.now() - this.clock.at) / 1000 : 0;
    const seconds = this.clock.seconds + passed;
    const begin = state.planned * 60;
    const end = begin + this.steps.get(state.current).minutes * 60;
    let how = "on time";
    if (seconds < begin) how = `${time(begin - seconds)} ahead`;
    else if (seconds > end) how = `${time(seconds - end)} behind`;
    if (seconds === 0 && !this.clock.running) how = "it starts with the first step that runs";
    const part = `${time(begin)} to ${time(end)} of ${time(minutes * 60)}`;
    put(this.words, `${time(seconds)} by the clock · this step ${part} · ${how}`);
    this.words.dataset.late = String(seconds > end);
    this.hand.style.left = `${Math.min(100, (seconds / (minutes * 60)) * 100)}%`;
    const one = this.state(this.shown);
    if (one.state === "running" && this.working?.isConnected) {
      put(this.working, `running… ${Math.floor((performance.now() - this.since) / 1000)} s`);
    }
  }

  // --- controls --------------------------------------------------------------------------------------------

  start() {
    this.tell("run", this.shown);
  }

  jump(number) {
    if (this.model.get("state").running) this.look(number);
    else if (number === this.model.get("state").current) this.look(number);
    else this.tell("jump", number);
  }

  askOver() {
    if (this.over.dataset.sure) {
      this.reels.clear();
      this.drawn = null;
      this.tell("over");
    } else {
      this.over.dataset.sure = "yes";
      put(this.over, "Really start over?");
    }
    clearTimeout(this.unsure);
    const calm = () => {
      delete this.over.dataset.sure;
      put(this.over, "Start over");
    };
    if (this.over.dataset.sure) this.unsure = setTimeout(calm, 4000);
    if (!this.drawn) calm();
  }

  toggleNotes() {
    this.notes = !this.notes;
    this.noteBox.hidden = !this.notes;
    this.noted.setAttribute("aria-pressed", String(this.notes));
    if (this.notes) this.noteBox.scrollIntoView({ block: "nearest" });
  }

  toggleKeys() {
    this.keys.hidden = !this.keys.hidden;
    this.asked.setAttribute("aria-expanded", String(!this.keys.hidden));
  }

  zoom(by) {
    const zoom = Math.min(SIZES.length - 1, Math.max(0, this.model.get("zoom") + by));
    this.model.set("zoom", zoom);
    this.model.save_changes();
  }

  size() {
    this.el.style.fontSize = `${SIZES[this.model.get("zoom")]}px`;
    setTimeout(() => this.repaint.forEach((again) => again()), 0);
  }

  full() {
    if (document.fullscreenElement === this.el) document.exitFullscreen();
    else this.el.requestFullscreen().catch(() => this.say("This browser allows no full screen here."));
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const presses = event.target.closest("button, summary, a, input, textarea") !== null;
    const { key } = event;
    const { running } = this.model.get("state");
    const does = {
      ArrowRight: () => (!this.next.disabled || running) && this.tell("next"), // while one runs, it says so
      ArrowLeft: () => (!this.back.disabled || running) && this.tell("back"),
      ArrowDown: () => this.page.scrollBy({ top: 90 }),
      ArrowUp: () => this.page.scrollBy({ top: -90 }),
      PageDown: () => this.page.scrollBy({ top: this.page.clientHeight * 0.9 }),
      PageUp: () => this.page.scrollBy({ top: -this.page.clientHeight * 0.9 }),
      n: () => this.toggleNotes(),
      "+": () => this.zoom(1),
      "=": () => this.zoom(1),
      "-": () => this.zoom(-1),
      "−": () => this.zoom(-1),
      f: () => document.fullscreenEnabled && this.full(),
      "?": () => this.toggleKeys(),
    };
    if (!presses) {
      does[" "] = does.ArrowRight;
      does.Enter = () => !this.run.disabled && this.start();
    }
    if (key in does) {
      event.preventDefault();
      event.stopPropagation();
      does[key]();
    } else if (presses && (key === " " || key === "Enter")) {
      event.stopPropagation(); // the button's own, and not the notebook's
    }
  }
}

function render({ model, el }) {
  const view = new View(model, el);
  return () => view.gone();
}

export default { render };
