// The comparison: a prompt above, answers in columns, the vote and the next prompt below.

const OVER = ["done", "failed", "stopped"];

function render({ model, el: root }) {
  const cards = new Map();
  let state = null;
  let noteOf = 0; // the prompt that the note is written on

  const act = (message) => line.send({ at: state?.at, ...message });
  const prompt = make("div", { class: "nbchat wide prompt", role: "group", "aria-label": "Prompt" });
  const back = button("‹", () => act({ do: "go", by: -1 }), { class: "icon", "aria-label": "Earlier prompt" });
  const on = button("›", () => act({ do: "go", by: 1 }), { class: "icon", "aria-label": "Later prompt" });
  const where = make("span", { class: "where", role: "status" });
  const all = button("", once(() => act({ do: "all" })));
  const pager = make("div", { class: "row pager" }, back, where, on, all);
  const error = alarm(() => act({ do: "dismiss" }));
  const grid = make("div", { class: "grid", role: "group", "aria-label": "Answers" });
  const pills = make("span", { class: "row" });
  const reveal = button("reveal", once(() => act({ do: "reveal" })), { title: "Show who answered; the vote can no longer change then" });
  const note = make("input", { type: "text", placeholder: "a note", "aria-label": "Note on this prompt" });
  const votes = make("div", { class: "row votes", role: "group", "aria-label": "Which is best?" }, pills, reveal, note);
  const input = make("textarea", { rows: "1", placeholder: "Ask all of them · Enter asks", title: "Shift+Enter breaks the line", "aria-label": "New prompt" });
  const go = button("Ask", submit, { class: "go" });
  const stop = button("Stop all", once(() => act({ do: "stop" })), { class: "stop" });
  const composer = make("div", { class: "composer" }, make("div", { class: "line" }, input, go, stop));
  const spoken = make("p", { class: "spoken", role: "status" });
  const keys = make("p", { class: "keys", id: `keys-${uid()}` });
  const whole = make("section", { class: "nbchat compare wide", "aria-label": "Comparison", tabindex: "0", "aria-describedby": keys.id },
    prompt, pager, error.node, grid, votes, composer, spoken, keys);
  root.append(whole);
  watchFolding(grid);
  const sized = new ResizeObserver(reachScrolled);
  sized.observe(whole);
  const line = bond(model, root, draw);

  function draw(next, slots, changed) {
    const moved = state?.at !== next.at;
    const here = whole.contains(document.activeElement);
    state = next;
    const shown = state.of > 0;
    prompt.hidden = votes.hidden = !shown;
    if (changed.has("prompt")) fill(prompt, slots.get("prompt"));
    typeset(model, prompt);
    drawPager();
    error.draw(state.error);
    const columns = state.columns.map((column, place) => ({ id: place, ...column }));
    keyed(grid, cards, columns, makeCard);
    grid.dataset.count = columns.length;
    columns.forEach((column) => cards.get(column.id).draw(column, slots, changed, moved));
    drawVotes();
    stop.hidden = state.unfinished === 0;
    drawKeys();
    const silent = state.columns.every((column) => OVER.includes(column.state));
    show(spoken, shown && silent ? "All have answered." : "");
    reachScrolled();
    if (here) keepFocus();
  }

  function drawPager() {
    pager.hidden = state.of < 2;
    const facts = [`${state.at + 1} of ${state.of}`];
    if (state.unfinished > 1) facts.push(`${state.unfinished} being answered`);
    if (state.voted) facts.push(`${state.voted} voted`);
    show(where, facts.join(" · "));
    back.disabled = state.at === 0;
    on.disabled = state.at + 1 >= state.of;
    show(all, `Ask ${state.unasked} more`);
    all.hidden = state.unasked === 0;
  }

  function makeCard({ id: place, letter }) {
    const name = make("span", { class: "name" });
    const facts = make("span", { class: "facts" });
    const body = make("div", { class: "body", role: "group", "aria-label": `Text of ${letter}` });
    const end = button("stop", once(() => act({ do: "stop", column: place })), { "aria-label": `Stop ${letter}` });
    const again = button("again", once(() => act({ do: "again", column: place })), { "aria-label": `Ask ${letter} again` });
    const differ = button("differences", once(() => act({ do: "diff", column: place })),
      { "aria-label": `How the others differ from ${letter}`, title: `How the others differ from ${letter}` });
    const versus = make("span", { class: "versus" });
    const acts = make("div", { class: "acts" }, end, again, differ, versus);
    const node = make("article", { class: "card" }, make("h4", {}, make("b", {}, letter), name, facts), body, acts);
    return {
      node,
      draw(column, slots, changed, moved) {
        const running = column.state === "running";
        const over = OVER.includes(column.state);
        show(name, column.name);
        drawFacts(facts, column);
        const begun = drawParts(model, body, `${state.at}.${place}.`, slots, changed, running);
        if (moved) body.scrollTop = 0;
        node.classList.toggle("waits", !begun && (running || column.state === "waiting"));
        node.classList.toggle("best", state.vote === place);
        node.setAttribute("aria-busy", String(running));
        node.setAttribute("aria-label", `Answer ${letter}${column.name && `, ${column.name}`}${state.vote === place ? ", best" : ""}`);
        acts.hidden = column.state === "unasked";
        end.hidden = over;
        again.hidden = !over || state.fixed;
        const origin = state.base === place;
        differ.hidden = column.empty || !over || state.columns.filter((each) => !each.empty).length < 2;
        differ.setAttribute("aria-pressed", String(origin));
        versus.hidden = state.base === null || origin || column.empty;
        show(versus, versus.hidden ? "" : `compared with ${state.columns[state.base].letter}`);
      },
    };
  }

  function drawFacts(node, column) {
    const facts = column.state === "stopped" ? [...column.facts, ["stopped", "what came is kept"]] : column.facts;
    const told = JSON.stringify(facts);
    if (node.dataset.told === told) return;
    node.dataset.told = told;
    node.replaceChildren(...facts.flatMap(([text, title], at) => [at ? " · " : "", make("span", { title }, text)]));
  }

  function drawVotes() {
    if (pills.children.length !== state.columns.length + 1) {
      const pill = (best, label) => button(label, once(() => vote(best)));
      pills.replaceChildren(...state.columns.map(({ letter }, place) => pill(place, letter)), pill("tie", "tie"));
    }
    [...pills.children].forEach((pill, place) => {
      const column = state.columns[place];
      const chosen = state.vote === (column ? place : "tie");
      pill.setAttribute("aria-pressed", String(chosen));
      pill.disabled = state.fixed || !mayWin(column);
      if (column) show(pill, chosen ? `${column.letter} is best` : column.letter);
      if (column) pill.setAttribute("aria-label", `${column.letter} is best`);
    });
    reveal.hidden = !state.hidden;
    reveal.disabled = state.vote === null;
    if (document.activeElement !== note) note.value = state.note;
  }

  function mayWin(column) {
    return !column || (column.state !== "failed" && (!column.empty || column.state === "running"));
  }

  function drawKeys() {
    const last = state.columns[state.columns.length - 1].letter;
    const words = [`A–${last} best`, "T tie", state.blind && "R reveal", state.of > 1 && "← → prompts", "N note", "/ new prompt", "Esc stop"];
    show(keys, words.filter(Boolean).join(" · "));
    keys.hidden = state.of === 0;
  }

  /** What scrolls can be reached by keys. */
  function reachScrolled() {
    for (const node of whole.querySelectorAll(".body,.prompt")) {
      if (node.scrollHeight > node.clientHeight + 1) node.tabIndex = 0;
      else node.removeAttribute("tabindex");
    }
  }

  /** Where the focus was on something that is gone, keys would go to the notebook. */
  function keepFocus() {
    const focused = document.activeElement;
    if (!whole.contains(focused) || focused.disabled || focused.closest("[hidden]")) home();
  }

  function home() {
    whole.focus({ preventScroll: true });
  }

  function vote(best) {
    if (!state.fixed && mayWin(state.columns[best])) act({ do: "vote", best: state.vote === best ? null : best });
  }

  function submit() {
    const text = input.value;
    if (!text.trim()) return input.focus();
    input.value = "";
    fit(input);
    act({ do: "ask", text });
    home();
  }

  function escape() {
    if (document.activeElement !== note && state?.unfinished) act({ do: "stop" });
    else home();
  }

  function press(key) {
    const place = key.length === 1 ? ("abcdef".includes(key) ? "abcdef" : "123456").indexOf(key) : -1;
    if (place >= 0 && place < state.columns.length) vote(place);
    else if (key === "t" || key === "0") vote("tie");
    else if (key === "r" && state.hidden) act({ do: "reveal" });
    else if (key === "n") note.focus();
    else if (key === "/") input.focus();
    else if (key === "arrowleft") act({ do: "go", by: -1 });
    else if (key === "arrowright") act({ do: "go", by: 1 });
    else return false;
    return true;
  }

  input.addEventListener("input", () => fit(input));
  input.addEventListener("keydown", (event) => {
    if (enters(event)) { event.preventDefault(); submit(); }
  });
  note.addEventListener("focus", () => (noteOf = state.at));
  note.addEventListener("change", () => act({ do: "note", at: noteOf, text: note.value }));
  note.addEventListener("keydown", (event) => enters(event) && home());
  whole.addEventListener("keydown", (event) => {
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (event.key === "Escape") escape();
    else if (!state?.of || !plain || event.repeat || event.target.closest("input,textarea") || !press(event.key.toLowerCase())) return;
    event.preventDefault();
    event.stopPropagation(); // JupyterLab's keys are not ours
  });
  return () => {
    sized.disconnect();
    line.end();
  };
}

export default { render };
