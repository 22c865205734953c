// The chat panel: turns above, a place to type below.

const EXPORTS = { messages: "messages (a variable)", markdown: "Markdown file", json: "JSON file", cell: "notebook cell" };

function render({ model, el: root }) {
  const turns = new Map();
  let state = null;
  let slotsNow = new Map();
  let editing = null; // the turn that is being edited
  let draft = { text: "", files: [] }; // what stood in the composer before

  const log = make("div", { class: "log", role: "log", "aria-label": "Conversation", tabindex: "0" });
  const error = alarm(() => line.send({ do: "dismiss" }));
  const note = make("span", { class: "note", role: "status" });
  const input = make("textarea", { rows: "1", "aria-label": "Message", placeholder: "Say something · Enter sends", title: "Shift+Enter breaks the line" });
  const approval = makeApproval((event) => line.send(event), input);
  const files = makeFiles(tell, () => input.focus());
  const attach = button("+", () => files.picker.click(), { class: "icon", "aria-label": "Attach files", title: "Attach files: you can drop or paste them, too" });
  // the second half of a double click on Send must not stop what the first half sent
  const go = button("Send", ({ detail }) => (state?.busy ? detail < 2 && stop() : submit()), { class: "go" });
  const cancel = button("Cancel", () => leaveEdit(), { hidden: true });
  const composer = make("div", { class: "composer" }, files.chips, make("div", { class: "line" }, attach, input, cancel, go));
  const total = make("span", { class: "total", title: "Used so far, by all branches" });
  const settings = makeSettings((key, value) => line.send({ do: "set", values: { [key]: value } }));
  const exports = makeMenu("export", make("div", { class: "sheet row" }, ...Object.entries(EXPORTS).map(([kind, label]) =>
    button(label, () => { exports.close(); line.send({ do: "export", kind }); }))));
  const bar = make("div", { class: "bar" }, settings.opener, exports.opener, note, total);
  const whole = make("section", { class: "nbchat panel wide", "aria-label": "Chat" },
    log, error.node, approval.node, composer, files.picker, bar, settings.sheet, exports.sheet);
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
    keyed(log, turns, state.turns, ({ id }) => makeTurn(model, id, (event) => line.send({ ...event, turn: id }), () => startEdit(id)));
    for (const about of state.turns)
      turns.get(about.id).draw(about, slots, changed, { busy: state.busy, live: state.busy && about === state.turns.at(-1), edited: editing === about.id });
    log.hidden = state.turns.length === 0;
    log.setAttribute("aria-busy", String(state.busy));
    if (atEnd) log.scrollTop = log.scrollHeight;
    error.draw(state.error);
    approval.draw(state.ask);
    show(go, state.busy ? "Stop" : editing ? "Ask again" : "Send");
    go.classList.toggle("stop", state.busy);
    cancel.hidden = editing === null;
    show(total, state.total);
    whole.setAttribute("aria-label", `Chat with ${state.model}`);
    settings.draw(state);
    if (typing) bar.scrollIntoView({ block: "nearest" }); // the answer grows above it
  }

  function inSight(node) {
    const { top, bottom } = node.getBoundingClientRect();
    return bottom > 0 && top < window.innerHeight;
  }

  function write(text) {
    input.value = text;
    fit(input);
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
    const about = await upload(sent, line.send);
    if (!line.send({ do: turn === null ? "send" : "edit", turn, text, files: about })) write(text);
  }

  function stop() {
    line.send({ do: "stop" });
  }

  input.addEventListener("input", () => fit(input));
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
  function takesFiles(event, waits) {
    if (!event.dataTransfer?.types.includes("Files")) return false;
    event.preventDefault();
    event.stopPropagation();
    whole.classList.toggle("over", waits);
    return true;
  }
  whole.addEventListener("dragover", (event) => takesFiles(event, true));
  whole.addEventListener("dragleave", () => whole.classList.remove("over"));
  whole.addEventListener("drop", (event) => takesFiles(event, false) && files.add(event.dataTransfer.files));
  return () => line.end();
}

export default { render };
