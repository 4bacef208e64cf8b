"use strict";

const ALARMS = {
  OK: ["✓ OK", "good"],
  ALARM: ["▲ ALARM", "bad"],
  INSUFFICIENT_DATA: ["… INSUFFICIENT_DATA", "unsure"],
};
const byId = (id) => document.getElementById(id);

function element(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

// A screen reader reads a live region when it changes: an unchanged text is not set again.
function setText(id, text) {
  if (byId(id).textContent !== text) byId(id).textContent = text;
}

function fill(id, items, draw, placeholder) {
  const drawn = items.map(draw);
  if (!drawn.length && placeholder) drawn.push(placeholder);
  byId(id).replaceChildren(...drawn);
}

const placeholder = (text) => element("li", text, "soft");
const count = (number, one, many = `${one}s`) => `${number} ${number === 1 ? one : many}`;
const clock = (epoch) => new Date(epoch * 1000).toLocaleTimeString("en-GB");

function span(seconds) {
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

function memory(bytes) {
  const mebibytes = bytes / 2 ** 20;
  return mebibytes < 1024 ? `${Math.round(mebibytes)} MiB` : `${(mebibytes / 1024).toFixed(1)} GiB`;
}

function sentence(now) {
  const ended = now.processes.filter((one) => !one.alive).map((one) => one.name);
  const unhealthy = now.checks.filter((one) => !one.healthy).map((one) => one.name);
  const firing = now.alarms.filter((one) => one.state === "ALARM");
  if (ended.length) return `Ended: ${ended.join(", ")}.`;
  if (unhealthy.length) return `Not healthy: ${unhealthy.join(", ")}.`;
  if (now.problems.length) return "A part of the stack does not answer.";
  return firing.length ? `Running, with ${count(firing.length, "alarm")}.` : "All parts run, no alarm.";
}

function facts(now) {
  const work = now.mode === "real" ? "real work" : "modelled work";
  const pace = now.time_scale === 1 ? "" : `, ${now.time_scale} model seconds a second`;
  return `${work}${pace} · ${now.engine}`;
}

function measure(one) {
  const box = element("div", undefined, "measure");
  const value = one.value === null ? "–" : one.kind === "histogram" ? span(one.value) : one.value.toLocaleString();
  const name = element("h3");
  // A long name may break after its underscores.
  one.name.split(/(?<=_)/).forEach((word) => name.append(word, element("wbr")));
  box.append(name, element("p", value, "value"), element("p", one.about, "soft"));
  return box;
}

function state([name, number], _, all) {
  const box = element("div", undefined, "state");
  const bar = element("dd", undefined, "bar");
  const length = element("span");
  length.style.width = `${(number / all[0][1]) * 100}%`;
  bar.append(length);
  bar.setAttribute("aria-hidden", "true");
  box.append(element("dt", name), element("dd", number.toLocaleString()), bar);
  return box;
}

function alarm(one) {
  const item = element("li");
  item.append(element("span", one.name), element("span", ALARMS[one.state][0], `tag ${ALARMS[one.state][1]}`), element("span", one.rule, "rule"));
  return item;
}

function change(one) {
  const item = element("li");
  item.append(element("span", ALARMS[one.state][0], `tag ${ALARMS[one.state][1]}`), ` ${clock(one.at)} ${one.alarm}`, element("div", one.reason, "clipped"));
  return item;
}

function row(name, ...cells) {
  const line = element("tr");
  const head = element("th", name);
  head.scope = "row";
  line.append(head, ...cells.map((cell) => (cell instanceof Node ? cell : element("td", cell))));
  return line;
}

function queue(one) {
  const dead = one.takes_dead_letters && one.waiting > 0;
  const waiting = element("td", dead ? `▲ ${one.waiting}` : one.waiting.toLocaleString(), dead ? "tag bad" : "");
  return row(one.name, waiting, one.in_flight.toLocaleString(), one.delayed.toLocaleString());
}

function process(one) {
  const alive = element("td", one.alive ? "✓ running" : "▲ ended", `tag ${one.alive ? "good" : "bad"}`);
  const cpu = one.cpu === null ? "–" : `${Math.round(one.cpu * 100)} %`;
  return row(one.name, alive, one.pid ? String(one.pid) : "–", cpu, memory(one.memory_bytes));
}

function failure(one) {
  const item = element("li");
  const job = one.job ? `, job ${one.job}` : "";
  item.append(element("strong", `${one.state || "execution"}: ${one.error}`), ` ${clock(one.at)}${job}, batch ${one.batch}`);
  if (one.message) item.append(element("div", one.message, "clipped"));
  return item;
}

function link(one) {
  const item = element("li");
  const anchor = element("a", one.name);
  anchor.href = one.url;
  item.append(one.open ? anchor : `${one.name}: opens with “harness load SCENARIO --ui”`);
  return item;
}

function fillIfChanged(id, items, draw) {
  const shown = JSON.stringify(items);
  if (byId(id).dataset.shown === shown) return;
  byId(id).dataset.shown = shown;
  fill(id, items, draw);
}

function show(now) {
  document.body.classList.remove("stale");
  setText("sentence", sentence(now));
  setText("facts", `up ${span(now.at - now.started_at)} · ${facts(now)}`);
  fillIfChanged("problems", now.problems, (text) => element("li", text));
  fillIfChanged("links", now.links, link);
  showRecentSeries(now.recent_series);
  fill("measures", now.measures, measure);
  setText("running", now.running ? `${count(now.running, "execution")}, by current state.` : "None: the pipeline is idle.");
  fill("states", Object.entries(now.states), state);
  fillIfChanged("alarms", now.alarms, alarm);
  fill("changes", now.changes, change, placeholder("No alarm has changed its state."));
  fill("queues", now.queues, queue);
  fill("processes", now.processes, process);
  setText("checks", now.checks.map((one) => `${one.healthy ? "✓" : "▲"}\u00a0${one.name}: ${one.detail}`).join(" · "));
  fill("failures", now.failures, failure, placeholder("No execution has failed."));
}

const CHARTS = {
  rates: ["number", [["begun", "created_per_s", "--series-6", 2.6], ["READY", "ready_per_s", "--series-1", 1.6], ["FAILED", "failed_per_s", "--series-2", 1.6]]],
  times: ["time", [["p99", "p99_s", "--series-2", 2.6], ["p95", "p95_s", "--series-1", 1.6], ["p50", "p50_s", "--series-3", 1.2]]],
  "in-flight": ["number", [["jobs", "in_flight", "--series-1", 1.6]]],
};
const CHART_HEIGHT = 150;
const charts = {};

function chartOf(id, recent) {
  const [kind, series] = CHARTS[id];
  const spec = {
    x: recent.minutes, bands: [], thresholds: [],
    xAxis: { label: "minutes ago", kind: "number", log: false }, yAxis: { label: "", kind, log: false },
    series: series.map(([label, key, colour, width]) => ({ label, colour, width, dashed: false, step: kind === "time" ? 0 : -1, marked: kind === "time", values: recent[key] })),
  };
  return drawChart(byId(id), spec, CHART_HEIGHT);
}

function showRecentSeries(recent) {
  if (!recent) return;
  for (const [id, [, series]] of Object.entries(CHARTS)) {
    if (charts[id]) charts[id].setData([recent.minutes, ...series.map(([, key]) => recent[key])]);
    else charts[id] = chartOf(id, recent);
  }
}

addEventListener("resize", () => Object.entries(charts).forEach(([id, chart]) => chart.setSize({ width: byId(id).clientWidth, height: CHART_HEIGHT })));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => Object.keys(charts).forEach((id) => {
  charts[id].destroy();
  delete charts[id];
}));

const events = new EventSource("events");
events.onmessage = (event) => show(JSON.parse(event.data));
events.onerror = () => {
  document.body.classList.add("stale");
  setText("sentence", "The stack does not answer: it has probably been stopped.");
};
