// The wiring: app cards left, provider cards right, wires between them, and a pulse for calls that pass.
//
// HTML does the layout (side by side, or one column with the wires on a rail where it is narrow); an SVG behind it
// has the wires, drawn from where the boxes are. `state` is redrawn at most ten times a second; what moves in
// between moves here. Part of one module with wiring_drawing.js.

const NARROW = 620; // px
const TRAVEL = 900; // ms a pulse takes
const BEAT = 1000; // ms between two signs that somebody looks
const SILENCE = 7000; // ms after which the kernel counts as gone
const MOST = 12; // pulses a second on one wire

const RAIL = 18; // px between two rails where it is narrow

class Wiring {
  constructor(model, el) {
    this.model = model;
    this.el = el;
    el.classList.add("wl-wiring");
    this.svg = draw("svg", { class: "wl-wires", role: "img" }, el);
    this.lines = draw("g", {}, this.svg);
    this.pulses = draw("g", {}, this.svg);
    this.boxes = make("div", "wl-boxes", el);
    this.notice = make("div", "wl-notice", el);
    this.notice.setAttribute("role", "status");
    this.spoken = make("div", "wl-spoken", el);
    this.spoken.setAttribute("aria-live", "polite");
    this.wires = new Map();
    this.dots = [];
    this.frame = 0;
    this.heard = performance.now();
    this.errors = null;
    this.still = window.matchMedia("(prefers-reduced-motion: reduce)");

    this.changed = () => this.show();
    this.message = () => this.listen();
    this.beat = () => this.look();
    model.on("change:state", this.changed);
    model.on("msg:custom", this.message);
    document.addEventListener("visibilitychange", this.beat);
    this.timer = setInterval(this.beat, BEAT);
    this.sizes = new ResizeObserver(() => this.route()); // boxes that move do so because one has grown
    this.rows = new MutationObserver(() => this.tendButtons());
    this.observe();
    this.show();
    // Once the view is attached.
    requestAnimationFrame(() => {
      this.route();
      this.look();
    });
  }

  end() {
    clearInterval(this.timer);
    cancelAnimationFrame(this.frame);
    this.sizes.disconnect();
    this.rows.disconnect();
    document.removeEventListener("visibilitychange", this.beat);
    this.model.off("change:state", this.changed);
    this.model.off("msg:custom", this.message);
  }

  // --- whether anybody looks, and whether a kernel is there ----------------------------------------

  look() {
    if (document.hidden || !this.el.isConnected) {
      this.heard = performance.now();
      return;
    }
    const gone = this.el.closest(".jupyter-widgets-disconnected") !== null;
    if (!gone) {
      try {
        this.model.send({ type: "alive" });
      } catch {
        // The comm is closed: said below.
      }
    }
    this.nameSliders();
    this.watchRows();
    const silent = gone || performance.now() - this.heard > SILENCE;
    this.el.classList.toggle("wl-dead", silent);
    const words = gone
      ? "No kernel is behind this panel any more: it has ended, or was started anew. Run the panel's cell again."
      : "No kernel is behind this panel. Run its cell again, or wait if a cell is running.";
    put(this.notice, silent ? words : "");
  }

  // ipywidgets gives a slider's handle no name that a screen reader could say; its label has one.
  nameSliders() {
    for (const handle of this.el.closest(".wl-panel")?.querySelectorAll("[role=slider]:not([aria-label])") ?? []) {
      const label = handle.closest(".widget-slider")?.querySelector(".widget-label");
      if (label?.textContent) handle.setAttribute("aria-label", label.textContent);
    }
  }

  watchRows() {
    const panel = this.el.closest(".wl-panel");
    const rows = panel?.querySelector(".wl-rows");
    if (!rows || rows === this.watched) return;
    this.watched = rows;
    panel.addEventListener("keydown", typed);
    this.rows.disconnect();
    this.rows.observe(rows, { subtree: true, childList: true, attributeFilter: ["class", "style"] });
    this.tendButtons();
  }

  // What ipywidgets can't say of the buttons in the rows: that Swap does nothing now, though it keeps the focus; and
  // where the focus goes when Cancel goes.
  tendButtons() {
    for (const swap of this.watched.querySelectorAll(".wl-swap")) {
      const off = String(swap.classList.contains("wl-off"));
      if (swap.getAttribute("aria-disabled") !== off) swap.setAttribute("aria-disabled", off);
      const cancel = swap.parentElement.querySelector(".wl-cancel");
      if (cancel && cancel === document.activeElement && cancel.style.display === "none") swap.focus();
    }
  }

  listen() {
    this.heard = performance.now();
    if (this.el.classList.contains("wl-dead")) {
      this.el.classList.remove("wl-dead");
      put(this.notice, "");
    }
  }

  // --- boxes -------------------------------------------------------------------------------------

  show() {
    const state = this.model.get("state");
    if (!state || !state.apps) return;
    this.listen();
    const now = shape(state);
    if (now !== this.shape) {
      this.shape = now;
      this.build(state);
    }
    for (const app of state.apps) {
      put(this.served.get(app.name), app.served ? `served at ${app.served}` : "");
      for (const wire of app.wires) this.showWire(this.wires.get(wire.key), wire, state);
    }
    for (const provider of state.providers) this.showProvider(this.cards.get(provider.key), provider);
    if (this.svg.getAttribute("aria-label") !== state.words) this.svg.setAttribute("aria-label", state.words);
    this.speak(state.errors);
  }

  build(state) {
    const before = this.wires;
    this.boxes.replaceChildren();
    this.lines.replaceChildren();
    this.pulses.replaceChildren();
    this.dots = [];
    this.wires = new Map();
    this.cards = new Map();
    this.served = new Map();
    this.apps = new Map();
    if (!state.apps.length) {
      make("div", "wl-empty", this.boxes, "Nothing is loaded yet: lab.load(\"gopher\") shows up here.");
      return;
    }
    const left = make("div", "wl-apps", this.boxes);
    const right = make("div", "wl-providers", this.boxes);
    const behind = new Set(state.apps.flatMap((app) => app.wires.map((wire) => wire.app)));
    const short = loose(state, behind);
    if (short.length) this.buildLoose(short);
    for (const app of state.apps.filter((each) => !short.includes(each))) {
      const group = make("div", "wl-group", left);
      const card = make("div", "wl-card wl-app", group);
      make("div", "wl-name", card, app.name);
      make("div", "wl-fact", card, exported(app)).title = app.exports.join("\n");
      this.served.set(app.name, make("div", "wl-fact wl-served", card));
      make("div", "wl-fact", card, `${app.size} · sha256 ${app.digest}`).title = app.digest;
      this.apps.set(app.name, card);
      const labels = make("div", behind.has(app.name) ? "wl-labels wl-behind" : "wl-labels", group);
      for (const wire of app.wires) {
        const label = make("div", `wl-label wl-${wire.kind}`, labels);
        const element = {
          key: wire.key,
          label,
          name: make("span", "wl-package", label, bare(wire.label)),
          passes: passing(make("div", "wl-passes", label)),
          app: wire.app,
          provider: wire.provider,
          line: draw("path", { class: `wl-line wl-${wire.kind}` }, this.lines),
          kind: wire.kind,
          calls: before.get(wire.key)?.calls ?? null,
          failures: before.get(wire.key)?.failures ?? 0,
          queue: 0,
          bad: 0,
          last: 0,
          length: 0,
        };
        element.name.title = wire.label;
        this.wires.set(wire.key, element);
      }
    }
    for (const provider of state.providers) {
      const card = make("div", `wl-card wl-provider wl-${provider.kind}`, right);
      const head = make("div", "wl-head", card);
      const dot = make("span", "wl-dot", head);
      dot.setAttribute("aria-hidden", "true");
      make("span", "wl-kind", head, provider.key);
      const trip = make("span", "wl-trip", head);
      trip.title = "round trip of a sign of life";
      const summary = make("div", "wl-name wl-summary", card);
      this.cards.set(provider.key, {
        card,
        trip,
        summary,
        name: make("span", "", summary),
        rest: make("span", "wl-rest", summary),
        words: make("div", "wl-words", card),
      });
    }
    this.observe();
  }

  buildLoose(apps) {
    const line = make("div", "wl-loose", this.boxes);
    for (const app of apps) {
      const card = make("div", "wl-card wl-app", line);
      card.title = `${app.size} · sha256 ${app.digest}\n${exported(app)}`;
      make("span", "wl-name", card, app.name);
      this.served.set(app.name, make("span", "wl-fact wl-served", card));
    }
  }

  observe() {
    this.sizes.disconnect();
    for (const box of [this.el, this.boxes, ...this.boxes.querySelectorAll(".wl-card, .wl-label")]) this.sizes.observe(box);
  }

  showWire(element, wire, state) {
    const health = state.providers.find((provider) => provider.key === wire.provider)?.health;
    const moving = wire.moving !== null;
    const flows = element.calls !== null && wire.calls > element.calls;
    let [calls, rate, more] = [count(wire.calls, "call"), "", ""];
    if (moving) {
      calls = `moving ${wire.moving}`;
      if (wire.waiting) more = `· ${wire.waiting.toLocaleString("en-US")} wait`;
    } else if (wire.swapping) calls = "swapping …";
    else {
      if (wire.rate >= 1) rate = `· ${Math.round(wire.rate).toLocaleString("en-US")}/s`;
      if (wire.errors) more = `· ${wire.errors.toLocaleString("en-US")} failed`;
    }
    put(element.passes.calls, calls);
    put(element.passes.rate, rate);
    put(element.passes.more, more);
    for (const each of [element.label, element.line]) {
      each.classList.toggle("wl-moving", moving || wire.swapping);
      each.classList.toggle("wl-failed", health === "failed");
      each.classList.toggle("wl-flows", flows);
    }
    element.label.classList.toggle("wl-erred", wire.failing);
    if (flows) {
      // Few calls are a pulse each; many grow with the logarithm of their number, so that the eye can follow.
      element.gap = 1000 / Math.min(MOST, 2 + 2.5 * Math.log10(1 + wire.rate));
      element.queue = Math.min(element.queue + wire.calls - element.calls, 1 + Math.ceil(300 / element.gap));
      if (wire.errors > element.failures) element.bad = 1;
      this.animate();
    }
    element.calls = wire.calls;
    element.failures = wire.errors;
  }

  showProvider(element, provider) {
    put(element.name, provider.name);
    put(element.rest, provider.rest ? ` ${provider.rest}` : "");
    element.summary.title = provider.summary;
    put(element.trip, { ok: provider.trip, failed: "failed", unknown: "…" }[provider.health]);
    put(element.words, provider.words);
    element.words.title = provider.words;
    for (const health of ["ok", "failed", "unknown"]) {
      element.card.classList.toggle(`wl-${health}`, provider.health === health);
    }
  }

  speak(errors) {
    const now = performance.now();
    if (this.errors === null) this.errors = errors;
    if (errors === this.errors || now - (this.spokenAt ?? -Infinity) < 5000) return;
    this.spokenAt = now;
    if (errors > this.errors) put(this.spoken, `${count(errors - this.errors, "call")} failed, ${errors.toLocaleString("en-US")} in all`);
    this.errors = errors;
  }

  // --- wires -------------------------------------------------------------------------------------

  route() {
    const outer = this.el.getBoundingClientRect();
    if (!outer.width) return;
    const narrow = outer.width < NARROW;
    if (narrow !== this.narrow) {
      this.narrow = narrow;
      this.el.classList.toggle("wl-narrow", narrow);
      this.el.style.setProperty("--wl-rails", `${this.wires.size * RAIL + 6}px`);
    }
    const wires = [...this.wires.values()];
    if (narrow) this.el.style.setProperty("--wl-rails", `${wires.length * RAIL + 6}px`);
    const box = (element) => {
      const found = element.getBoundingClientRect();
      return {
        left: found.left - outer.left,
        right: found.right - outer.left,
        top: found.top - outer.top,
        bottom: found.bottom - outer.top,
        middle: (found.top + found.bottom) / 2 - outer.top,
      };
    };
    // Wires that end at the same provider share its edge, from top to bottom in their order.
    const ends = new Map();
    for (const wire of wires) ends.set(wire.provider, [...(ends.get(wire.provider) ?? []), wire]);
    wires.forEach((wire, number) => {
      const card = wire.app !== undefined ? this.apps.get(wire.app) : this.cards.get(wire.provider)?.card;
      if (!card) return;
      const from = box(wire.label);
      const to = box(card);
      const peers = ends.get(wire.provider);
      // An app is reached above its own wires.
      const part = wire.app !== undefined ? 12 : ((to.bottom - to.top) * (peers.indexOf(wire) + 1)) / (peers.length + 1);
      const y = to.top + part;
      let path;
      if (narrow) path = rail(from.left, from.middle, to.left, y, 8 + number * RAIL);
      else if (wire.app !== undefined) path = back(from, to.right, y);
      else path = across(from, to.left, y);
      if (path !== wire.path) {
        wire.path = path;
        wire.line.setAttribute("d", path);
        wire.length = wire.line.getTotalLength();
      }
    });
  }

  animate() {
    if (!this.frame && !this.still.matches) this.frame = requestAnimationFrame((now) => this.step(now));
  }

  step(now) {
    this.frame = 0;
    for (const wire of this.wires.values()) {
      if (wire.queue > 0 && now - wire.last >= wire.gap) {
        wire.queue -= 1;
        wire.last = now;
        const name = `wl-pulse wl-${wire.kind}${wire.bad ? " wl-bad" : ""}`;
        wire.bad = 0;
        this.dots.push({ wire, born: now, circle: draw("circle", { r: 5, class: name }, this.pulses) });
      }
    }
    this.dots = this.dots.filter((dot) => {
      const passed = (now - dot.born) / TRAVEL;
      if (passed >= 1 || !dot.wire.length) {
        dot.circle.remove();
        return false;
      }
      const { x, y } = dot.wire.line.getPointAtLength(passed * dot.wire.length);
      dot.circle.setAttribute("cx", x);
      dot.circle.setAttribute("cy", y);
      return true;
    });
    if (this.dots.length || [...this.wires.values()].some((wire) => wire.queue > 0)) this.animate();
  }
}

function render({ model, el }) {
  const wiring = new Wiring(model, el);
  return () => wiring.end();
}

export default { render };
