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

/** The bond of a view with Python. `draw(state, slots, changed)` is called with each change; `send` tells if it went. */
function bond(model, root, draw, said = () => {}) {
  const view = Math.random().toString(36).slice(2);
  const slots = new Map();
  const waiting = new Map();
  let state = null;
  let number = 0;
  let lost = false;
  const busy = make("p", { class: "busy", role: "status", hidden: true });

  function send(message, buffers) {
    number += 1;
    lost = !post({ ...message, n: number }, buffers);
    if (lost) tellBusy();
    else waiting.set(number, setTimeout(tellBusy, PATIENCE));
    return !lost;
  }

  function post(message, buffers) {
    try {
      model.send({ ...message, view }, undefined, buffers);
      return true;
    } catch { // the kernel restarted: its end of the line is gone
      return false;
    }
  }

  function tellBusy() {
    show(busy, lost ? "The kernel was restarted: run the cell again to go on."
      : state === null ? "Waiting for the kernel: a cell is running, or there is none."
      : state.tool ? "A tool is running: the kernel's own stop button ends it, too."
      : "A cell is running: this goes on when it ends.");
    busy.hidden = false;
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
    if (message.roll) post({ do: "here" });
    if (message.to !== undefined && message.to !== view) return;
    const whole = message.to === view && message.slots !== undefined;
    if (whole) {
      slots.clear();
      if (!root.classList.contains("nbchat-live")) live(message.twin);
    }
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

  /** Python answers: be seen, and hide the static twin. A page with no kernel shows the twin only. */
  function live(twin) {
    root.classList.replace("nbchat-waits", "nbchat-live");
    if (!root.closest(".jp-OutputArea")) hiding.textContent = `.nbchat-saved[data-of="${CSS.escape(twin)}"]{display:none}`;
  }

  /** Keys are not for the notebook, which would cut cells by them, except to save it. It asks what has the focus. */
  function keepKey({ target, key, ctrlKey, metaKey }) {
    const saves = (ctrlKey || metaKey) && key?.toLowerCase() === "s";
    if (root.contains(target)) target.toggleAttribute("data-lm-suppress-shortcuts", !saves);
  }

  /** Who clicks beside a cell means the cell: JupyterLab marks it, and leaves the focus here. */
  function leave({ target }) {
    if (root.contains(document.activeElement) && !root.contains(target)) target.closest?.(".jp-Cell")?.focus({ preventScroll: true });
  }

  /** Python closed it: the static twin stays. */
  function gone() {
    root.classList.remove("nbchat-live", "nbchat-waits");
    root.replaceChildren();
  }

  const hiding = make("style");
  model.on("msg:custom", receive);
  for (const end of ["comm:close", "destroy"]) model.on(end, gone);
  root.classList.add("nbchat-waits");
  window.addEventListener("keydown", keepKey, true); // Notebook 7 hears it on its way down
  window.addEventListener("pointerdown", leave, true);
  root.addEventListener("keydown", breakLine);
  root.append(busy, hiding);
  send({ do: "hello" });
  return {
    send,
    end() {
      for (const timer of waiting.values()) clearTimeout(timer);
      model.off("msg:custom", receive);
      for (const end of ["comm:close", "destroy"]) model.off(end, gone);
      window.removeEventListener("keydown", keepKey, true);
      window.removeEventListener("pointerdown", leave, true);
      root.removeEventListener("keydown", breakLine);
      post({ do: "gone" });
    },
  };
}

/** Shift+Enter breaks the line of a text: JupyterLab, which runs cells by it, keeps the browser from doing so. */
function breakLine(event) {
  const { key, shiftKey, isComposing, target } = event;
  if (key !== "Enter" || !shiftKey || isComposing || target.tagName !== "TEXTAREA") return;
  event.preventDefault();
  target.setRangeText("\n", target.selectionStart, target.selectionEnd, "end");
  target.dispatchEvent(new Event("input", { bubbles: true }));
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
