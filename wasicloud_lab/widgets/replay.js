// The talk, step by step: the step in front and what it shows as it runs, by what the kernel says.
//
// `talk` never changes, `state` says where the replay is, messages bring what a step tells. Which step is looked at,
// the notes, the size of the type and the full screen belong to this view: a second view of the same output can be the
// presenter's.
// Part of one module with replay_drawing.js, which draws what is shown, and replay_page.js, the page around the step.

const BEAT = 1000; // ms between two signs that somebody looks
const SILENCE = 7000; // ms after which the kernel counts as gone
const LINES = 3000; // pieces of output on the page; the first of more are taken off

class View {
  constructor(model, el) {
    this.model = model;
    this.el = el;
    this.id = Math.random().toString(36).slice(2);
    this.steps = new Map(model.get("talk").steps.map((step) => [step.number, step]));
    this.reels = new Map(); // number → {run, next, events}
    this.shown = null; // number of the step in front
    this.drawn = null; // {run, count, ended, loading} of what is in the output; the last counts pictures to come
    this.notes = false;
    this.following = false; // whether the sheet is scrolled to what comes
    this.clock = { seconds: 0, running: false, at: performance.now() };
    this.heard = performance.now();
    this.frames = []; // for each picture, what dresses it anew
    this.page = new Page(el, model.get("talk"), {
      run: () => this.start(),
      all: () => this.tell("all", this.shown),
      next: () => this.tell("next"),
      back: () => this.tell("back"),
      stop: () => this.tell("stop"),
      clock: () => this.tell("clock"),
      over: () => this.askOver(),
      notes: () => this.toggleNotes(),
      jump: (number) => this.jump(number),
      zoom: (by) => this.zoom(by),
    });
    this.listen();
    this.change();
    this.size(model.get("zoom"));
    this.beat();
  }

  listen() {
    const { model } = this;
    const { page } = this;
    const { sheet, card, output, end } = page;
    const heard = {
      "change:state": () => this.change(),
      "change:zoom": () => this.size(model.get("zoom")),
      "msg:custom": (content) => this.receive(content),
    };
    for (const [kind, does] of Object.entries(heard)) model.on(kind, does);
    const scrolled = () => {
      if (sheet.scrollTop === page.placed) return; // that was `place`
      page.placed = undefined;
      this.following = this.running() && sheet.scrollHeight - sheet.scrollTop - sheet.clientHeight < 60;
      page.anchor();
    };
    sheet.addEventListener("scroll", scrolled);
    const sizes = new ResizeObserver(() => this.settle());
    for (const part of [sheet, card, output, end]) sizes.observe(part);
    const themes = new MutationObserver(() => this.repaint(300));
    themes.observe(document.body, { attributes: true, attributeFilter: ["class", "data-jp-theme-light"] });
    const timer = setInterval(() => this.beat(), BEAT);
    this.off = () => {
      for (const [kind, does] of Object.entries(heard)) model.off(kind, does);
      sheet.removeEventListener("scroll", scrolled);
      sizes.disconnect();
      themes.disconnect();
      clearInterval(timer);
    };
  }

  gone() {
    this.off();
    this.page.gone();
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
      this.page.say(
        silent ? "The kernel does not answer: it is busy with another cell, or gone. After a restart, " : "",
        silent ? "wl.replay(resume=True)" : "",
        silent ? " goes on where this was." : "",
      );
    }
  }

  tell(what, step) {
    if (!this.silent) this.page.say("");
    this.send({ type: "do", what, step });
  }

  receive(content) {
    this.heard = performance.now();
    if (content.type === "clock") {
      this.clock = { seconds: content.seconds, running: content.running, at: performance.now() };
      this.tick();
    } else if (content.type === "notice") {
      this.page.say(content.text);
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

  running() {
    return this.state(this.shown).state === "running";
  }

  change() {
    this.heard = performance.now();
    const state = this.model.get("state");
    if (state.current !== this.current) {
      this.current = state.current;
      this.look(state.current);
    }
    this.page.mark(state, this.shown);
    this.draw();
    this.tick();
  }

  // Puts a step in front.
  look(number) {
    if (this.shown === number) return;
    this.shown = number;
    this.drawn = null;
    const step = this.steps.get(number);
    const begin = this.before(number);
    const { minutes } = this.model.get("talk");
    const { card } = this.page;
    card.replaceChildren();
    this.noteBox = describe(step, `minutes ${begin} to ${begin + step.minutes} of ${minutes}`, card);
    this.noteBox.hidden = !this.notes;
    this.following = false;
    this.page.place(0);
    this.page.anchor();
    this.page.front(number);
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
    const { output, end } = this.page;
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
      output.replaceChildren();
      end.replaceChildren();
      this.frames = [];
      this.drawn = { run, count: 0, ended: "", loading: 0 };
    }
    const current = reel && reel.run === run ? reel.events : [];
    const fresh = current.slice(this.drawn.count);
    const { drawn } = this;
    const framed = (shown, place) => {
      drawn.loading += 1;
      const ready = () => {
        drawn.loading -= 1;
        this.settle();
      };
      this.frames.push(frame(shown, place, ready));
    };
    for (const event of fresh) append(event, output, framed);
    this.drawn.count = current.length;
    while (output.children.length > LINES) output.firstChild.remove();
    this.finish(one, current.length);
    if (begins) this.page.place(this.page.sheet.scrollTop); // where less is left to scroll: not one's own doing
  }

  // When something has come or has changed its size: on with a step that runs, until the pictures of its end are there.
  // After that, or where one has scrolled away, what one looks at stays where it is.
  settle() {
    if (!this.following) {
      this.page.keep();
      return;
    }
    this.page.follow();
    this.following = this.running() || this.drawn.loading > 0;
  }

  // The outcome, under the output; said aloud when it comes while one looks.
  finish(one, events) {
    const how = JSON.stringify([one.state, one.stopped, one.expected, one.got, one.seconds, events > 0]);
    if (this.drawn.ended === how) return;
    const watched = this.drawn.ended.startsWith('["running"');
    this.drawn.ended = how;
    const { end, spoken } = this.page;
    end.replaceChildren();
    end.className = `wt-end wt-${one.state}`;
    let said = "";
    if (one.state === "running") {
      if (!watched) this.following = true;
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
      this.page.button(end, "▶ Run again", () => this.start());
      said += ` Expected: ${one.expected}. Came: ${one.got}`;
    } else if (one.stopped) {
      said = `Step ${this.shown} was stopped; it can be run again.`;
      make("strong", "", end, said);
    } else if (one.run > 0) {
      said = `Step ${this.shown} is set up and waits to be run.`;
      make("span", "", end, said);
    }
    if (said && (watched || one.state === "waiting")) {
      put(spoken, said.slice(0, 400));
      this.settle();
    }
  }

  // Clock, and the time that the running step takes.
  tick() {
    const { seconds, running, at } = this.clock;
    const now = performance.now();
    this.page.tick(seconds + (running ? (now - at) / 1000 : 0), running, this.model.get("state"));
    if (this.running() && this.working?.isConnected) {
      put(this.working, `running… ${Math.floor((now - this.since) / 1000)} s`);
    }
  }

  repaint(after) {
    setTimeout(() => this.frames.forEach((dress) => dress()), after);
  }

  // --- what the controls do ----------------------------------------------------------------------------------

  start() {
    this.tell("run", this.shown);
  }

  jump(number) {
    const { running, current } = this.model.get("state");
    if (running || number === current) this.look(number);
    else this.tell("jump", number);
  }

  // The first click asks, a second one within seconds is the answer.
  askOver() {
    const { over } = this.page;
    const sure = over.dataset.sure;
    clearTimeout(this.unsure);
    const calm = () => {
      delete over.dataset.sure;
      put(over, "Start over");
    };
    if (sure) {
      calm();
      this.reels.clear();
      this.drawn = null;
      this.tell("over");
    } else {
      over.dataset.sure = "yes";
      put(over, "Really start over?");
      this.unsure = setTimeout(calm, 4000);
    }
  }

  toggleNotes() {
    this.notes = !this.notes;
    this.noteBox.hidden = !this.notes;
    this.page.noted.setAttribute("aria-pressed", String(this.notes));
    if (this.notes) this.noteBox.scrollIntoView({ block: "nearest" });
  }

  zoom(by) {
    this.size(Math.min(SIZES.length - 1, Math.max(0, this.zoomed + by)));
  }

  size(zoom) {
    this.zoomed = zoom;
    this.el.style.fontSize = `${SIZES[zoom]}px`;
    this.page.fit();
    this.frames.forEach((dress) => dress());
    this.settle();
  }
}

function render({ model, el }) {
  const view = new View(model, el);
  return () => view.gone();
}

export default { render };
