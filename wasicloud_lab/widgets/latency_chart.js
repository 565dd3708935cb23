// Tells Python how wide the chart may be: plotly's widget does not look. And when a page shows the chart: one that
// was loaded again needs all of it.
const PAUSE = 150;

function render({ model, el }) {
  let timer = 0;
  let told = 0;
  let frame = 0;
  const send = (message) => {
    try {
      model.send(message);
    } catch {
      // The kernel is gone; what was drawn stays.
    }
  };
  const tell = () => {
    const width = Math.floor(el.closest(".wl-latency")?.clientWidth ?? 0);
    if (!width || width === told) return;
    told = width;
    send({ type: "width", width });
  };
  const observer = new ResizeObserver(() => {
    clearTimeout(timer);
    timer = setTimeout(tell, PAUSE);
  });
  const watch = () => {
    const box = el.closest(".wl-latency"); // none until we have been put into it
    if (box) observer.observe(box);
    else frame = requestAnimationFrame(watch);
  };
  watch();
  send({ type: "shown" });
  return () => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
    observer.disconnect();
  };
}

export default { render };
