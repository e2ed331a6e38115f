"use strict";
// Read-out of the charts by pointer, touch and keyboard; one line of many brought out by its legend; candidates of a
// search brought out in all panels; copying of commands; pausing of animations.

const SVG = "http://www.w3.org/2000/svg"; // a name, not an address: nothing is fetched

function nearest(sorted, value) {
  let low = 0, high = sorted.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (sorted[middle] <= value) low = middle; else high = middle;
  }
  return value - sorted[low] <= sorted[high] - value ? low : high;
}

function readable(figure) {
  const data = JSON.parse(figure.querySelector("script").textContent);
  const plot = figure.querySelector(".plot"), svg = plot.querySelector("svg"), cursor = svg.querySelector(".cursor");
  const values = [...figure.querySelectorAll(".legend .value")], defaults = values.map(v => v.textContent);
  const at = figure.querySelector(".at"), legend = figure.querySelector(".legend");
  const [low, high, start, end] = data.x;
  const steps = [...new Set(data.series.flatMap(s => s.steps))].sort((a, b) => a - b);
  if (!steps.length) return;
  const dots = data.series.map((_, i) => {
    const dot = document.createElementNS(SVG, "circle");
    dot.setAttribute("class", "marker");
    dot.setAttribute("r", "4.5");
    dot.style.visibility = "hidden";
    svg.querySelectorAll(".series")[i].append(dot);
    return dot;
  });
  let current = steps.length - 1;
  const place = step => start + (step - low) / (high - low) * (end - start);

  function show(index) {
    current = Math.max(0, Math.min(steps.length - 1, index));
    const step = steps[current];
    cursor.setAttribute("x1", place(step));
    cursor.setAttribute("x2", place(step));
    cursor.style.visibility = "visible";
    data.series.forEach((series, i) => {
      if (!series.steps.length) return;
      const k = nearest(series.steps, step), apart = series.steps[k] !== step;
      values[i].textContent = series.text[k] + (apart ? ` · at ${series.steps[k].toLocaleString("en")}` : "");
      dots[i].setAttribute("cx", place(series.steps[k]));
      dots[i].setAttribute("cy", series.at[k]);
      dots[i].style.visibility = "visible";
    });
    let said = `at ${step.toLocaleString("en")} ${data.unit}`;
    const only = data.series[0];
    if (only.seeds) {
      const k = nearest(only.steps, step);
      said += Object.entries(only.seeds).map(([seed, seen]) => ` · seed ${seed}: ${seen[k]}`).join("");
    }
    at.textContent = said;
  }

  function hide() {
    cursor.style.visibility = "hidden";
    dots.forEach(dot => { dot.style.visibility = "hidden"; });
    values.forEach((value, i) => { value.textContent = defaults[i]; });
    at.textContent = at.dataset.default;
  }

  plot.addEventListener("pointermove", event => {
    const box = svg.getBoundingClientRect();
    const across = (event.clientX - box.left) / box.width * svg.viewBox.baseVal.width;
    show(nearest(steps, low + (across - start) / (end - start) * (high - low)));
  });
  plot.addEventListener("pointerleave", event => { if (event.pointerType === "mouse") hide(); });
  plot.addEventListener("keydown", event => {
    const far = event.shiftKey ? 10 : 1;
    const to = { ArrowLeft: current - far, ArrowRight: current + far, Home: 0, End: steps.length - 1 }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      legend.setAttribute("aria-live", "polite");
      show(to);
    } else if (event.key === "Escape") hide();
  });
  plot.addEventListener("blur", () => { legend.removeAttribute("aria-live"); hide(); });
}

function pickable(figure) {
  const svg = figure.querySelector(".plot svg"), series = [...svg.querySelectorAll(".series")];
  const entries = [...figure.querySelectorAll(".legend .arm-entry")];
  if (entries.length < 2) return;
  let held = -1; // the entry that a click holds until the next
  function pick(index) {
    svg.classList.toggle("picking", index >= 0);
    series.forEach((group, i) => group.classList.toggle("picked", i === index));
    entries.forEach((entry, i) => entry.classList.toggle("picked", i === held));
  }
  entries.forEach((entry, i) => {
    entry.title = "Point at it or click to bring out its line";
    entry.addEventListener("pointerenter", event => { if (event.pointerType === "mouse") pick(i); });
    entry.addEventListener("pointerleave", () => pick(held));
    entry.addEventListener("click", () => { held = held === i ? -1 : i; pick(held); });
  });
}

function copyable(button) {
  const code = button.parentElement.querySelector("code");
  button.hidden = false;
  button.addEventListener("click", async () => {
    let copied = true;
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch { // a page opened from disk may lack the right: then the old way
      getSelection().selectAllChildren(code);
      copied = document.execCommand("copy");
    }
    button.textContent = copied ? "Copied" : "Press Ctrl+C";
    setTimeout(() => { button.textContent = "Copy"; }, 1600);
  });
}

function pausable(image) {
  const button = document.createElement("button");
  const still = document.createElement("canvas");
  button.type = "button";
  still.className = image.className;
  still.hidden = true;
  still.style.display = "none";
  image.after(still);
  image.closest("figure").append(button);
  function play(playing) {
    if (!playing) {
      still.width = image.naturalWidth;
      still.height = image.naturalHeight;
      still.getContext("2d").drawImage(image, 0, 0);
    }
    still.style.display = playing ? "none" : "block";
    image.style.display = playing ? "block" : "none";
    button.textContent = playing ? "Pause" : "Play";
    button.dataset.playing = playing;
  }
  play(!matchMedia("(prefers-reduced-motion: reduce)").matches);
  button.addEventListener("click", () => play(button.dataset.playing !== "true"));
}

function searchable(figure) {
  const data = JSON.parse(figure.querySelector("script").textContent);
  const panels = figure.querySelector(".panels"), at = figure.querySelector(".at");
  const drawings = [...panels.querySelectorAll("svg")], pointers = drawings.map(svg => svg.querySelector(".pointer"));
  let current = -1; // the candidate that is brought out, in all panels at once

  function show(index) {
    current = Math.max(0, Math.min(data.said.length - 1, index));
    pointers.forEach((pointer, i) => {
      const [across, down] = data.panels[i][current];
      pointer.setAttribute("cx", across);
      pointer.setAttribute("cy", down);
      pointer.style.visibility = "visible";
    });
    at.textContent = data.said[current];
  }

  function hide() {
    current = -1;
    pointers.forEach(pointer => { pointer.style.visibility = "hidden"; });
    at.textContent = at.dataset.default;
  }

  drawings.forEach((svg, i) => svg.addEventListener("pointermove", event => {
    const box = svg.getBoundingClientRect(), size = svg.viewBox.baseVal.width / box.width;
    const x = (event.clientX - box.left) * size, y = (event.clientY - box.top) * size;
    const far = data.panels[i].map(([across, down]) => (across - x) ** 2 + (down - y) ** 2);
    show(far.indexOf(Math.min(...far)));
  }));
  panels.addEventListener("pointerleave", event => { if (event.pointerType === "mouse") hide(); });
  panels.addEventListener("keydown", event => {
    const last = data.said.length - 1;
    const to = { ArrowLeft: current - 1, ArrowRight: current + 1, Home: 0, End: last }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      at.setAttribute("aria-live", "polite");
      show(to);
    } else if (event.key === "Escape") hide();
  });
  panels.addEventListener("blur", () => { at.removeAttribute("aria-live"); hide(); });
}

// A drawing comes to life when somebody first gets to it: hundreds of them would keep the page from opening.
const alive = new WeakSet();
function wake(event) {
  const figure = event.target.closest?.(".chart-figure, .search-figure");
  if (!figure || alive.has(figure)) return;
  alive.add(figure);
  if (figure.matches(".chart-figure")) {
    readable(figure);
    pickable(figure);
  } else searchable(figure);
}
addEventListener("pointerover", wake);
addEventListener("focusin", wake);

document.querySelectorAll(".copy").forEach(copyable);
document.querySelectorAll("img[data-animated]").forEach(image => image.decode().then(() => pausable(image), () => pausable(image)));

// What is folded up is text until somebody looks: it would be most of the page's elements.
function unfold(details) {
  const dormant = details.querySelector(":scope > .charts > script[type='text/plain']");
  if (dormant) dormant.parentElement.innerHTML = dormant.textContent.replaceAll("<\\/script", "</script");
}
document.querySelectorAll(".folded").forEach(each => each.addEventListener("toggle", () => unfold(each)));

// A film shows its first picture once it comes near.
const nearing = new IntersectionObserver(seen => seen.filter(each => each.isIntersecting).forEach(({ target }) => {
  target.preload = "metadata";
  nearing.unobserve(target);
}), { rootMargin: "400px" });
document.querySelectorAll("video").forEach(video => nearing.observe(video));

// Paper cannot unfold: print everything that is folded, and fold it again afterwards.
addEventListener("beforeprint", () => document.querySelectorAll("details:not([open])").forEach(d => {
  unfold(d); // at once: the event of its opening comes too late
  d.open = true;
  d.dataset.folded = "";
}));
addEventListener("afterprint", () => document.querySelectorAll("details[data-folded]").forEach(d => { d.open = false; delete d.dataset.folded; }));
