// Elements of a page, and what is done with them; shared by all widgets.

/** An element: attributes, `on…` listeners, children as nodes or text. */
function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

function button(label, onclick, attributes = {}) {
  return make("button", { type: "button", onclick, ...attributes }, label);
}

function uid() {
  return Math.random().toString(36).slice(2);
}

/** A handler that does not take the second half of a double click. */
function once(handle) {
  return (event) => event.detail < 2 && handle(event);
}

/** Enter, and not the one that ends the composition of a character. */
function enters(event) {
  return event.key === "Enter" && !event.shiftKey && !event.isComposing && event.keyCode !== 229;
}

/** As high as its text. */
function fit(area) {
  area.style.height = "auto";
  area.style.height = `${Math.min(area.scrollHeight, 260)}px`;
}

/** Set what differs only, so that focus and selection stay. */
function show(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** A pair of element and key for each entry, kept in order; what is gone is removed. */
function keyed(parent, known, entries, create) {
  const wanted = new Set(entries.map((entry) => entry.id));
  for (const [id, item] of known) {
    if (!wanted.has(id)) {
      item.node.remove();
      known.delete(id);
    }
  }
  entries.forEach((entry, place) => {
    if (!known.has(entry.id)) known.set(entry.id, create(entry));
    const { node } = known.get(entry.id);
    if (parent.children[place] !== node) parent.insertBefore(node, parent.children[place] ?? null);
  });
}

/** Put HTML that Python made safe into a node. Its beginning, where it is the same, and the user's folding stay. */
function fill(node, html) {
  const folded = [...node.querySelectorAll("details")].map((each) => each.dataset.touched && each.open);
  const next = make("template");
  next.innerHTML = html;
  let same = 0;
  while (node.childNodes[same]?.isEqualNode(next.content.firstChild)) {
    next.content.firstChild.remove();
    same += 1;
  }
  while (node.childNodes.length > same) node.lastChild.remove();
  node.append(next.content);
  node.typeset = false;
  [...node.querySelectorAll("details")].forEach((each, place) => {
    if (typeof folded[place] === "boolean") {
      each.open = folded[place];
      each.dataset.touched = "yes";
    }
  });
}

/** Draw the formulas of a text that is whole, where the host can. (In one that grows they would flicker.) */
function typeset(model, node) {
  if (node.typeset || !/[$\\]/.test(node.textContent)) return;
  node.typeset = true;
  model.widget_manager?.rendermime?.latexTypesetter?.typeset(node);
}

/** Put the texts of slots PREFIX0, PREFIX1, … into a node; while it `grows`, the last is busy. Returns whether there is any. */
function drawParts(model, node, prefix, slots, changed, grows) {
  const names = [];
  while (slots.has(prefix + names.length)) names.push(prefix + names.length);
  while (node.children.length > names.length) node.lastChild.remove();
  while (node.children.length < names.length) node.append(make("div", { class: "nbchat wide part" }));
  names.forEach((name, place) => {
    const part = node.children[place];
    if (changed.has(name)) fill(part, slots.get(name));
    const busy = grows && place === names.length - 1;
    part.setAttribute("aria-busy", String(busy));
    if (!busy && !part.querySelector(".words")) typeset(model, part); // differences are of what was written
  });
  return names.some((name) => slots.get(name));
}

/** Remember which foldings the user touched. */
function watchFolding(root) {
  root.addEventListener("click", (event) => {
    const summary = event.target.closest?.("summary");
    if (summary && root.contains(summary)) summary.parentElement.dataset.touched = "yes";
  });
}

function download({ name, type, text }) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Copy, over plain http too, where browsers know only the old way. */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return "copied";
  } catch {
    const focused = document.activeElement;
    const field = document.body.appendChild(make("textarea", { style: "position:fixed;opacity:0" }));
    field.value = text;
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    focused?.focus();
    return done ? "copied" : "the browser does not allow copying here";
  }
}

/** What went wrong, until it is dismissed. */
function alarm(dismiss) {
  const text = make("span");
  const node = make("p", { class: "error bad", role: "alert", hidden: true }, text,
    button("×", dismiss, { class: "icon", "aria-label": "Dismiss" }));
  return {
    node,
    draw(error) {
      show(text, error);
      node.hidden = !error;
    },
  };
}

/** Put a new cell below the one that shows this node; where the host does not let us, copy its source. */
async function newCell(model, node, { kind, source }) {
  const book = model.widget_manager?.context?.model?.sharedModel;
  if (!book?.insertCell) return `${await copy(source)}: paste it into a new cell`;
  const cell = node.closest(".jp-Cell");
  const place = Number(cell?.dataset.windowedListIndex ?? NaN);
  book.insertCell(Number.isNaN(place) ? book.cells.length : place + 1, { cell_type: kind, source, metadata: {} });
  return "a new cell is below";
}
