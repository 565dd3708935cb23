// How the wiring is drawn: small pieces of a page, what keys do there, and the paths of wires. Nothing is kept here.
//
// Part of one module with wiring.js, which draws with these.

const SVG = "http://www.w3.org/2000/svg";

const draw = (tag, attributes, parent) => {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  parent.append(made);
  return made;
};
const count = (number, one) => `${number.toLocaleString("en-US")} ${one}${number === 1 ? "" : "s"}`;
const bare = (name) => name.split("@")[0];

// What makes the boxes; everything else is changed in place.
const shape = (state) =>
  JSON.stringify([
    state.apps.map((app) => [app.name, app.digest, app.wires.map((wire) => [wire.key, wire.app, wire.provider])]),
    state.providers.map((provider) => provider.key),
  ]);

// The apps without links that get a short piece each, not a card: beside apps with links, or where they are many.
const loose = (state, behind) => {
  const found = state.apps.filter((app) => !app.wires.length && !behind.has(app.name));
  return found.length < state.apps.length || found.length > 2 ? found : [];
};

const exported = (app) => (app.exports.length ? `exports ${app.exports.map(bare).join(", ")}` : "exports nothing");

// Letters choose in a dropdown; in the notebook they are commands, and "dd" deletes the cell.
const typed = (event) => {
  const letter = event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey;
  if (letter && event.target.matches("select")) event.stopPropagation();
};

// What passes on a wire, in pieces: a line breaks at the spaces between them only, and one can be hidden.
const passing = (parent) => {
  const [calls, rate, more] = ["", "wl-rate", ""].map((name) => make("span", name));
  parent.append(calls, " ", rate, " ", more);
  return { calls, rate, more };
};

// From the app's edge along the label, then over to the provider.
function across(from, x, y) {
  const reach = Math.max(30, (x - from.right) / 2);
  return `M${from.left} ${from.middle}H${from.right}C${from.right + reach} ${from.middle} ${x - reach} ${y} ${x} ${y}`;
}

// From the label round to the right edge of another app.
function back(from, x, y) {
  const out = from.right + 14;
  const turn = Math.min(14, Math.abs(y - from.middle) / 2);
  const way = y > from.middle ? 1 : -1;
  return (
    `M${from.left} ${from.middle}H${out - turn}Q${out} ${from.middle} ${out} ${from.middle + way * turn}` +
    `V${y - way * turn}Q${out} ${y} ${out - turn} ${y}H${x}`
  );
}

// From the label to a rail at the left, along it, and in again.
function rail(fromX, fromY, x, y, at) {
  const turn = Math.min(8, Math.abs(y - fromY) / 2);
  const way = y > fromY ? 1 : -1;
  return `M${fromX} ${fromY}H${at + turn}Q${at} ${fromY} ${at} ${fromY + way * turn}V${y - way * turn}Q${at} ${y} ${at + turn} ${y}H${x}`;
}
