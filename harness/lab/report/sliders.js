"use strict";

// Sliders over simulated points: each position is one point, and only its recorded texts are shown.
// Without this script, and on paper, the table of all points stands.

function connectSliders(figure) {
  const grid = JSON.parse(figure.querySelector("script[type='application/json']").textContent);
  const inputs = [...figure.querySelectorAll("input")], outputs = [...figure.querySelectorAll("output")];
  const part = (name) => figure.querySelector(`.${name}`), place = (element, left) => { element.style.left = `${left}%`; };
  const table = figure.nextElementSibling, button = figure.querySelector("button");

  const show = () => {
    const index = inputs.reduce((sum, input, axis) => sum * grid.axes[axis].length + Number(input.value), 0);
    const point = grid.points[index];
    inputs.forEach((input, axis) => {
      const text = grid.axes[axis][Number(input.value)];
      outputs[axis].textContent = text;
      input.setAttribute("aria-valuetext", text);
    });
    figure.querySelectorAll("[data-text]").forEach((element) => { element.textContent = point[element.dataset.text]; });
    part("answer").dataset.tone = point.tone;
    part("interval").hidden = part("value").hidden = point.value === null;
    if (point.value === null) return;
    place(part("interval"), point.low);
    part("interval").style.width = `${Math.max(point.high - point.low, 0.4)}%`;
    place(part("value"), point.value);
  };

  const limit = part("limit");
  limit.hidden = grid.limit === null;
  if (grid.limit !== null) {
    place(limit, grid.limit);
    limit.dataset.label = grid.limitText;
    limit.classList.toggle("labelled-left", grid.limit > 50);
  }
  part("scale").replaceChildren(...grid.ends.map((text) => {
    const span = document.createElement("span");
    span.textContent = text;
    return span;
  }));
  inputs.forEach((input) => input.addEventListener("input", show));
  button.addEventListener("click", () => {
    const isShown = table.classList.toggle("shown");
    button.setAttribute("aria-expanded", String(isShown));
    button.textContent = isShown ? "Hide the table" : "Show all points as a table";
  });
  figure.hidden = false;
  table.classList.add("optional");
  show();
}

document.querySelectorAll("figure[data-sliders]").forEach(connectSliders);
