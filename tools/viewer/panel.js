// Sliders and buttons of a subject. Names come from files: they are set as text, never as markup.

const GLIDE = 250; // ms from one class to the next
let ids = 0;

function make(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

export class Panel {
  constructor(place, stage) {
    this.place = place;
    this.stage = stage;
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
  }

  show(subject) {
    this.subject = subject;
    this.weights = new Float32Array(subject.targets);
    this.resets = [];
    this.randoms = [];
    this.glides = new Map();
    this.legend = make("p", { className: "viewer-legend" });
    this.place.replaceChildren(
      this.bar(),
      this.legend,
      ...subject.groups.map((group) => this.group(group)),
    );
    this.apply();
  }

  apply() {
    this.subject.setWeights(this.weights);
    this.stage.draw();
  }

  bar() {
    const shading = make("select", { ariaLabel: "shading" });
    shading.append(...this.subject.modes.map((name) => make("option", { value: name }, name)));
    shading.addEventListener("change", () => this.setMode(shading.value));
    const file = make("input", { type: "file", accept: ".glb,.gltf", hidden: true });
    file.addEventListener("change", () => file.files.length && this.onFile(file.files[0]));
    const buttons = [
      button("Front", () => this.stage.lookFrom(0, 0)),
      button("Side", () => this.stage.lookFrom(70, 5)),
    ];
    if (this.subject.groups.length) {
      buttons.push(button("Random", () => this.forAll(this.randoms)));
      buttons.push(button("Reset", () => this.forAll(this.resets)));
    }
    buttons.push(
      this.subject.home ? button("Open GLB…", () => file.click()) : button("Back", () => this.onHome()),
    );
    return make("div", { className: "viewer-bar" }, shading, ...buttons, file);
  }

  setMode(name) {
    this.subject.setMode(name);
    this.legend.textContent = this.subject.legend(name);
    this.stage.draw();
  }

  forAll(actions) {
    this.glides.clear();
    for (const action of actions) action();
    this.apply();
  }

  group({ name, sliders, choices }) {
    const rows = sliders.map((slider) => this.slider(slider));
    if (choices.length) rows.unshift(...this.choices(choices));
    return make("fieldset", {}, make("legend", {}, name), ...rows);
  }

  // A slider moves along one target, or forth along `plus` and back along `minus`.
  slider({ name, plus, minus, low = -1, unit = 1, symbol = "", text = "" }) {
    const id = `viewer-slider-${ids++}`;
    const input = make("input", { type: "range", id, min: low, max: 1, step: 0.01, value: 0 });
    const output = make("output", { htmlFor: id });
    const set = (value) => {
      input.value = value;
      const reached = input.valueAsNumber;
      this.weights[plus] = minus === undefined ? reached : Math.max(reached, 0);
      if (minus !== undefined) this.weights[minus] = Math.max(-reached, 0);
      const shown = (reached * unit).toFixed(unit === 1 ? 2 : 1);
      output.value = `${reached > 0 && low < 0 ? "+" : ""}${shown}${symbol}`.replace("-", "−");
    };
    input.addEventListener("input", () => {
      set(input.valueAsNumber);
      this.apply();
    });
    input.addEventListener("dblclick", () => {
      set(0);
      this.apply();
    });
    this.resets.push(() => set(0));
    this.randoms.push(() => set(low < 0 ? gauss() / unit : Math.random() ** 3));
    set(0);
    const label = make("label", { htmlFor: id, title: text }, name);
    return make("div", { className: "viewer-slider" }, label, input, output);
  }

  // Buttons of which one is pressed, and how strongly it counts.
  choices(choices) {
    let chosen = 0;
    const strength = make("input", { type: "range", min: 0, max: 1.5, step: 0.01, value: 1, ariaLabel: "strength" });
    const amount = make("output");
    const wanted = (k) => (k === chosen ? strength.valueAsNumber : 0);
    const settle = () => {
      choices.forEach(({ target }, k) => {
        if (target !== null) this.weights[target] = wanted(k);
      });
      amount.value = strength.valueAsNumber.toFixed(2);
      buttons.forEach((node, k) => node.setAttribute("aria-pressed", k === chosen));
    };
    const choose = (k) => {
      chosen = k;
      this.glide(choices, settle);
    };
    const buttons = choices.map(({ name }, k) => button(name, () => choose(k)));
    strength.addEventListener("input", () => {
      this.glides.delete(choices);
      settle();
      this.apply();
    });
    const both = (k) => () => {
      chosen = k();
      strength.value = 1;
      settle();
    };
    this.resets.push(both(() => 0));
    this.randoms.push(both(() => Math.floor(Math.random() * choices.length)));
    settle();
    return [
      make("div", { className: "viewer-buttons" }, ...buttons),
      make("div", { className: "viewer-slider" }, make("label", {}, "strength"), strength, amount),
    ];
  }

  // Lets the weights of a group's targets go over to what `settle` makes of them.
  glide(choices, settle) {
    const moved = choices.map(({ target }) => target).filter((target) => target !== null);
    const start = moved.map((target) => this.weights[target]);
    settle();
    const end = moved.map((target) => this.weights[target]);
    if (this.still.matches) return this.apply();
    const turn = {};
    this.glides.set(choices, turn);
    const begin = performance.now();
    const step = (now) => {
      if (this.glides.get(choices) !== turn) return;
      const t = Math.min(Math.max((now - begin) / GLIDE, 0), 1);
      const eased = t * t * (3 - 2 * t);
      moved.forEach((target, k) => (this.weights[target] = start[k] + eased * (end[k] - start[k])));
      this.apply();
      if (t < 1) requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }
}

function button(name, action) {
  const node = make("button", { type: "button" }, name);
  node.addEventListener("click", action);
  return node;
}

function gauss() {
  const u = 1 - Math.random();
  return Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * Math.random());
}
