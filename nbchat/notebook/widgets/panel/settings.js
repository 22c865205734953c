// The model and the parameters of the panel, on a sheet below its bar.

const EFFORTS = [["", "default"], ["off", "off"], ["low", "low"], ["medium", "medium"], ["high", "high"]];

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

function makeSettings(set) {
  const listed = make("select");
  const other = make("input", { type: "text", spellcheck: "false", placeholder: "provider:model", "aria-label": "Name of another model", hidden: true });
  const number = (step, min, max) => make("input", { type: "number", step, min, max, placeholder: "default" });
  const fields = {
    temperature: ["Temperature", number("0.1", "0", "2")],
    top_p: ["Top p", number("0.05", "0", "1")],
    max_tokens: ["Max tokens", number("1", "1")],
    reasoning: ["Reasoning", make("select", {}, ...EFFORTS.map(([value, name]) => make("option", { value }, name)))],
    system: ["System prompt", make("textarea", { rows: "2" })],
  };
  for (const [key, [, field]] of Object.entries(fields)) field.addEventListener("change", () => set(key, field.value));
  listed.addEventListener("change", () => {
    other.hidden = listed.value !== "";
    if (listed.value) set("model", listed.value);
    else other.focus();
  });
  other.addEventListener("change", () => other.value.trim() && set("model", other.value));
  other.addEventListener("keydown", (event) => enters(event) && other.blur()); // which is a change
  const menu = makeMenu("model", make("div", { class: "sheet settings" }, make("label", { class: "model" }, "Model", listed, other),
    ...Object.entries(fields).map(([key, [label, field]]) => make("label", { class: key }, label, field))));

  function drawModels(model, models) {
    const names = [...new Set([model, ...models])];
    const drawn = JSON.stringify(names);
    if (listed.dataset.drawn === drawn) return;
    listed.dataset.drawn = drawn;
    listed.replaceChildren(...names.map((name) => make("option", { value: name }, name)), make("option", { value: "" }, "another …"));
    listed.value = model;
    other.hidden = true;
    other.value = "";
  }

  return {
    ...menu,
    draw({ model, models, system, params }) {
      show(menu.opener, model);
      drawModels(model, models);
      const now = { system, ...params };
      for (const [key, [, field]] of Object.entries(fields)) if (document.activeElement !== field) field.value = now[key] ?? "";
    },
  };
}
