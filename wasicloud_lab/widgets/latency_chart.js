// Tells Python how wide the chart may be: plotly's widget does not look. And when a page shows the chart: one that
// was loaded again needs all of it.
const PAUSE = 150;

function render({ model, el }) {
  el.style.width = "100%";
  el.style.height = "0";
  let timer = 0;
  let told = 0;
  const tell = () => {
    const width = Math.floor(el.clientWidth);
    if (!width || width === told) return;
    told = width;
    model.send({ type: "width", width });
  };
  const observer = new ResizeObserver(() => {
    clearTimeout(timer);
    timer = setTimeout(tell, PAUSE);
  });
  observer.observe(el);
  model.send({ type: "shown" });
  return () => {
    clearTimeout(timer);
    observer.disconnect();
  };
}

export default { render };
