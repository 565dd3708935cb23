// Elements of a page: made, and given text only when it is another. The first part of modules that draw with them.

const make = (tag, name, parent, text) => {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined) made.textContent = text;
  if (parent) parent.append(made);
  return made;
};
const put = (element, text) => {
  if (element.textContent !== text) element.textContent = text;
};
