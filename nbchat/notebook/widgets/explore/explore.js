// The logprob explorer: tokens to walk through, alternatives to choose from, branches to go back to.

const percent = (p) => `${p > 0 && p < 0.005 ? "<1" : Math.round(100 * p)} %`;
const bits = (number) => `${number.toFixed(1)} bits`;
const surprise = (token) => -Math.log2(Math.max(token.p, 1e-12));

const MEASURES = {
  a: { name: "probability", most: 100, step: 1, at: 50, doubt: (token) => 1 - token.p, shown: (token) => percent(token.p),
    marks: (token, limit) => token.p * 100 < limit, told: (limit) => `below ${limit} %` },
  b: { name: "entropy", most: 4, step: 0.1, at: 1.5, doubt: (token) => token.e ?? 0, shown: (token) => bits(token.e ?? 0),
    marks: (token, limit) => (token.e ?? 0) > limit, told: (limit) => `above ${bits(limit)}` },
  c: { name: "surprisal", most: 10, step: 0.1, at: 1, doubt: surprise, shown: (token) => bits(surprise(token)),
    marks: (token, limit) => surprise(token) > limit, told: (limit) => `above ${bits(limit)}` },
};
const SPANS = 60; // in the list

function render({ model, el: root }) {
  let state = null;
  let by = "a";
  let tokens = []; // {node, data}, in order
  let here = 0; // the one that Tab reaches
  const chunks = new Map(); // slot: {node, tokens}
  const group = uid();

  const error = alarm(() => line.send({ do: "dismiss" }));
  const tree = make("ol", { class: "tree" });
  const stop = button("Stop", () => line.send({ do: "stop" }), { class: "stop" });
  const text = make("div", { class: "lp", role: "group", "aria-label": "Tokens: arrows move, Enter shows the alternatives" });
  const before = make("p", { class: "instead" });
  const spans = make("ol", { class: "spans" });
  const spansTitle = make("div", { class: "title", id: `spans-${group}` });
  const side = make("div", { role: "group", "aria-labelledby": spansTitle.id }, spansTitle, spans);
  const limit = make("input", { type: "range", min: "0", "aria-label": "Mark tokens" });
  const limitTold = make("output", {});
  const switches = Object.entries(MEASURES).map(([letter, { name }]) => make("label", {},
    make("input", { type: "radio", name: group, class: letter, checked: letter === by, onchange: () => measure(letter) }), name));
  const scale = make("span", {}, "certain ", ...[1, 2, 3, 4, 5, 6].map((n) => make("i", { class: `a${n} b${n} c${n}` }, "\u2002")), " unsure");
  const keys = make("div", { class: "keys" }, ...switches, scale, make("label", { class: "limit" }, "mark ", limit, limitTold));
  const told = make("div", { class: "keys told" });
  const tell = make("input", { type: "checkbox" });
  const obstacle = make("p", { class: "obstacle" });
  const telling = make("label", { class: "telling" }, tell, "tell it in words to go on; it may say something else");
  const whole = make("div", { class: "nbchat wide explore", role: "group", "aria-label": "Token probabilities" }, error.node,
    make("div", { class: "head" }, tree, stop), make("div", { class: "sure" }, make("div", { class: "columns" }, make("div", {}, text, before), side), keys, told),
    obstacle, telling);
  root.append(whole);
  const menu = makeAlternatives(whole, obstacleNow, (at, choice) =>
    line.send({ do: "branch", at, choice, tell: tell.checked && state.obstacle !== "" }));
  const line = bond(model, root, draw);

  function draw(next, slots, changed) {
    const other = state !== null && state.now !== next.now;
    state = next;
    let redrawn = false;
    for (const [name, chunk] of chunks)
      if (!slots.has(name)) { chunk.node.remove(); chunks.delete(name); redrawn = true; }
    for (const name of [...slots.keys()].filter((each) => /^\d+$/.test(each)).sort((a, b) => a - b)) {
      if (!changed.has(name) && !other) continue;
      fillChunk(name, JSON.parse(slots.get(name)));
      redrawn = true;
    }
    if (redrawn) {
      tokens = [...chunks.values()].flatMap((chunk) => chunk.tokens);
      reach(Math.min(here, tokens.length - 1));
      drawSpans();
    }
    if (other) menu.close();
    text.setAttribute("aria-busy", String(state.busy));
    before.hidden = state.at === null;
    before.replaceChildren(make("b", {}, "instead of "), slots.get("instead") ?? "");
    drawTree();
    stop.hidden = !state.busy;
    error.draw(state.error);
    show(told, state.told || "…");
    show(obstacle, state.obstacle);
    obstacle.hidden = !state.obstacle;
    telling.hidden = !state.obstacle || !state.tellable;
  }

  function fillChunk(name, data) {
    const made = data.map((token) => {
      const steps = token.s.map((step, n) => step && `${"abc"[n]}${step}`).filter(Boolean);
      const fresh = state.at !== null && token.at === state.at;
      const kept = state.at !== null && token.at < state.at;
      const node = make("span", { role: "button", tabindex: "-1", "aria-haspopup": "menu", class: [...steps, kept && "kept", fresh && "fresh"].filter(Boolean).join(" ") || null,
        "aria-label": `${token.t.trim() || token.t}, ${percent(token.p)}` }, token.t);
      const item = { node, data: token };
      node.item = item;
      mark(item);
      return item;
    });
    const nodes = made.flatMap(({ node, data: { at } }) =>
      at === state.at ? [make("del", {}, state.branches[state.now].was), node] : [node]);
    if (chunks.has(name)) chunks.get(name).node.replaceChildren(...nodes);
    else chunks.set(name, { node: text.appendChild(make("span", {}, ...nodes)) });
    chunks.get(name).tokens = made;
  }

  function mark({ node, data }) {
    node.classList.toggle("marked", MEASURES[by].marks(data, Number(limit.value)));
  }

  function measure(letter) {
    by = letter;
    const { most, step, at } = MEASURES[by];
    Object.assign(limit, { max: most, step });
    limit.value = at;
    remark();
  }

  function remark() {
    const says = MEASURES[by].told(Number(limit.value));
    show(limitTold, says);
    limit.setAttribute("aria-valuetext", says);
    tokens.forEach(mark);
    drawSpans();
  }

  function drawSpans() {
    const { doubt, shown, marks } = MEASURES[by];
    const runs = [];
    let open = null;
    tokens.forEach(({ data }, place) => {
      if (!marks(data, Number(limit.value)) || !data.t.trim()) { open = null; return; }
      if (open === null) runs.push((open = { place, text: "", worst: data }));
      open.text += data.t;
      if (doubt(data) > doubt(open.worst)) open.worst = data;
    });
    runs.sort((a, b) => doubt(b.worst) - doubt(a.worst));
    const focused = spans.contains(document.activeElement) ? document.activeElement.dataset.place : null;
    spans.replaceChildren(...runs.slice(0, SPANS).map((run) => make("li", {},
      button("", () => jump(run.place), { "data-place": run.place }))));
    [...spans.children].forEach(({ firstChild: node }, n) => node.append(make("span", {}, runs[n].text.trim()), make("small", {}, shown(runs[n].worst))));
    if (focused !== null) spans.querySelector(`[data-place="${focused}"]`)?.focus();
    show(spansTitle, runs.length ? `least certain · ${runs.length}` : "nothing is marked");
  }

  function jump(place) {
    tokens[place].node.scrollIntoView({ block: "nearest" });
    reach(place, true);
  }

  function reach(place, focus = false) {
    if (place < 0) return;
    tokens[here]?.node.setAttribute("tabindex", "-1");
    here = place;
    tokens[here].node.setAttribute("tabindex", "0");
    if (focus) tokens[here].node.focus();
  }

  function drawTree() {
    tree.hidden = state.branches.length < 2;
    tree.replaceChildren(...state.branches.map((branch) => {
      const name = branch.was === undefined ? ["the answer"] : [make("del", {}, branch.was), " → ", make("b", {}, branch.became)];
      const go = button("", () => line.send({ do: "choose", branch: branch.id }), { title: branch.note || null,
        "aria-current": branch.id === state.now && "true", disabled: state.busy && branch.id !== state.now });
      go.append(...name, ...(branch.note ? [make("small", {}, ` ${branch.note}`)] : []));
      return make("li", { style: `--depth:${branch.depth}` }, go);
    }));
    tree.setAttribute("aria-label", `${state.branches.length} branches`);
  }

  /** Why no other token can be chosen now, if so. */
  function obstacleNow() {
    if (state.busy) return "a branch is growing";
    return state.tellable && tell.checked ? "" : state.obstacle;
  }

  /** The token above or below. */
  function beside(place, down) {
    const from = tokens[place].node.getBoundingClientRect();
    const step = down ? 1 : -1;
    let found = place, best = Infinity, row = null;
    for (let n = place + step; n >= 0 && n < tokens.length; n += step) {
      const box = tokens[n].node.getBoundingClientRect();
      if (Math.abs(box.top - from.top) < 4) continue;
      row ??= box.top;
      if (Math.abs(box.top - row) > 4) break;
      if (Math.abs(box.left - from.left) < best) [found, best] = [n, Math.abs(box.left - from.left)];
    }
    return found;
  }

  text.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || !tokens.length) return;
    const to = { ArrowRight: () => Math.min(here + 1, tokens.length - 1), ArrowLeft: () => Math.max(here - 1, 0),
      ArrowDown: () => beside(here, true), ArrowUp: () => beside(here, false), Home: () => 0, End: () => tokens.length - 1 }[event.key];
    if (to) reach(to(), true);
    else if (event.key === "Enter" || event.key === " ") menu.open(tokens[here]);
    else return;
    event.preventDefault();
  });
  text.addEventListener("click", ({ target: { item } }) => {
    if (!item) return;
    reach(tokens.indexOf(item));
    menu.open(item);
  });
  text.addEventListener("pointerover", ({ target: { item } }) => item && menu.peek(item));
  text.addEventListener("pointerleave", () => menu.unpeek());
  limit.addEventListener("input", remark);
  measure(by);
  return () => {
    menu.end();
    line.end();
  };
}

export default { render };
