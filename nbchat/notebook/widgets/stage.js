// What the panel, the comparison and the explorer share: state and HTML come from Python, events go back.
// HTML in slots was made safe by Python's renderers; everything else goes into the page as text.

const PATIENCE = 700; // ms without an echo: the kernel runs a cell

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

/** The bond of a view with Python. `draw(state, slots, changed)` is called with each change. */
function bond(model, root, draw, said = () => {}) {
  const view = Math.random().toString(36).slice(2);
  const slots = new Map();
  const waiting = new Map();
  let state = null;
  let number = 0;
  const busy = make("p", { class: "busy", role: "status", hidden: true });
  busy.textContent = "A cell is running: this goes on when it ends.";

  function send(message, buffers) {
    number += 1;
    waiting.set(number, setTimeout(() => (busy.hidden = false), PATIENCE));
    model.send({ ...message, view, n: number }, undefined, buffers);
  }

  function heard(n) {
    for (const [sent, timer] of waiting) {
      if (sent <= n) {
        clearTimeout(timer);
        waiting.delete(sent);
      }
    }
    if (waiting.size === 0) busy.hidden = true;
  }

  function receive(message) {
    if (message.heard !== undefined) heard(message.heard);
    if (message.to !== undefined && message.to !== view) return;
    const whole = message.to === view && message.slots !== undefined;
    if (whole) slots.clear();
    if (message.to === undefined || whole) {
      if (state === null && !whole) return;
      for (const [name, [stays, rest]] of Object.entries(message.slots ?? {}))
        slots.set(name, (slots.get(name) ?? "").slice(0, stays) + rest);
      for (const name of message.gone ?? []) slots.delete(name);
      state = message.state ?? state;
      if (message.slots || message.state || message.gone)
        draw(state, slots, whole ? new Set(slots.keys()) : new Set(Object.keys(message.slots ?? {})));
    } else said(message);
  }

  model.on("msg:custom", receive);
  root.classList.add("nbchat-live");
  root.dataset.lmSuppressShortcuts = "true"; // JupyterLab's keys are not ours
  root.append(busy);
  send({ do: "hello" });
  return {
    send,
    end() {
      for (const timer of waiting.values()) clearTimeout(timer);
      model.off("msg:custom", receive);
      model.send({ do: "gone", view }, undefined, undefined);
    },
  };
}

/** Put HTML that Python made safe into a node; the user's folding stays. */
function fill(node, html) {
  const folded = [...node.querySelectorAll("details")].map((each) => each.dataset.touched && each.open);
  node.innerHTML = html;
  [...node.querySelectorAll("details")].forEach((each, place) => {
    if (typeof folded[place] === "boolean") {
      each.open = folded[place];
      each.dataset.touched = "yes";
    }
  });
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

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return "copied";
  } catch {
    return "the browser does not allow copying here";
  }
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
