// The call of a tool that waits for a word. The focus comes to it from an empty message, and goes back there.

function makeApproval(send, input) {
  const node = make("div", { class: "ask", role: "group", "aria-label": "Approve a tool", hidden: true });
  let shown = null;
  return {
    node,
    draw(asked) {
      node.hidden = asked === null;
      if (shown === (asked?.id ?? null)) return;
      shown = asked?.id ?? null;
      const focused = node.contains(document.activeElement);
      node.replaceChildren();
      if (asked === null) return focused && input.focus();
      const why = make("input", { type: "text", placeholder: "why not (optional)", "aria-label": "Reason to decline" });
      const say = (verdict) => once(() => send({ do: "verdict", id: asked.id, verdict, reason: why.value }));
      const run = button("Run", say("run"), { class: "go" });
      const more = asked.more > 0 ? make("small", {}, ` ${asked.more} more after this`) : null;
      node.append(
        make("p", {}, "Run ", make("b", {}, asked.name), "?", more), make("pre", { tabindex: "0", "aria-label": "Arguments" }, asked.args),
        make("div", { class: "row" }, run, button("Always", say("always"), { title: "Do not ask again for this tool" }), button("Decline", say("decline")), why));
      why.addEventListener("keydown", (event) => enters(event) && say("decline")(event));
      if (focused || (node.parentNode.contains(document.activeElement) && !input.value)) run.focus();
    },
  };
}
