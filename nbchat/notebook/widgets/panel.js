// The chat panel: turns above, a place to type below.

const LARGEST = 20 * 2 ** 20; // bytes of a file
const PIECE = 512 * 1024; // hosts limit the size of a message
const EXPORTS = { messages: "messages (a variable)", markdown: "Markdown file", json: "JSON file", cell: "notebook cell" };

function render({ model, el: root }) {
  const turns = new Map();
  let state = null;
  let slotsNow = new Map();
  let editing = null; // the turn that is being edited
  let draft = { text: "", files: [] }; // what stood in the composer before

  const log = make("div", { class: "log", role: "log", "aria-label": "Conversation", tabindex: "0" });
  const error = alarm(() => line.send({ do: "dismiss" }));
  const ask = makeAsk();
  const note = make("span", { class: "note", role: "status" });
  const files = makeFiles();
  const input = make("textarea", { rows: "1", "aria-label": "Message", placeholder: "Say something · Enter sends", title: "Shift+Enter breaks the line" });
  const attach = button("+", () => files.picker.click(), { class: "icon", "aria-label": "Attach files", title: "Attach files: you can drop or paste them, too" });
  // the second half of a double click on Send must not stop what the first half sent
  const go = button("Send", ({ detail }) => (state?.busy ? detail < 2 && stop() : submit()), { class: "go" });
  const cancel = button("Cancel", () => leaveEdit(), { class: "quiet", hidden: true });
  const composer = make("div", { class: "composer" }, files.chips, make("div", { class: "line" }, attach, input, cancel, go));
  const total = make("span", { class: "total", title: "Used so far, by all branches" });
  const settings = makeSettings();
  const exports = makeMenu("export", make("div", { class: "sheet row" }, ...Object.entries(EXPORTS).map(([kind, label]) =>
    button(label, () => { exports.close(); line.send({ do: "export", kind }); }))));
  const bar = make("div", { class: "bar" }, settings.opener, exports.opener, note, total);
  const whole = make("section", { class: "nbchat panel wide", "aria-label": "Chat" },
    log, error.node, ask.node, composer, files.picker, bar, settings.sheet, exports.sheet);
  root.append(whole);
  watchFolding(log);

  const line = bond(model, root, draw, (message) => {
    if (message.file) download(message.file);
    if (message.copy !== undefined) copy(message.copy).then(tell);
    if (message.cell) newCell(model, root, message.cell).then(tell);
    if (message.note) tell(message.note);
    if (message.draft && !input.value) write(message.draft); // it could not be sent
  });

  function tell(text) {
    show(note, text);
    setTimeout(() => note.textContent === text && show(note, ""), 6000);
  }

  function draw(next, slots, changed) {
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
    const typing = composer.contains(document.activeElement) && inSight(composer);
    state = next;
    slotsNow = slots;
    if (editing !== null && !state.turns.some(({ id }) => id === editing)) endEdit();
    keyed(log, turns, state.turns, makeTurn);
    state.turns.forEach((about, place) => turns.get(about.id).draw(about, slots, changed, place === state.turns.length - 1));
    log.hidden = state.turns.length === 0;
    log.setAttribute("aria-busy", String(state.busy));
    if (atEnd) log.scrollTop = log.scrollHeight;
    error.draw(state.error);
    ask.draw();
    show(go, state.busy ? "Stop" : editing ? "Ask again" : "Send");
    go.classList.toggle("stop", state.busy);
    cancel.hidden = editing === null;
    show(total, state.total);
    whole.setAttribute("aria-label", `Chat with ${state.model}`);
    settings.draw();
    if (typing) bar.scrollIntoView({ block: "nearest" }); // the answer grows above it
  }

  function inSight(node) {
    const { top, bottom } = node.getBoundingClientRect();
    return bottom > 0 && top < window.innerHeight;
  }

  function makeTurn({ id }) {
    const said = make("div", { class: "nbchat wide" });
    const parts = make("div", { class: "parts" });
    const foot = make("div", { class: "nbchat wide" });
    const count = make("span", {});
    const to = (by) => () => line.send({ do: "branch", turn: id, by });
    const back = button("‹", to(-1), { "aria-label": "Earlier branch" });
    const on = button("›", to(1), { "aria-label": "Later branch" });
    const branch = make("span", { class: "branch", role: "group", "aria-label": "Branches" }, back, count, on);
    const edit = button("edit", () => startEdit(id), { title: "Change the message and ask again; what is there stays as a branch" });
    const again = button("again", () => line.send({ do: "again", turn: id }), { title: "Ask the same again; what is there stays as a branch" });
    const take = (kind) => () => line.send({ do: "take", turn: id, kind });
    const given = [button("copy", take("copy")), button("to cell", take("cell"), { title: "A new cell of the answer, or of its code" })];
    const own = make("div", { class: "own" }, branch, edit, again, ...given);
    const node = make("div", { class: "turn" }, said, parts, foot, own);
    return {
      node,
      draw(about, slots, changed, last) {
        const live = last && state.busy;
        while (parts.children.length > about.parts) parts.lastChild.remove();
        while (parts.children.length < about.parts) parts.append(make("div", { class: "nbchat wide part" }));
        if (changed.has(`${id}.said`)) fill(said, slots.get(`${id}.said`));
        typeset(model, said);
        [...parts.children].forEach((part, place) => {
          const name = `${id}.${place}`;
          if (changed.has(name)) fill(part, slots.get(name) ?? "");
          const grows = live && place === about.parts - 1;
          part.setAttribute("aria-busy", String(grows));
          if (!grows) typeset(model, part);
        });
        if (changed.has(`${id}.foot`)) fill(foot, slots.get(`${id}.foot`));
        node.classList.toggle("waits", live && about.parts === 0);
        node.classList.toggle("edited", editing === id);
        branch.hidden = about.of < 2;
        show(count, `${about.at}/${about.of}`);
        back.disabled = state.busy || about.at === 1;
        on.disabled = state.busy || about.at === about.of;
        edit.hidden = again.hidden = !about.asked;
        show(again, about.failed ? "try again" : "again");
        edit.disabled = again.disabled = state.busy;
        for (const each of given) each.hidden = about.failed;
        own.hidden = live;
      },
    };
  }

  function makeAsk() {
    const node = make("div", { class: "ask", role: "group", "aria-label": "Approve a tool", hidden: true });
    let shown = null;
    return {
      node,
      draw() {
        const asked = state.ask;
        node.hidden = asked === null;
        if (shown === (asked?.id ?? null)) return;
        shown = asked?.id ?? null;
        const focused = node.contains(document.activeElement);
        node.replaceChildren();
        if (asked === null) return focused && input.focus();
        const why = make("input", { type: "text", placeholder: "why not (optional)", "aria-label": "Reason to decline" });
        const say = (verdict) => (event) => event.detail < 2 && line.send({ do: "verdict", id: asked.id, verdict, reason: why.value });
        const run = button("Run", say("run"), { class: "go" });
        const more = asked.more > 0 ? make("small", {}, ` ${asked.more} more after this`) : null;
        node.append(
          make("p", {}, "Run ", make("b", {}, asked.name), "?", more), make("pre", { tabindex: "0", "aria-label": "Arguments" }, asked.args),
          make("div", { class: "row" }, run, button("Always", say("always"), { title: "Do not ask again for this tool" }), button("Decline", say("decline")), why));
        why.addEventListener("keydown", (event) => enters(event) && say("decline")(event));
        if (focused || (whole.contains(document.activeElement) && !input.value)) run.focus();
      },
    };
  }

  function makeSettings() {
    const listed = make("select");
    const other = make("input", { type: "text", spellcheck: "false", placeholder: "provider:model", "aria-label": "Name of another model", hidden: true });
    const number = (step, min, max) => make("input", { type: "number", step, min, max, placeholder: "default" });
    const efforts = [["", "default"], ["off", "off"], ["low", "low"], ["medium", "medium"], ["high", "high"]];
    const fields = { temperature: number("0.1", "0", "2"), top_p: number("0.05", "0", "1"), max_tokens: number("1", "1"),
      reasoning: make("select", {}, ...efforts.map(([value, name]) => make("option", { value }, name))),
      system: make("textarea", { rows: "2" }) };
    const labels = { temperature: "Temperature", top_p: "Top p", max_tokens: "Most tokens", reasoning: "Thinking", system: "Instructions" };
    const set = (key, value) => line.send({ do: "set", values: { [key]: value } });
    for (const [key, field] of Object.entries(fields)) field.addEventListener("change", () => set(key, field.value));
    listed.addEventListener("change", () => {
      other.hidden = listed.value !== "";
      if (listed.value) set("model", listed.value);
      else other.focus();
    });
    other.addEventListener("change", () => other.value.trim() && set("model", other.value));
    other.addEventListener("keydown", (event) => enters(event) && other.blur()); // which is a change
    const menu = makeMenu("model", make("div", { class: "sheet settings" }, make("label", { class: "model" }, "Model", listed, other),
      ...Object.entries(fields).map(([key, field]) => make("label", { class: key }, labels[key], field))));
    let models = "";
    return {
      ...menu,
      draw() {
        show(menu.opener, state.model);
        if (models !== JSON.stringify([state.model, state.models])) {
          models = JSON.stringify([state.model, state.models]);
          const names = [...new Set([state.model, ...state.models])];
          listed.replaceChildren(...names.map((name) => make("option", { value: name }, name)), make("option", { value: "" }, "another …"));
          listed.value = state.model;
          other.hidden = true;
          other.value = "";
        }
        const now = { system: state.system, ...state.params };
        for (const [key, field] of Object.entries(fields)) if (document.activeElement !== field) field.value = now[key] ?? "";
      },
    };
  }

  /** A button that opens a sheet below the bar. It takes its place there, since hosts clip what hangs over. */
  function makeMenu(label, sheet) {
    const opener = button(label, () => open(sheet.hidden), { class: "opener" });
    function open(now) {
      sheet.hidden = !now;
      opener.setAttribute("aria-expanded", String(now));
      if (now) sheet.scrollIntoView({ block: "nearest" });
    }
    function close() {
      open(false);
      opener.focus();
    }
    open(false);
    sheet.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation(); // it does not stop the answer
      close();
    });
    return { opener, sheet, close };
  }

  function makeFiles() {
    const chips = make("div", { class: "chips" });
    const picker = make("input", { type: "file", multiple: true, hidden: true, tabindex: "-1", "aria-label": "Files" });
    let held = [];
    function put(list) {
      for (const image of chips.querySelectorAll("img")) URL.revokeObjectURL(image.src);
      held = list;
      chips.replaceChildren(...held.map((each) => {
        const name = each.file.name || "picture";
        const seen = each.file.type.startsWith("image/") ? make("img", { src: URL.createObjectURL(each.file), alt: "" }) : null;
        const drop = () => { put(held.filter((other) => other !== each)); input.focus(); };
        return make("span", { class: "chip", title: name }, seen, make("span", {}, name), make("small", {}, sized(each.file.size)),
          button("×", drop, { class: "icon", "aria-label": `Remove ${name}` }));
      }));
    }
    function add(list) {
      const wrong = [...list].map(({ name, size }) => size === 0 ? `${name} is empty` : size > LARGEST ? `${name} has ${sized(size)}: the most is ${sized(LARGEST)}` : "");
      put([...held, ...[...list].filter((_, n) => !wrong[n]).map((file) => ({ id: Math.random().toString(36).slice(2), file }))]);
      if (wrong.some(Boolean)) tell(wrong.filter(Boolean).join("; "));
      input.focus();
    }
    picker.addEventListener("change", () => { add([...picker.files]); picker.value = ""; });
    return { chips, picker, add, put, held: () => held };
  }

  const sized = (bytes) => (bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

  function write(text) {
    input.value = text;
    input.style.height = "auto";
    input.style.height = `${Math.min(input.scrollHeight, 260)}px`;
  }

  function startEdit(id) {
    if (editing === null) draft = { text: input.value, files: files.held() };
    editing = id;
    files.put([]);
    draw(state, slotsNow, new Set());
    write(slotsNow.get(`${id}.text`) ?? "");
    input.focus();
  }

  function endEdit() {
    editing = null;
    files.put(draft.files);
    write(draft.text);
    draft = { text: "", files: [] };
  }

  function leaveEdit() {
    endEdit();
    draw(state, slotsNow, new Set());
    input.focus();
  }

  async function submit() {
    const [text, sent, turn] = [input.value, files.held(), editing];
    if (state === null || state.busy || (!text.trim() && sent.length === 0)) return;
    if (turn !== null) leaveEdit();
    else {
      files.put([]);
      write("");
    }
    log.scrollTop = log.scrollHeight;
    for (const { id, file } of sent)
      for (let at = 0; at < file.size; at += PIECE) line.send({ do: "piece", id }, [await file.slice(at, at + PIECE).arrayBuffer()]);
    const about = sent.map(({ id, file }) => ({ id, name: file.name, type: file.type }));
    if (!line.send({ do: turn === null ? "send" : "edit", turn, text, files: about })) write(text);
  }

  function stop() {
    line.send({ do: "stop" });
  }

  /** Enter, and not the one that ends the composition of a character. */
  function enters(event) {
    return event.key === "Enter" && !event.shiftKey && !event.isComposing && event.keyCode !== 229;
  }

  input.addEventListener("input", () => write(input.value));
  input.addEventListener("keydown", (event) => {
    if (enters(event)) {
      event.preventDefault();
      submit();
    } else if (event.key === "ArrowUp" && !input.value && !state?.busy) {
      const last = state?.turns.findLast((turn) => turn.asked);
      if (last) { event.preventDefault(); startEdit(last.id); }
    }
  });
  whole.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.isComposing) return;
    event.stopPropagation(); // JupyterLab would leave the cell
    if (state?.busy) stop();
    else if (editing !== null) leaveEdit();
  });
  input.addEventListener("paste", (event) => {
    const { files: pasted, types } = event.clipboardData ?? {};
    if (!pasted?.length || (types.includes("text/html") && types.includes("text/plain"))) return; // a table has a picture of itself
    event.preventDefault();
    files.add(pasted);
  });
  const holdsFiles = (event) => event.dataTransfer?.types.includes("Files");
  whole.addEventListener("dragover", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    event.stopPropagation();
    whole.classList.add("over");
  });
  whole.addEventListener("dragleave", () => whole.classList.remove("over"));
  whole.addEventListener("drop", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    event.stopPropagation();
    whole.classList.remove("over");
    files.add(event.dataTransfer.files);
  });
  return () => line.end();
}

export default { render };
