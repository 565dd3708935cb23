// Draws with plotly what Python says. The library's megabytes come once for a page, when a chart is shown: anywidget
// gives up on a widget whose own code takes more than two seconds to start, which on a slow machine they do.
const PAUSE = 150;
const AGAIN = 20000; // whoever was asked for the library may be gone
const CONFIG = { displayModeBar: false, responsive: false };
const NAME = "How long requests took, and how many failed, in the last minute. The numbers are beside it.";
const page = (globalThis[Symbol.for("wasicloud-lab.plotly")] ??= { plotly: null, asked: -AGAIN, waiting: new Set() });

// A script, not a module: it is not written for strict mode. Within a function, so that it finds no loader of the page.
function load(bytes) {
  if (page.plotly || page.loading) return;
  page.loading = true;
  const others = globalThis.Plotly; // the page's own, if it has one; it puts itself there
  const before = `(function(){var module={exports:{}},exports=module.exports,define;`;
  const after = `;globalThis[Symbol.for("wasicloud-lab.plotly")].plotly=module.exports}).call(globalThis)`;
  const script = document.createElement("script");
  script.src = URL.createObjectURL(new Blob([before, bytes, after], { type: "text/javascript" }));
  script.onload = script.onerror = () => {
    URL.revokeObjectURL(script.src);
    script.remove();
    globalThis.Plotly = others;
    page.loading = false;
    for (const ready of [...page.waiting]) ready();
  };
  document.head.append(script);
}

function render({ model, el }) {
  const plot = document.createElement("div");
  plot.setAttribute("role", "img");
  plot.setAttribute("aria-label", NAME);
  const coming = document.createElement("div");
  coming.className = "wl-note wl-busy";
  coming.setAttribute("role", "status");
  coming.textContent = "The chart is coming …";
  el.append(coming, plot);

  let width = 0;
  let timer = 0;
  let asking = 0;
  const send = (message) => {
    try {
      model.send(message);
    } catch {
      // The kernel is gone; what was drawn stays.
    }
  };
  const draw = () => {
    const { data, layout } = model.get("picture");
    if (!page.plotly || !width || !data) return;
    // Copies: plotly writes into what it is given.
    page.plotly.react(plot, structuredClone(data), { ...structuredClone(layout), width }, CONFIG);
    coming.remove();
  };
  const ready = () => {
    if (page.plotly) draw();
    else coming.textContent = "The chart can't be drawn here: this page runs no scripts of a notebook. See the numbers.";
  };
  const ask = () => {
    if (page.plotly) return;
    if (performance.now() - page.asked > AGAIN) {
      page.asked = performance.now();
      send({ type: "library" });
    }
    asking = setTimeout(ask, AGAIN / 4);
  };
  const sized = () => {
    if (!el.clientWidth || el.clientWidth === width) return;
    width = Math.floor(el.clientWidth);
    send({ type: "width", width });
    draw();
  };
  const observer = new ResizeObserver(() => {
    clearTimeout(timer);
    timer = setTimeout(sized, PAUSE);
  });
  observer.observe(el);
  page.waiting.add(ready);
  model.on("change:picture", draw);
  model.on("msg:custom", (message, buffers) => {
    if (message.type === "library") load(buffers[0]);
  });
  ask();
  return () => {
    page.waiting.delete(ready);
    observer.disconnect();
    clearTimeout(timer);
    clearTimeout(asking);
    page.plotly?.purge(plot);
  };
}

export default { render };
