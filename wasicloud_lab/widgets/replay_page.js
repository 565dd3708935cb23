// The page around the step in front: timeline and clock, the list of steps, controls and their keys, notices.
//
// Part of one module with replay_drawing.js, which it is drawn with, and replay.js, which fills `card`, `output` and
// `end`. What the controls do is given, in `does`; no message to or from the kernel is known here.

const NARROW = 48; // em
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

class Page {
  // `does` has a function for each of run, all, next, back, stop, clock, over, notes, jump(number), zoom(by).
  constructor(el, talk, does) {
    this.el = el;
    this.talk = talk;
    this.does = does;
    this.running = false; // whether a step is
    this.held = null; // {element, share, gap} of what is at the top of the sheet
    el.classList.add("wt-talk");
    el.tabIndex = 0;
    el.setAttribute("role", "region");
    el.setAttribute("aria-label", "The talk, step by step");
    this.buildTop();
    this.buildList();
    this.buildSheet();
    this.buildControls();
    this.listen();
  }

  // --- what is there ---------------------------------------------------------------------------------

  buildTop() {
    const top = make("header", "wt-top", this.el);
    this.line = make("div", "wt-timeline", top);
    this.line.setAttribute("aria-hidden", "true");
    for (const step of this.talk.steps) {
      const part = make("span", "wt-part", this.line);
      part.style.flexGrow = step.minutes;
      part.title = `${step.number} · ${step.title}: ${step.minutes} min`;
      part.dataset.step = step.number;
    }
    this.hand = make("span", "wt-hand", this.line);
    const row = make("div", "wt-times", top);
    this.words = make("span", "wt-clock", row);
    this.hold = this.button(row, "", this.does.clock, "wt-small");
    this.over = this.button(row, "Start over", this.does.over, "wt-small");
    this.over.title = "Forget what has been run, and set the clock to 0";
  }

  buildList() {
    this.nav = make("nav", "wt-steps", this.el);
    this.nav.setAttribute("aria-label", "Steps of the talk");
    const list = make("ol", "", this.nav);
    const fill = (entry, step, mark, spoken) => {
      make("span", "wt-mark", entry, mark).setAttribute("aria-hidden", "true");
      make("span", "wt-number", entry, step.number);
      make("span", "wt-name", entry, step.title);
      make("span", "wt-spoken", entry, spoken);
    };
    this.entries = new Map();
    for (const step of this.talk.steps) {
      const entry = make("button", "wt-step", make("li", "", list));
      entry.type = "button";
      fill(entry, step);
      this.press(entry, () => this.does.jump(step.number));
      this.entries.set(step.number, entry);
    }
    for (const coming of this.talk.to_come) {
      const entry = make("span", "wt-step wt-coming", make("li", "", list));
      entry.title = `To come: ${coming.why}`;
      fill(entry, coming, "·", `, to come: ${coming.why}`);
    }
  }

  // What scrolls: the step's texts, what it shows, how it ended.
  buildSheet() {
    this.sheet = make("div", "wt-page", this.el);
    this.sheet.tabIndex = -1; // else a browser lets go of the focus, and so of the keys, when nothing is left to scroll
    this.card = make("article", "wt-lead", this.sheet);
    this.output = make("section", "wt-output", this.sheet);
    this.output.setAttribute("aria-label", "What the step shows");
    this.end = make("section", "wt-end", this.sheet);
    this.end.setAttribute("aria-label", "Outcome");
  }

  buildControls() {
    const { el, does } = this;
    const bar = make("div", "wt-controls-bar", el);
    bar.setAttribute("role", "group");
    bar.setAttribute("aria-label", "Controls");
    this.back = this.button(bar, "← Back", does.back);
    this.back.title = "The step before, with the state that it expects (←)";
    this.run = this.button(bar, "▶ Run", does.run, "wt-main");
    this.run.title = "Run this step (Enter)";
    this.next = this.button(bar, "Next →", does.next);
    this.next.title = "The next step (→ or space)";
    this.all = this.button(bar, "Run all", does.all);
    this.all.title = "Run this step and all after it";
    this.halt = this.button(bar, "■ Stop", does.stop);
    make("span", "wt-gap", bar);
    this.noted = this.button(bar, "Notes", does.notes);
    this.noted.title = "Presenter notes, in this view only (n)";
    this.button(bar, "A−", () => does.zoom(-1)).setAttribute("aria-label", "Smaller type");
    this.button(bar, "A+", () => does.zoom(1)).setAttribute("aria-label", "Larger type");
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
    button.addEventListener("click", () => clicked());
  }

  listen() {
    const { el } = this;
    this.pressed = (event) => el.contains(event.target) && this.key(event);
    // On the window, before the notebook's own shortcuts, which would run the cell or leave it.
    window.addEventListener("keydown", this.pressed, true);
    this.widths = new ResizeObserver(() => this.fit());
    this.widths.observe(el);
  }

  gone() {
    window.removeEventListener("keydown", this.pressed, true);
    this.widths.disconnect();
  }

  // Beside the step, the list needs a width that grows with the type.
  fit() {
    const { el } = this;
    el.classList.toggle("wt-narrow", el.clientWidth < NARROW * parseFloat(getComputedStyle(el).fontSize));
  }

  // --- what scrolls -----------------------------------------------------------------------------------

  // To the end of what has come; a picture stays in sight until more than words, or a little, follows it.
  follow() {
    const { output, sheet } = this;
    const last = output.querySelector(":scope > figure:last-of-type");
    const after = last ? sheet.scrollHeight - last.offsetTop - last.offsetHeight : 0;
    const little = after < sheet.clientHeight * 0.8 || !output.querySelector(":scope > figure:last-of-type ~ pre");
    this.place(last?.querySelector("iframe") && little ? last.offsetTop - 8 : sheet.scrollHeight);
    this.anchor();
  }

  place(top) {
    const { sheet } = this;
    sheet.scrollTop = top;
    this.placed = sheet.scrollTop;
  }

  // Notes what is at the top of the sheet: how much of it is above, or how far below the edge it begins.
  anchor() {
    const { card, output, end, sheet } = this;
    const { scrollTop } = sheet;
    const parts = scrollTop > 0 ? [...card.children, ...output.children, end] : [];
    const element = parts.find((part) => part.offsetTop + part.offsetHeight > scrollTop + 8);
    const above = element ? scrollTop - element.offsetTop : 0;
    this.held = element && { element, share: Math.max(0, above) / element.offsetHeight, gap: Math.max(0, -above) };
  }

  keep() {
    if (!this.held?.element.isConnected) return;
    const { element, share, gap } = this.held;
    this.place(element.offsetTop + share * element.offsetHeight - gap);
  }

  // --- what is shown -------------------------------------------------------------------------------------

  say(before, named = "", after = "") {
    this.notice.replaceChildren(before);
    if (named) make("code", "", this.notice, named);
    this.notice.append(after);
  }

  // Where the replay is: in the list, on the timeline, and by what the controls can do now.
  mark(state, shown) {
    const { steps } = this.talk;
    for (const { number, title } of steps) {
      const entry = this.entries.get(number);
      const one = state.steps[number];
      entry.dataset.state = one.state;
      put(entry.children[0], MARKS[one.state]);
      put(entry.children[3], `, ${one.state}`);
      if (number === state.current) entry.setAttribute("aria-current", "step");
      else entry.removeAttribute("aria-current");
      entry.classList.toggle("wt-front", number === shown);
      entry.title = `${title}: ${one.state}${one.seconds ? `, ${took(one.seconds)}` : ""}`;
    }
    for (const part of this.line.querySelectorAll(".wt-part")) {
      part.dataset.state = state.steps[part.dataset.step].state;
      part.classList.toggle("wt-front", part.dataset.step === state.current);
    }
    this.running = state.running;
    this.run.disabled = this.all.disabled = this.over.disabled = state.running;
    this.back.disabled = state.running || state.current === steps[0].number;
    this.next.disabled = state.running || state.current === steps[steps.length - 1].number;
    this.halt.disabled = !state.running;
    put(this.run, ["done", "failed"].includes(state.steps[shown].state) ? "▶ Run again" : "▶ Run");
    put(this.hold, state.held ? "▶ clock" : "❚❚ clock");
    this.hold.setAttribute("aria-label", state.held ? "Let the clock go on" : "Hold the clock");
  }

  // Brings a step's entry into sight, as the one in front.
  front(number) {
    const entry = this.entries.get(number);
    for (const other of this.entries.values()) other.classList.toggle("wt-front", other === entry);
    const { nav } = this;
    nav.scrollTo({ left: entry.offsetLeft - 40, top: entry.offsetTop - nav.clientHeight / 2 });
  }

  // The clock, against what is planned for the current step.
  tick(seconds, runs, state) {
    const { minutes, steps } = this.talk;
    const begin = state.planned * 60;
    const end = begin + steps.find((step) => step.number === state.current).minutes * 60;
    let how = "on time";
    if (seconds < begin) how = `${time(begin - seconds)} ahead`;
    else if (seconds > end) how = `${time(seconds - end)} behind`;
    if (seconds === 0 && !runs) how = "it starts with the first step that runs";
    const part = `${time(begin)} to ${time(end)} of ${time(minutes * 60)}`;
    put(this.words, `${time(seconds)} by the clock · this step ${part} · ${how}`);
    this.words.dataset.late = String(seconds > end);
    this.hand.style.left = `${Math.min(100, (seconds / (minutes * 60)) * 100)}%`;
  }

  // --- controls --------------------------------------------------------------------------------------------

  toggleKeys() {
    this.keys.hidden = !this.keys.hidden;
    this.asked.setAttribute("aria-expanded", String(!this.keys.hidden));
  }

  full() {
    if (document.fullscreenElement === this.el) document.exitFullscreen();
    else this.el.requestFullscreen().catch(() => this.say("This browser allows no full screen here."));
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const presses = event.target.closest("button, summary, a, input, textarea") !== null;
    const { key } = event;
    const { does, sheet, running } = this;
    const scroll = (top) => sheet.scrollBy({ top });
    const acts = {
      ArrowRight: () => (!this.next.disabled || running) && does.next(), // while one runs, it says so
      ArrowLeft: () => (!this.back.disabled || running) && does.back(),
      ArrowDown: () => scroll(90),
      ArrowUp: () => scroll(-90),
      PageDown: () => scroll(sheet.clientHeight * 0.9),
      PageUp: () => scroll(-sheet.clientHeight * 0.9),
      n: () => does.notes(),
      "+": () => does.zoom(1),
      "=": () => does.zoom(1),
      "-": () => does.zoom(-1),
      "−": () => does.zoom(-1),
      f: () => document.fullscreenEnabled && this.full(),
      "?": () => this.toggleKeys(),
    };
    if (!presses) {
      acts[" "] = acts.ArrowRight;
      acts.Enter = () => !this.run.disabled && does.run();
    }
    if (key in acts) {
      event.preventDefault();
      event.stopPropagation();
      acts[key]();
    } else if (presses && (key === " " || key === "Enter")) {
      event.stopPropagation(); // the button's own, and not the notebook's
    }
  }
}
