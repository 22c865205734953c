// What the panel, the comparison and the explorer share: state and HTML come from Python, events go back.
// HTML in slots was made safe by Python's renderers; everything else goes into the page as text.

const PATIENCE = 700; // ms without an echo: the kernel runs a cell

/** The bond of a view with Python. `draw(state, slots, changed)` is called with each change; `send` tells if it went. */
function bond(model, root, draw, said = () => {}) {
  const view = uid();
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
  const ending = new AbortController();
  const { signal } = ending;
  model.on("msg:custom", receive);
  for (const end of ["comm:close", "destroy"]) model.on(end, gone);
  root.classList.add("nbchat-waits");
  window.addEventListener("keydown", keepKey, { capture: true, signal }); // Notebook 7 hears it on its way down
  window.addEventListener("pointerdown", leave, { capture: true, signal });
  root.addEventListener("keydown", breakLine, { signal });
  root.append(busy, hiding);
  send({ do: "hello" });
  return {
    send,
    end() {
      for (const timer of waiting.values()) clearTimeout(timer);
      model.off("msg:custom", receive);
      for (const end of ["comm:close", "destroy"]) model.off(end, gone);
      ending.abort();
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
