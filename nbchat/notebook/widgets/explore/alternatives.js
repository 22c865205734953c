// The menu of what might have stood in a token's place. Under the pointer it is a peek; by click or key, one is chosen.

/** `obstacle` says why none can be chosen now, or nothing; `choose(at, choice)` takes one. */
function makeAlternatives(whole, obstacle, choose) {
  let menu = null;
  const peeks = () => menu !== null && menu.classList.contains("peek");

  function rowOf([name, p, isWhole], choice, data, why) {
    const bar = make("span", { class: "chance" }, make("span", { style: `width:${Math.round(100 * p)}%` }));
    const row = button("", () => { close(true); choose(data.at, choice); }, { role: "menuitem", tabindex: "-1", disabled: !isWhole || why !== "",
      class: name === data.t ? "chosen" : null, title: isWhole ? null : "a piece of a character" });
    row.append(make("code", {}, name || "∅"), bar, make("span", {}, percent(p)));
    return row;
  }

  function open(item, peek = false) {
    close();
    const { node, data } = item;
    const why = obstacle();
    const rows = data.a.map((alternative, choice) => rowOf(alternative, choice, data, why));
    menu = make("div", { class: `alternatives${peek ? " peek" : ""}`, popover: "manual", role: "menu", tabindex: "-1", "aria-label": `Instead of ${data.t.trim()}` }, ...rows);
    if (!rows.length) menu.append(make("p", {}, percent(data.p)));
    if (why && !peek) menu.append(make("p", {}, why));
    menu.item = item;
    whole.append(menu);
    menu.showPopover?.(); // above all: outputs are clipped
    place(node.getClientRects()[0]);
    if (peek) return;
    node.setAttribute("aria-expanded", "true");
    const free = rows.filter((row) => !row.disabled);
    (free.find((row) => row.className !== "chosen") ?? free[0] ?? menu).focus();
  }

  /** Below the token, or above it where there is no room. */
  function place(at) {
    const below = at.bottom + 3 + menu.offsetHeight < window.innerHeight;
    menu.style.left = `${Math.max(8, Math.min(at.left, window.innerWidth - menu.offsetWidth - 8))}px`;
    menu.style.top = `${below ? at.bottom + 3 : Math.max(8, at.top - 3 - menu.offsetHeight)}px`;
  }

  function close(refocus = false) {
    const was = menu;
    menu = null;
    if (!was) return;
    was.item.node.removeAttribute("aria-expanded");
    was.remove();
    if (refocus) was.item.node.focus();
  }

  function press(event) {
    if (!menu || peeks()) return;
    if (event.key === "Escape" || event.key === "Tab") close(true);
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const rows = [...menu.querySelectorAll("button:not(:disabled)")];
      const next = rows.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
      rows.at(next % rows.length)?.focus();
    } else return;
    event.stopPropagation(); // JupyterLab would leave the cell
    if (event.key !== "Tab") event.preventDefault();
  }

  const scrolled = () => close();
  whole.addEventListener("keydown", press);
  whole.addEventListener("focusout", ({ relatedTarget }) => menu && !peeks() && !menu.contains(relatedTarget) && close());
  document.addEventListener("scroll", scrolled, { capture: true, passive: true });
  return {
    open,
    close,
    peek: (item) => (!menu || peeks()) && open(item, true),
    unpeek: () => peeks() && close(),
    end: () => document.removeEventListener("scroll", scrolled, { capture: true }),
  };
}
