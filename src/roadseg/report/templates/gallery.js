// The gallery: filter, order and blend its cards; a viewer that flips the layers of an image in one place.

const gallery = document.querySelector("#images");
const viewer = document.querySelector("#viewer");

function startGallery() {
  const list = gallery.querySelector(".cards");
  const cards = all(".card", list);
  const visible = () => all(".card:not([hidden])", list);

  const count = () => {
    const number = visible().length;
    gallery.querySelector("#shown-count").textContent = `${number} ${number === 1 ? "image" : "images"}`;
  };
  for (const choice of all("input[name=kind]", gallery)) {
    choice.addEventListener("change", () => {
      for (const card of cards) card.hidden = choice.value && !card.dataset.kinds.split(" ").includes(choice.value);
      count();
    });
  }

  gallery.querySelector("select[name=sort]").addEventListener("change", event => {
    const by = event.target.value;
    const key = card => by === "difference" ? Number(card.dataset.difference) : Number(card.dataset.scores.split(" ")[by]);
    list.append(...(by === "shown" ? cards : [...cards].sort((a, b) => key(b) - key(a))));
  });

  const sliders = all("input[name=blend]", gallery);
  const blend = value => {
    gallery.style.setProperty("--blend", value / 100);
    for (const slider of sliders) slider.value = value;
  };
  for (const slider of sliders) slider.addEventListener("input", () => blend(slider.value));
  blend(sliders[0].value);
  startViewer(cards, visible);
}

function startViewer(cards, visible) {
  const palette = JSON.parse(document.querySelector("#palette").textContent);
  const classes = new Map(palette.map(label => [parseInt(label.color.slice(1), 16), label]));
  const stage = viewer.querySelector(".stage");
  const probe = viewer.querySelector(".probe");
  const buttons = viewer.querySelector(".layers");
  const hint = "Point at the picture to read the classes there.";
  const armNames = all("#result .scores th[scope=row] .arm-name").map(name => name.textContent.trim());
  let card, layer = 2, pixels;

  const titles = { photo: "Photo", truth: "Truth", prediction: "", errors: " · errors" };
  const title = panel => (armNames[panel.dataset.of] ?? "") + titles[panel.dataset.layer];
  const layersOf = () => all(".layer", card);

  async function read() {
    const wanted = card;
    const pictures = layersOf().filter(panel => panel.classList.contains("labels"));
    const found = await Promise.all(pictures.map(async panel => {
      const picture = panel.querySelector("img");
      await picture.decode();
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [picture.naturalWidth, picture.naturalHeight];
      const context = canvas.getContext("2d", { willReadFrequently: true });
      context.drawImage(picture, 0, 0);
      const name = panel.dataset.layer === "truth" ? "truth" : title(panel);
      return { name, data: context.getImageData(0, 0, canvas.width, canvas.height) };
    }));
    if (card === wanted) pixels = found;
  }

  function show(number) {
    const panels = layersOf();
    layer = (number + panels.length) % panels.length;
    const copy = panels[layer].cloneNode(true);
    copy.style.setProperty("--photo", card.style.getPropertyValue("--photo"));
    copy.style.setProperty("--shape", card.style.getPropertyValue("--shape"));
    const [width, height] = card.style.getPropertyValue("--shape").split("/").map(Number);
    copy.style.setProperty("--ratio", width / height);
    copy.querySelector("span").remove();
    stage.replaceChildren(copy);
    all("button", buttons).forEach((button, index) => button.setAttribute("aria-pressed", String(index === layer)));
  }

  function open(next, number = layer) {
    card = next;
    pixels = null;
    probe.textContent = hint;
    viewer.querySelector("#viewer-title").textContent = card.dataset.name;
    const order = visible();
    viewer.querySelector(".position").textContent = `${order.indexOf(card) + 1} of ${order.length}`;
    buttons.replaceChildren(...layersOf().map((panel, index) => {
      const button = document.createElement("button");
      button.type = "button";
      if (index < 9) button.append(Object.assign(document.createElement("kbd"), { textContent: index + 1 }));
      button.append(title(panel));
      button.addEventListener("click", () => show(index));
      return button;
    }));
    show(number);
    if (!viewer.open) viewer.showModal();
    read();
  }

  function step(by) {
    const order = visible();
    open(order[(order.indexOf(card) + by + order.length) % order.length]);
  }

  function point(event) {
    const box = stage.firstElementChild.getBoundingClientRect();
    const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    if (!pixels || x < 0 || y < 0 || x >= 1 || y >= 1) return;
    probe.replaceChildren(...pixels.map(({ name, data }) => {
      const at = 4 * (Math.floor(y * data.height) * data.width + Math.floor(x * data.width));
      const [red, green, blue] = data.data.slice(at, at + 3);
      const found = classes.get(red << 16 | green << 8 | blue) ?? { name: "not labelled", color: "#000" };
      const part = document.createElement("span");
      const dot = document.createElement("i");
      dot.style.background = found.color;
      part.append(Object.assign(document.createElement("em"), { textContent: `${name} ` }), dot, found.name);
      return part;
    }));
  }

  for (const each of cards) {
    each.querySelector(".open").addEventListener("click", () => open(each));
    all(".layer", each).forEach((panel, index) => panel.addEventListener("click", () => open(each, index)));
  }
  for (const button of all("[data-step]", viewer)) button.addEventListener("click", () => step(Number(button.dataset.step)));
  viewer.querySelector(".close").addEventListener("click", () => viewer.close());
  viewer.addEventListener("click", event => { if (event.target === viewer) viewer.close(); });
  viewer.addEventListener("close", () => card.querySelector(".open").focus());
  stage.addEventListener("pointermove", point);
  stage.addEventListener("pointerdown", point);
  viewer.addEventListener("keydown", event => {
    if (event.target.matches("input") || event.ctrlKey || event.metaKey || event.altKey) return;
    const moves = { ArrowLeft: () => step(-1), ArrowRight: () => step(1), ArrowUp: () => show(layer - 1), ArrowDown: () => show(layer + 1) };
    const number = Number(event.key);
    if (number >= 1 && number <= layersOf().length) show(number - 1);
    else if (moves[event.key]) moves[event.key]();
    else return;
    event.preventDefault();
  });
}

if (viewer) startGallery();
