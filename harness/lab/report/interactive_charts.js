"use strict";

// Interactive charts: hover shows the values, dragging zooms, a double click or the button shows everything.
// Without this script, and on paper, the drawings of the page stand.

const COARSE_TIMES = [0.001, 0.01, 0.1, 1, 10, 60, 600, 3600, 36000];
const FINE_TIMES = [0.001, 1, 60, 3600].flatMap((unit) =>
  (unit === 0.001 ? [1, 2, 5, 10, 20, 50, 100, 200, 500] : unit === 3600 ? [1, 2, 5, 10] : [1, 2, 5, 10, 20, 30]).map((step) => step * unit));

function shortest(value) {
  for (const [unit, name] of [[3600, "h"], [60, "min"], [1, "s"]]) if (value >= unit) return `${+(value / unit).toPrecision(4)} ${name}`;
  return `${+(value * 1000).toPrecision(4)} ms`;
}

function duration(value) {
  if (value > 0 && value < 0.9995) return `${+(value * 1000).toPrecision(3)} ms`;
  if (value === 0) return "0";
  for (const [least, unit, name] of [[7200, 3600, "h"], [120, 60, "min"]]) if (value >= least) return `${+(value / unit).toPrecision(3)} ${name}`;
  return `${+value.toPrecision(3)} s`;
}

const FORMATS = {
  number: (value) => (+value.toPrecision(3)).toLocaleString("en-GB"),
  time: duration,
  percentile: (value) => `p${+(100 - 100 / value).toPrecision(5)}`,
};

const colourOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function ticksOf(axis, least, most) {
  if (axis.kind === "percentile") return axis.ticks.map(([at]) => at).filter((at) => at >= least && at <= most);
  const coarse = COARSE_TIMES.filter((at) => at >= least && at <= most);
  return coarse.length >= 3 ? coarse : FINE_TIMES.filter((at) => at >= least && at <= most);
}

function axisOptions(axis) {
  const options = {
    label: axis.label, labelSize: 22, size: axis.vertical ? 58 : 34, labelFont: "12px system-ui", font: "12px system-ui",
    stroke: colourOf("--soft"), grid: { stroke: colourOf("--rule"), width: 1 }, ticks: { stroke: colourOf("--axis"), width: 1, size: 5 },
  };
  if (axis.kind === "number") options.values = (_, at) => at.map((one) => Math.abs(one).toLocaleString("en-GB"));
  else {
    if (axis.log) {
      options.splits = (_, _index, least, most) => ticksOf(axis, least, most);
      options.filter = (_, splits) => splits;
    }
    options.values = (_, at) => at.map(axis.kind === "percentile" ? FORMATS.percentile : axis.log ? shortest : duration);
  }
  return options;
}

function seriesOptions(one, axis) {
  const show = (value) => (value === null || value === undefined ? "" : FORMATS[axis.kind](value));
  return {
    label: one.label, stroke: colourOf(one.colour), width: one.width, spanGaps: true, points: { show: one.marked, size: 5 },
    dash: one.dashed ? [6, 4] : undefined, paths: one.step ? uPlot.paths.stepped({ align: one.step }) : undefined,
    value: (_, value) => show(value),
  };
}

// Bands lie under the lines, thresholds over them.
function decoration(spec) {
  const each = (chart, items, draw) => {
    const { ctx, bbox } = chart;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    items.forEach((item) => draw(ctx, bbox, item));
    ctx.restore();
  };
  return {
    hooks: {
      drawClear: (chart) => each(chart, spec.bands, (ctx, bbox, band) => {
        const left = chart.valToPos(band.from, "x", true), right = chart.valToPos(band.to, "x", true);
        ctx.fillStyle = colourOf(band.colour);
        ctx.fillRect(left, bbox.top, right - left, bbox.height);
      }),
      draw: (chart) => each(chart, spec.thresholds, (ctx, bbox, line) => {
        const y = chart.valToPos(line.at, "y", true);
        ctx.strokeStyle = ctx.fillStyle = colourOf("--ink");
        ctx.lineWidth = devicePixelRatio;
        ctx.setLineDash([devicePixelRatio, 2 * devicePixelRatio]);
        ctx.beginPath();
        ctx.moveTo(bbox.left, y);
        ctx.lineTo(bbox.left + bbox.width, y);
        ctx.stroke();
        ctx.font = `${12 * devicePixelRatio}px system-ui`;
        ctx.textAlign = "right";
        const hasRoom = y - bbox.top > 18 * devicePixelRatio;
        ctx.fillText(line.label, bbox.left + bbox.width - 4 * devicePixelRatio, y + (hasRoom ? -5 : 14) * devicePixelRatio);
      }),
    },
  };
}

function yRange(spec) {
  // Thresholds stay in sight. A logarithmic axis of times needs room at both ends.
  return (_, low, high) => {
    const values = [low, high, ...spec.thresholds.map((line) => line.at)].filter((value) => value !== null && Number.isFinite(value));
    if (!values.length) return spec.yAxis.log ? [0.1, 10] : [0, 1];
    const least = Math.min(...values), most = Math.max(...values);
    if (spec.yAxis.log) return [Math.max(least, 1e-6) / 1.3, Math.max(most, 1e-6) * 1.4];
    return [Math.min(0, least), most > 0 ? most * 1.08 : 1];
  };
}

function drawChart(holder, spec, height, onZoom) {
  const all = [spec.x[0], spec.x[spec.x.length - 1]];
  const options = {
    width: Math.max(holder.clientWidth, 200), height,
    plugins: [decoration(spec)],
    cursor: { drag: { x: true, y: false, uni: 12 }, focus: { prox: 24 }, points: { size: 7 } },
    scales: {
      x: { time: false, distr: spec.xAxis.log ? 3 : 1, range: (_, low, high) => [low ?? all[0], high ?? all[1]] },
      y: { distr: spec.yAxis.log ? 3 : 1, range: yRange(spec) },
    },
    axes: [axisOptions(spec.xAxis), axisOptions({ ...spec.yAxis, vertical: true })],
    series: [{ label: spec.xAxis.kind === "percentile" ? "percentile" : spec.xAxis.label, value: (_, value) => (value === null || value === undefined ? "" : FORMATS[spec.xAxis.kind](value)) },
      ...spec.series.map((one) => seriesOptions(one, spec.yAxis))],
    hooks: { setScale: [(chart, key) => {
      if (key === "x" && onZoom) onZoom(chart.scales.x.min > all[0] || chart.scales.x.max < all[1]);
    }] },
  };
  // A logarithmic axis has no place for 0.
  const positive = (values) => (spec.yAxis.log ? values.map((value) => (value > 0 ? value : null)) : values);
  return new uPlot(options, [spec.x, ...spec.series.map((one) => positive(one.values))], holder);
}

function makeInteractive(figure) {
  const spec = JSON.parse(figure.querySelector("script[type='application/json']").textContent);
  const holder = document.createElement("div"), reset = document.createElement("button");
  holder.className = "interactive";
  reset.type = "button";
  reset.textContent = "Show the whole run";
  reset.hidden = true;
  reset.className = "reset";
  figure.prepend(reset, holder);
  figure.classList.add("has-interactive");
  const height = () => (holder.clientWidth < 500 ? 240 : Math.min(Number(figure.dataset.height) || 300, 360));
  let chart = null;
  const draw = () => {
    if (chart) chart.destroy();
    chart = drawChart(holder, spec, height(), (zoomed) => { reset.hidden = !zoomed; });
  };
  reset.addEventListener("click", () => chart.setScale("x", { min: spec.x[0], max: spec.x[spec.x.length - 1] }));
  draw();
  new ResizeObserver(() => {
    if (holder.clientWidth && holder.clientWidth !== chart.width) chart.setSize({ width: holder.clientWidth, height: height() });
  }).observe(holder);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}

// A chart is drawn when it comes near the window: a long page opens at once.
const nearby = new IntersectionObserver((entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => {
  nearby.unobserve(entry.target);
  makeInteractive(entry.target);
}), { rootMargin: "400px" });
document.querySelectorAll("figure[data-interactive]").forEach((figure) => nearby.observe(figure));
