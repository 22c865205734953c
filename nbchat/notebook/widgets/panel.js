// The chat panel: turns above, a place to type below.

function render({ model, el: root }) {
  const turns = new Map();
  let state = null;
  let editing = null; // the turn that is being edited
  let files = [];
  let drafts = "";

  const log = make("div", { class: "log", role: "log", "aria-label": "Conversation", tabindex: "0" });
  const error = make("p", { class: "error bad", role: "alert", hidden: true });
  const ask = make("div", { class: "ask", role: "group", "aria-label": "Approve a tool", hidden: true });
  const note = make("span", { class: "note", role: "status" });
  const chips = make("div", { class: "chips" });
  const input = make("textarea", { rows: "1", placeholder: "Say something", "aria-label": "Message" });
  const picker = make("input", { type: "file", multiple: true, hidden: true, tabindex: "-1", "aria-label": "Files" });
  const attach = button("+", () => picker.click(), { class: "icon", "aria-label": "Attach files", title: "Attach files" });
  const go = button("Send", () => (state?.busy ? stop() : submit()), { class: "go" });
  const cancel = button("Cancel", () => leaveEdit(), { class: "quiet", hidden: true });
  const composer = make("div", { class: "composer" }, attach, input, cancel, go);
  const total = make("span", { class: "total", title: "Used so far" });
  const settings = makeSettings();
  const menu = make("details", { class: "menu" }, make("summary", {}, "export"),
    make("div", { class: "sheet" },
      ...[["messages", "messages (a variable)"], ["markdown", "Markdown file"], ["json", "JSON file"], ["cell", "notebook cell"]]
        .map(([kind, label]) => button(label, () => { menu.open = false; line.send({ do: "export", kind }); }))));
  const bar = make("div", { class: "bar" }, settings.node, menu, note, total);
  const whole = make("section", { class: "nbchat panel wide", "aria-label": "Chat" }, log, error, ask, chips, composer, picker, bar);
  root.append(whole);
  watchFolding(log);

  const line = bond(model, root, draw, (message) => {
    if (message.file) download(message.file);
    if (message.copy !== undefined) copy(message.copy).then(tell);
    if (message.cell) newCell(model, root, message.cell).then(tell);
    if (message.note) tell(message.note);
  });

  function tell(text) {
    show(note, text);
    setTimeout(() => note.textContent === text && show(note, ""), 5000);
  }

  function draw(next, slots, changed) {
    state = next;
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
    keyed(log, turns, state.turns, makeTurn);
    state.turns.forEach((about, place) => turns.get(about.id).draw(about, slots, changed, place === state.turns.length - 1));
    log.hidden = state.turns.length === 0;
    log.setAttribute("aria-busy", String(state.busy));
    if (atEnd) log.scrollTop = log.scrollHeight;
    show(error, state.error);
    error.hidden = !state.error;
    drawAsk();
    show(go, state.busy ? "Stop" : editing ? "Ask again" : "Send");
    go.classList.toggle("stop", state.busy);
    attach.disabled = state.busy;
    cancel.hidden = editing === null;
    show(total, state.total);
    whole.setAttribute("aria-label", `Chat with ${state.model}`);
    settings.draw();
  }

  function makeTurn({ id }) {
    const said = make("div", { class: "nbchat wide" });
    const parts = make("div", { class: "parts" });
    const foot = make("div", { class: "nbchat wide" });
    const count = make("span", {});
    const to = (by) => () => line.send({ do: "branch", turn: id, by });
    const back = button("‹", to(-1), { "aria-label": "Earlier branch" });
    const on = button("›", to(1), { "aria-label": "Later branch" });
    const branch = make("span", { class: "branch" }, back, count, on);
    const edit = button("edit", () => startEdit(id));
    const again = button("again", () => line.send({ do: "again", turn: id }));
    const take = (kind) => () => line.send({ do: "take", turn: id, kind });
    const own = make("span", { class: "own" }, branch, edit, again, button("copy", take("copy")), button("to cell", take("cell")));
    const node = make("div", { class: "turn" }, said, parts, foot, own);
    return {
      node,
      text: () => slotsNow.get(`${id}.text`) ?? "",
      draw(about, slots, changed, last) {
        slotsNow = slots;
        while (parts.children.length > about.parts) parts.lastChild.remove();
        while (parts.children.length < about.parts) parts.append(make("div", { class: "nbchat wide part" }));
        if (changed.has(`${id}.said`)) fill(said, slots.get(`${id}.said`));
        [...parts.children].forEach((part, place) => {
          const name = `${id}.${place}`;
          if (changed.has(name)) fill(part, slots.get(name) ?? "");
          part.setAttribute("aria-busy", String(last && state.busy && place === about.parts - 1));
        });
        if (changed.has(`${id}.foot`)) fill(foot, slots.get(`${id}.foot`));
        const live = last && state.busy;
        const failed = last && state.failed;
        node.classList.toggle("waits", live && about.parts === 0);
        branch.hidden = about.of < 2;
        show(count, `${about.at}/${about.of}`);
        back.disabled = state.busy || about.at === 1;
        on.disabled = state.busy || about.at === about.of;
        edit.hidden = !about.asked;
        again.hidden = !about.asked && !failed;
        show(again, failed ? "try again" : "again");
        edit.disabled = again.disabled = state.busy;
        own.hidden = live;
      },
    };
  }
  let slotsNow = new Map();

  function drawAsk() {
    ask.hidden = state.ask === null;
    const id = state.ask === null ? "" : String(state.ask.id);
    if (ask.dataset.id === id) return;
    ask.dataset.id = id;
    ask.replaceChildren();
    if (state.ask === null) return;
    const why = make("input", { type: "text", placeholder: "why not (optional)", "aria-label": "Reason to decline" });
    const say = (verdict) => () => line.send({ do: "verdict", id: state.ask.id, verdict, reason: why.value });
    const run = button("Run", say("run"), { class: "go" });
    ask.append(
      make("p", {}, "Run ", make("b", {}, state.ask.name), "?"), make("pre", { tabindex: "0" }, state.ask.args),
      make("div", { class: "row" }, run, button("Always", say("always")), button("Decline", say("decline")), why));
    why.addEventListener("keydown", (event) => event.key === "Enter" && say("decline")());
    if (whole.contains(document.activeElement)) run.focus();
  }

  function makeSettings() {
    const list = make("datalist", { id: `models-${Math.random().toString(36).slice(2)}` });
    const name = make("input", { type: "text", list: list.id, spellcheck: "false" });
    const system = make("textarea", { rows: "2" });
    const temperature = make("input", { type: "number", step: "0.1", min: "0", max: "2", placeholder: "default" });
    const max_tokens = make("input", { type: "number", step: "1", min: "1", placeholder: "default" });
    const fields = { model: name, temperature, max_tokens, system };
    const labels = { model: "Model", temperature: "Temperature", max_tokens: "Most tokens", system: "Instructions" };
    for (const [key, field] of Object.entries(fields))
      field.addEventListener("change", () => line.send({ do: "set", values: { [key]: field.value } }));
    const summary = make("summary", {}, "model");
    const sheet = make("div", { class: "sheet" }, list, ...Object.entries(fields).map(([key, field]) => make("label", {}, labels[key], field)));
    const node = make("details", { class: "menu settings" }, summary, sheet);
    return {
      node,
      draw() {
        show(summary, state.model);
        const now = { model: state.model, system: state.system, ...state.params };
        for (const [key, field] of Object.entries(fields))
          if (document.activeElement !== field) field.value = now[key] ?? "";
        list.replaceChildren(...state.models.map((each) => make("option", { value: each })));
      },
    };
  }

  function startEdit(id) {
    drafts = input.value;
    editing = id;
    input.value = turns.get(id).text();
    draw(state, slotsNow, new Set());
    grow();
    input.focus();
  }

  function leaveEdit() {
    editing = null;
    input.value = drafts;
    drafts = "";
    draw(state, slotsNow, new Set());
    grow();
    input.focus();
  }

  async function submit() {
    const text = input.value;
    if ((!text.trim() && files.length === 0) || state === null) return;
    if (editing !== null) {
      line.send({ do: "edit", turn: editing, text });
      leaveEdit();
      return;
    }
    const sent = files;
    files = [];
    input.value = "";
    drawChips();
    grow();
    for (const file of sent) await upload(file);
    line.send({ do: "send", text, files: sent.map(({ id, file }) => ({ id, name: file.name, type: file.type })) });
  }

  async function upload({ id, file }) {
    const piece = 512 * 1024; // hosts limit the size of a message
    for (let at = 0; at < file.size; at += piece)
      line.send({ do: "piece", id }, [await file.slice(at, at + piece).arrayBuffer()]);
  }

  function stop() {
    line.send({ do: "stop" });
  }

  function add(list) {
    for (const file of list) files.push({ id: Math.random().toString(36).slice(2), file });
    drawChips();
  }

  function drawChips() {
    for (const image of chips.querySelectorAll("img")) URL.revokeObjectURL(image.src);
    chips.replaceChildren(...files.map((each) => {
      const seen = each.file.type.startsWith("image/") ? make("img", { src: URL.createObjectURL(each.file), alt: "" }) : null;
      const drop = () => { files = files.filter((other) => other !== each); drawChips(); input.focus(); };
      return make("span", { class: "chip" }, seen, each.file.name || "picture",
        button("×", drop, { class: "icon", "aria-label": `Remove ${each.file.name || "picture"}` }));
    }));
  }

  function grow() {
    input.style.height = "auto";
    input.style.height = `${Math.min(input.scrollHeight + 2, 260)}px`;
  }

  input.addEventListener("input", grow);
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      if (!state?.busy) submit();
    } else if (event.key === "ArrowUp" && !input.value && !state?.busy) {
      const last = state?.turns.findLast((turn) => turn.asked);
      if (last) { event.preventDefault(); startEdit(last.id); }
    }
  });
  whole.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation(); // JupyterLab would leave the cell
    const open = event.target.closest("details.menu[open]");
    if (open) { open.open = false; open.querySelector("summary").focus(); }
    else if (state?.busy) stop();
    else if (editing !== null) leaveEdit();
  });
  picker.addEventListener("change", () => { add(picker.files); picker.value = ""; input.focus(); });
  input.addEventListener("paste", (event) => {
    if (event.clipboardData?.files.length) { event.preventDefault(); add(event.clipboardData.files); }
  });
  whole.addEventListener("dragover", (event) => { event.preventDefault(); event.stopPropagation(); whole.classList.add("over"); });
  whole.addEventListener("dragleave", () => whole.classList.remove("over"));
  whole.addEventListener("drop", (event) => {
    event.preventDefault();
    event.stopPropagation();
    whole.classList.remove("over");
    if (event.dataTransfer) add(event.dataTransfer.files);
  });
  whole.addEventListener("focusout", (event) => {
    for (const open of whole.querySelectorAll("details.menu[open]"))
      if (open.contains(event.target) && event.relatedTarget && !open.contains(event.relatedTarget)) open.open = false;
  });
  return () => line.end();
}

export default { render };
