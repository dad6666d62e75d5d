// A graph to pan, zoom, open and click on. The picture and its spots come from Python; this file only moves them,
// and says which spot was chosen. It loads nothing.

const SVG = "http://www.w3.org/2000/svg";
const STEP = 40;
const ZOOM = 1.25;
const FURTHEST = 8;
const TALLEST = 520;
const PATIENCE = 3000; // milliseconds until it is said that the kernel does not answer
const SMALLEST = 1.6; // at first; a wider picture is panned

function element(name, attributes = {}, text = "") {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

function render({ model, el }) {
  const root = element("div", { class: "tm-widget" });
  const bar = element("div", { class: "tm-bar", role: "toolbar", "aria-label": "Graph" });
  const stage = element("div", { class: "tm-stage", tabindex: "-1" });
  const panel = element("section", { class: "tm-panel", "aria-live": "polite", "aria-label": "Chosen node" });
  root.append(bar, stage, panel);
  el.append(root);

  const silent = element("span", { class: "tm-silent", role: "status" });
  let waiting = null; // for the kernel's answer

  let picture = null; // the SVG element
  let size = { width: 1, height: 1 }; // of the picture, in its own units
  let view = { x: 0, y: 0, width: 1, height: 1 }; // the part that is shown
  let wide = 0; // of the stage, when it was last looked at
  let current = null; // id of the spot that Tab comes to
  let chosen = null; // id of the node whose facts are shown

  // -- what is shown ---------------------------------------------------------------------------------

  function show() {
    picture.setAttribute("viewBox", `${view.x} ${view.y} ${view.width} ${view.height}`);
  }

  function fit(scale) {
    const wide = Math.max(stage.clientWidth, 1);
    stage.style.height = `${Math.min(Math.max(size.height / scale, 120), TALLEST)}px`;
    const tall = stage.clientHeight;
    view = { width: wide * scale, height: tall * scale, y: 0 };
    view.x = (size.width - view.width) / 2;
    if (view.height > size.height) view.y = (size.height - view.height) / 2;
    show();
  }

  function start() {
    // as large as can be read, from its top
    wide = stage.clientWidth; // 0 while it is not on the page yet
    fit(Math.min(Math.max(size.width / Math.max(stage.clientWidth, 1), 1), SMALLEST));
  }

  function whole() {
    const scale = Math.max(size.width / Math.max(stage.clientWidth, 1), size.height / TALLEST, 1);
    fit(scale);
  }

  function resized() {
    const now = stage.clientWidth;
    if (now === wide || !now) return;
    if (!wide) return start();
    const scale = view.width / wide;
    wide = now;
    view.width = now * scale;
    show();
  }

  function zoom(factor, at = null) {
    const box = stage.getBoundingClientRect();
    const least = box.width / FURTHEST;
    const most = Math.max(size.width, (size.height * box.width) / box.height) * 3;
    const width = Math.min(Math.max(view.width / factor, least), most);
    const change = width / view.width;
    const middle = at || { x: view.x + view.width / 2, y: view.y + view.height / 2 };
    view = {
      x: middle.x - (middle.x - view.x) * change,
      y: middle.y - (middle.y - view.y) * change,
      width,
      height: view.height * change,
    };
    show();
  }

  function pan(across, down) {
    view.x += across;
    view.y += down;
    show();
  }

  function place(event) {
    const box = stage.getBoundingClientRect();
    return {
      x: view.x + ((event.clientX - box.left) / box.width) * view.width,
      y: view.y + ((event.clientY - box.top) / box.height) * view.height,
    };
  }

  function bringIntoView(spot) {
    const gap = 12;
    if (spot.x < view.x) view.x = spot.x - gap;
    if (spot.y < view.y) view.y = spot.y - gap;
    if (spot.x + spot.width > view.x + view.width) view.x = spot.x + Math.min(spot.width, view.width) + gap - view.width;
    if (spot.y + spot.height > view.y + view.height) view.y = spot.y + spot.height + gap - view.height;
    show();
  }

  // -- the kernel, which draws ------------------------------------------------------------------------

  function ask(message) {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      silent.textContent = "The kernel does not answer: it is busy, or gone. If it is gone, run the cell again.";
    }, PATIENCE);
    model.send(message);
  }

  function answered() {
    clearTimeout(waiting);
    silent.textContent = "";
  }

  // -- spots -----------------------------------------------------------------------------------------

  const spots = () => model.get("spots");
  const spotOf = (id) => spots().find((each) => each.id === id);
  const markOf = (id) => [...stage.querySelectorAll(".tm-spot")].find((each) => each.dataset.id === id);

  function draw() {
    stage.innerHTML = model.get("svg"); // made and escaped by torchmagic
    picture = stage.querySelector("svg");
    size = { width: picture.viewBox.baseVal.width, height: picture.viewBox.baseVal.height };
    picture.setAttribute("role", "group");
    picture.setAttribute("preserveAspectRatio", "xMidYMid meet");
    picture.removeAttribute("width");
    picture.removeAttribute("height");
    picture.removeAttribute("style");
    const layer = document.createElementNS(SVG, "g");
    for (const spot of spots()) layer.append(markFor(spot));
    picture.append(layer);
    if (!spotOf(current)) current = spots().length ? spots()[0].id : null;
    tabTo(current);
    start();
    for (const button of bar.querySelectorAll("button[data-needs]")) {
      button.disabled = !model.get(button.dataset.needs);
    }
  }

  function markFor(spot) {
    const mark = document.createElementNS(SVG, "g");
    mark.classList.add("tm-spot", `tm-${spot.kind}`);
    mark.dataset.id = spot.id;
    mark.setAttribute("role", "button");
    mark.setAttribute("tabindex", "-1");
    mark.setAttribute("aria-label", spot.label);
    if (spot.kind !== "node") mark.setAttribute("aria-expanded", String(spot.kind === "open"));
    else mark.setAttribute("aria-pressed", String(spot.id === chosen));
    const title = document.createElementNS(SVG, "title");
    title.textContent = spot.kind === "node" ? spot.label : `${spot.label} (click to ${spot.kind === "open" ? "close" : "open"})`;
    const box = document.createElementNS(SVG, "rect");
    for (const key of ["x", "y", "width", "height"]) box.setAttribute(key, spot[key]);
    box.setAttribute("rx", 4);
    mark.append(title, box);
    if (spot.kind !== "node") mark.append(signFor(spot));
    return mark;
  }

  function signFor(spot) {
    const sign = document.createElementNS(SVG, "text");
    sign.classList.add("tm-sign");
    sign.setAttribute("x", spot.x + spot.width - (spot.kind === "open" ? 9 : 14));
    sign.setAttribute("y", spot.y + 13);
    sign.setAttribute("aria-hidden", "true");
    sign.textContent = spot.kind === "open" ? "−" : "+";
    return sign;
  }

  function tabTo(id) {
    for (const mark of stage.querySelectorAll(".tm-spot")) {
      mark.setAttribute("tabindex", mark.dataset.id === id ? "0" : "-1");
    }
    current = id;
  }

  function focus(id) {
    const mark = markOf(id);
    if (!mark) return;
    tabTo(id);
    bringIntoView(spotOf(id));
    mark.focus({ preventScroll: true });
  }

  function choose(id) {
    const spot = spotOf(id);
    if (!spot) return;
    tabTo(id);
    if (spot.kind === "node") {
      chosen = chosen === id ? null : id;
      tell();
    } else {
      ask({ kind: "toggle", id });
    }
  }

  function tell() {
    for (const mark of stage.querySelectorAll(".tm-node")) {
      mark.setAttribute("aria-pressed", String(mark.dataset.id === chosen));
    }
    const spot = chosen && spotOf(chosen);
    panel.replaceChildren();
    if (!spot) {
      panel.append(element("p", {}, "Choose a node to see its record: click, or arrow keys and Enter."));
      return;
    }
    const list = element("dl");
    for (const [what, value] of spot.facts) list.append(element("dt", {}, what), element("dd", {}, value));
    panel.append(list);
  }

  function nearest(spot, key) {
    const centre = (each) => ({ x: each.x + each.width / 2, y: each.y + each.height / 2 });
    const from = centre(spot);
    const [across, down] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
    let best = null;
    let least = Infinity;
    for (const each of spots()) {
      const to = centre(each);
      const along = (to.x - from.x) * across + (to.y - from.y) * down;
      const beside = Math.abs((to.x - from.x) * down) + Math.abs((to.y - from.y) * across);
      const far = along + 2 * beside;
      if (each.id !== spot.id && along > 1 && far < least) [best, least] = [each, far];
    }
    return best;
  }

  // -- mouse, touch, keys ----------------------------------------------------------------------------

  const fingers = new Map();
  let moved = 0;

  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    fingers.set(event.pointerId, event);
    moved = fingers.size > 1 ? Infinity : 0;
    if (!event.target.closest(".tm-spot")) {
      event.preventDefault();
      stage.focus({ preventScroll: true }); // so that keys are heard
    }
  });
  stage.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const scale = view.width / stage.getBoundingClientRect().width;
    if (fingers.size === 1) {
      moved += Math.abs(event.clientX - before.clientX) + Math.abs(event.clientY - before.clientY);
      if (moved > 4) {
        if (!stage.hasPointerCapture(event.pointerId)) stage.setPointerCapture(event.pointerId);
        pan((before.clientX - event.clientX) * scale, (before.clientY - event.clientY) * scale);
      }
    } else if (fingers.size === 2) {
      const other = [...fingers.values()].find((each) => each.pointerId !== event.pointerId);
      const apart = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY) || 1;
      const middle = { clientX: (event.clientX + other.clientX) / 2, clientY: (event.clientY + other.clientY) / 2 };
      zoom(apart(event) / apart(before), place(middle));
      pan(((before.clientX - event.clientX) / 2) * scale, ((before.clientY - event.clientY) / 2) * scale);
    }
    fingers.set(event.pointerId, event);
  });
  for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
    stage.addEventListener(name, (event) => fingers.delete(event.pointerId));
  }
  stage.addEventListener("click", (event) => {
    const mark = event.target.closest(".tm-spot");
    if (mark && moved <= 4) choose(mark.dataset.id);
  });
  stage.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.metaKey) return; // the page scrolls
      event.preventDefault();
      zoom(Math.exp(-event.deltaY / 300), place(event));
    },
    { passive: false },
  );
  stage.addEventListener("focusin", (event) => {
    const mark = event.target.closest(".tm-spot");
    if (mark) tabTo(mark.dataset.id);
    if (mark && mark.matches(":focus-visible")) bringIntoView(spotOf(mark.dataset.id));
  });
  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const mark = event.target.closest(".tm-spot");
    const moves = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
    const scale = view.width / stage.getBoundingClientRect().width;
    if (mark && (event.key === "Enter" || event.key === " ")) choose(mark.dataset.id);
    else if (moves[event.key] && mark && !event.shiftKey) {
      const next = nearest(spotOf(mark.dataset.id), event.key);
      if (next) focus(next.id);
    } else if (moves[event.key] && (event.target === stage || event.shiftKey)) pan(...moves[event.key].map((each) => each * scale));
    else if (mark && (event.key === "Home" || event.key === "End")) focus(spots().at(event.key === "Home" ? 0 : -1).id);
    else if (event.key === "+" || event.key === "=") zoom(ZOOM);
    else if (event.key === "-") zoom(1 / ZOOM);
    else if (event.key === "0") whole();
    else if (event.key === "Escape" && chosen) {
      chosen = null;
      tell();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });

  // -- buttons ---------------------------------------------------------------------------------------

  function button(text, label, act, needs = "") {
    const made = element("button", { type: "button", "aria-label": label, title: label }, text);
    if (needs) made.dataset.needs = needs;
    made.addEventListener("click", act);
    bar.append(made);
  }
  button("+", "Zoom in (+)", () => zoom(ZOOM));
  button("−", "Zoom out (-)", () => zoom(1 / ZOOM));
  button("Fit", "Show all of it (0)", whole);
  button("Open all", "Open all modules", () => ask({ kind: "all" }), "can_open");
  button("Close all", "Close all modules", () => ask({ kind: "none" }), "can_close");
  button("Reset", "Modules as at first", () => ask({ kind: "start" }));
  bar.append(element("span", { class: "tm-hint" }, "Drag to move, Ctrl + wheel to zoom"));
  bar.append(silent);

  // -- life ------------------------------------------------------------------------------------------

  function redraw() {
    answered();
    const had = root.contains(document.activeElement) && stage.contains(document.activeElement);
    draw();
    if (chosen && !spotOf(chosen)) chosen = null;
    tell();
    const wanted = model.get("focus");
    if (wanted && spotOf(wanted)) {
      if (had) focus(wanted);
      else tabTo(wanted);
    }
  }
  redraw();
  model.on("change:drawn", redraw);
  const observer = new ResizeObserver(resized);
  observer.observe(root);
  return () => {
    clearTimeout(waiting);
    observer.disconnect();
    model.off("change:drawn", redraw);
  };
}

export default { render };
