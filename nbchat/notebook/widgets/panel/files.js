// Files that go along with a message: chosen, dropped or pasted, and shown as chips until it is sent.

const LARGEST = 20 * 2 ** 20; // bytes of a file
const PIECE = 512 * 1024; // hosts limit the size of a message

const sized = (bytes) => (bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

/** `tell` says what cannot be attached; `changed` is called when a person has changed what is. */
function makeFiles(tell, changed) {
  const chips = make("div", { class: "chips" });
  const picker = make("input", { type: "file", multiple: true, hidden: true, tabindex: "-1", "aria-label": "Files" });
  let held = [];

  function put(list) {
    for (const image of chips.querySelectorAll("img")) URL.revokeObjectURL(image.src);
    held = list;
    chips.replaceChildren(...held.map(chip));
  }

  function chip(each) {
    const name = each.file.name || "picture";
    const seen = each.file.type.startsWith("image/") ? make("img", { src: URL.createObjectURL(each.file), alt: "" }) : null;
    const drop = () => { put(held.filter((other) => other !== each)); changed(); };
    return make("span", { class: "chip", title: name }, seen, make("span", {}, name), make("small", {}, sized(each.file.size)),
      button("×", drop, { class: "icon", "aria-label": `Remove ${name}` }));
  }

  function add(list) {
    const wrong = [...list].map(({ name, size }) => size === 0 ? `${name} is empty` : size > LARGEST ? `${name} has ${sized(size)}: the most is ${sized(LARGEST)}` : "");
    put([...held, ...[...list].filter((_, n) => !wrong[n]).map((file) => ({ id: uid(), file }))]);
    if (wrong.some(Boolean)) tell(wrong.filter(Boolean).join("; "));
    changed();
  }

  picker.addEventListener("change", () => { add([...picker.files]); picker.value = ""; });
  return { chips, picker, add, put, held: () => held };
}

/** Send files in pieces; returns what a message says of them. */
async function upload(files, send) {
  for (const { id, file } of files)
    for (let at = 0; at < file.size; at += PIECE) send({ do: "piece", id }, [await file.slice(at, at + PIECE).arrayBuffer()]);
  return files.map(({ id, file }) => ({ id, name: file.name, type: file.type }));
}
