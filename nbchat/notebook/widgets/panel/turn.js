// A turn of the panel: what was said, the answer, and what can be done with them.

/** `act` sends an event about this turn. */
function makeTurn(model, id, act, startEdit) {
  const said = make("div", { class: "nbchat wide" });
  const parts = make("div", { class: "parts" });
  const foot = make("div", { class: "nbchat wide" });
  const count = make("span", {});
  const to = (by) => () => act({ do: "branch", by });
  const back = button("‹", to(-1), { "aria-label": "Earlier branch" });
  const on = button("›", to(1), { "aria-label": "Later branch" });
  const branch = make("span", { class: "branch", role: "group", "aria-label": "Branches" }, back, count, on);
  const edit = button("edit", startEdit, { title: "Change the message and ask again; what is there stays as a branch" });
  const again = button("again", () => act({ do: "again" }), { title: "Ask the same again; what is there stays as a branch" });
  const take = (kind) => () => act({ do: "take", kind });
  const given = [button("copy", take("copy")), button("to cell", take("cell"), { title: "A new cell of the answer, or of its code" })];
  const own = make("div", { class: "own" }, branch, edit, again, ...given);
  const node = make("div", { class: "turn" }, said, parts, foot, own);
  return {
    node,
    draw(about, slots, changed, { busy, live, edited }) {
      if (changed.has(`${id}.said`)) fill(said, slots.get(`${id}.said`));
      typeset(model, said);
      const begun = drawParts(model, parts, `${id}.`, slots, changed, live);
      if (changed.has(`${id}.foot`)) fill(foot, slots.get(`${id}.foot`));
      node.classList.toggle("waits", live && !begun);
      node.classList.toggle("edited", edited);
      branch.hidden = about.of < 2;
      show(count, `${about.at}/${about.of}`);
      back.disabled = busy || about.at === 1;
      on.disabled = busy || about.at === about.of;
      edit.hidden = again.hidden = !about.asked;
      show(again, about.failed ? "try again" : "again");
      edit.disabled = again.disabled = busy;
      for (const each of given) each.hidden = about.failed;
      own.hidden = live;
    },
  };
}
