// The comparison: a prompt above, answers in columns, and the vote below.

function render({ model, el: root }) {
  const cards = new Map();
  let state = null;
  const uid = Math.random().toString(36).slice(2);

  const prompt = make("div", { class: "nbchat wide prompt" });
  const back = button("‹", () => line.send({ do: "go", by: -1 }), { class: "icon", "aria-label": "Earlier prompt" });
  const on = button("›", () => line.send({ do: "go", by: 1 }), { class: "icon", "aria-label": "Later prompt" });
  const where = make("span", { class: "where" });
  const all = button("", () => line.send({ do: "all" }));
  const pager = make("div", { class: "row pager" }, back, where, on, all);
  const error = make("p", { class: "error bad", role: "alert", hidden: true });
  const grid = make("div", { class: "grid", role: "group", "aria-label": "Answers" });
  const votes = make("div", { class: "row votes", role: "group", "aria-label": "Which is best?" });
  const note = make("input", { type: "text", placeholder: "a note", "aria-label": "Note on this vote" });
  const stop = button("Stop all", () => line.send({ do: "stop" }), { class: "stop" });
  const input = make("textarea", { rows: "1", placeholder: "Ask all of them something", "aria-label": "Prompt" });
  const go = button("Ask", submit, { class: "go" });
  const composer = make("div", { class: "ask-all" }, input, go);
  const keys = make("p", { class: "keys", id: `keys-${uid}` }, "A–F best · T tie · R reveal · ← → prompts · N note · Esc stop");
  const whole = make("section", { class: "nbchat compare wide", "aria-label": "Comparison", tabindex: "0", "aria-describedby": keys.id },
    prompt, pager, error, grid, votes, composer, keys);
  root.append(whole);
  watchFolding(grid);
  const line = bond(model, root, draw);

  function draw(next, slots, changed) {
    state = next;
    const shown = state.of > 0;
    prompt.hidden = !shown;
    if (changed.has("prompt")) fill(prompt, slots.get("prompt"));
    pager.hidden = state.of < 2;
    show(where, `${state.at + 1} of ${state.of} · ${state.voted} voted`);
    back.disabled = state.at === 0;
    on.disabled = state.at + 1 >= state.of;
    show(all, `Ask all (${state.missing} left)`);
    all.hidden = state.missing === 0;
    show(error, state.error);
    error.hidden = !state.error;
    keyed(grid, cards, state.columns.map((column, place) => ({ id: place, ...column })), makeCard);
    state.columns.forEach((column, place) => cards.get(place).draw(column, slots, changed));
    grid.style.setProperty("--count", state.columns.length);
    drawVotes();
    votes.hidden = !shown;
    input.disabled = go.disabled = false;
  }

  function makeCard({ id: place }) {
    const letter = make("b", {});
    const name = make("span", { class: "name" });
    const facts = make("span", { class: "facts" });
    const body = make("div", { class: "body" });
    const end = button("stop", () => line.send({ do: "stop", column: place }));
    const again = button("again", () => line.send({ do: "again", column: place }));
    const diff = button("differences", () => line.send({ do: "diff", column: place }));
    const heading = make("h4", {}, letter, name, facts);
    const node = make("article", { class: "card" }, heading, body, make("div", { class: "own" }, end, again, diff));
    let prefix = "";
    return {
      node,
      draw(column, slots, changed) {
        show(letter, column.letter);
        show(name, column.name);
        show(facts, column.facts.join(" · "));
        const now = `${state.at}.${place}.`;
        const count = [...slots.keys()].filter((key) => key.startsWith(now)).length;
        while (body.children.length > count) body.lastChild.remove();
        while (body.children.length < count) body.append(make("div", { class: "nbchat wide part" }));
        [...body.children].forEach((part, number) => {
          if (changed.has(now + number) || prefix !== now) fill(part, slots.get(now + number) ?? "");
        });
        prefix = now;
        const running = column.state === "running";
        node.classList.toggle("running", running);
        node.classList.toggle("best", state.vote === place);
        node.setAttribute("aria-busy", String(running));
        node.setAttribute("aria-label", `Answer ${column.letter}${column.name ? `, ${column.name}` : ""}`);
        end.hidden = !running;
        again.hidden = running || column.state === "waiting";
        again.setAttribute("aria-label", `Ask ${column.letter} again`);
        end.setAttribute("aria-label", `Stop ${column.letter}`);
        diff.hidden = column.state !== "done" || state.columns.some((each) => each.state === "running");
        diff.setAttribute("aria-pressed", String(state.diff === place));
        diff.setAttribute("aria-label", `Show how the others differ from ${column.letter}`);
      },
    };
  }

  function drawVotes() {
    if (votes.children.length !== state.columns.length + 4) {
      const pill = (best, label) => button(label, () => vote(best), { "data-best": best });
      votes.replaceChildren(...state.columns.map((column, place) => pill(place, column.letter)), pill("tie", "tie"),
        button("reveal", () => line.send({ do: "reveal" }), { class: "reveal" }), note, stop);
    }
    const fixed = state.blind && !state.hidden;
    for (const each of votes.querySelectorAll("[data-best]")) {
      const best = each.dataset.best === "tie" ? "tie" : Number(each.dataset.best);
      const chosen = state.vote === best;
      each.setAttribute("aria-pressed", String(chosen));
      each.disabled = fixed;
      if (best !== "tie") show(each, chosen ? `${state.columns[best].letter} is best` : state.columns[best].letter);
      if (best !== "tie") each.setAttribute("aria-label", `${state.columns[best].letter} is best`);
    }
    const reveal = votes.querySelector(".reveal");
    reveal.hidden = !state.blind || !state.hidden;
    reveal.disabled = state.vote === null;
    stop.hidden = !state.busy;
    if (document.activeElement !== note) note.value = state.note;
  }

  function vote(best) {
    if (state && !(state.blind && !state.hidden)) line.send({ do: "vote", best: state.vote === best ? null : best });
  }

  function submit() {
    const text = input.value;
    if (!text.trim()) return;
    input.value = "";
    line.send({ do: "ask", text });
    whole.focus();
  }

  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); submit(); }
  });
  note.addEventListener("change", () => line.send({ do: "note", text: note.value }));
  note.addEventListener("keydown", (event) => event.key === "Enter" && whole.focus());
  whole.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { event.stopPropagation(); whole.focus(); if (state?.busy) line.send({ do: "stop" }); return; }
    if (!state?.of || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input,textarea")) return;
    const key = event.key.toLowerCase();
    const place = key.length === 1 ? ("abcdef".includes(key) ? "abcdef" : "123456").indexOf(key) : -1;
    if (place >= 0 && place < state.columns.length) vote(place);
    else if (key === "t" || key === "0") vote("tie");
    else if (key === "r" && state.hidden) line.send({ do: "reveal" });
    else if (key === "n") note.focus();
    else if (key === "arrowleft") line.send({ do: "go", by: -1 });
    else if (key === "arrowright") line.send({ do: "go", by: 1 });
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  return () => line.end();
}

export default { render };
