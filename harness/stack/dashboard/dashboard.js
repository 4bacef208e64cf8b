"use strict";

const SVG = "http://www.w3.org/2000/svg";
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

// A live region speaks when it changes: what has not changed is left alone.
function say(id, text) {
  if (byId(id).textContent !== text) byId(id).textContent = text;
}

function fill(id, items, draw, otherwise) {
  const drawn = items.map(draw);
  if (!drawn.length && otherwise) drawn.push(otherwise);
  byId(id).replaceChildren(...drawn);
}

const none = (text, tag = "li") => element(tag, text, "soft");
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
  const unwell = now.checks.filter((one) => !one.well).map((one) => one.name);
  const firing = now.alarms.filter((one) => one.state === "ALARM");
  if (ended.length) return `Ended: ${ended.join(", ")}.`;
  if (unwell.length) return `Not well: ${unwell.join(", ")}.`;
  if (now.troubles.length) return "A part of the stack does not answer.";
  return firing.length ? `Running, with ${count(firing.length, "alarm")}.` : "Everything runs, no alarm.";
}

function facts(now) {
  const work = now.mode === "real" ? "real work" : "modelled work";
  const pace = now.time_scale === 1 ? "" : `, ${now.time_scale} model seconds a second`;
  return `${work}${pace} · ${now.engine}`;
}

function sparkline(history) {
  const picture = document.createElementNS(SVG, "svg");
  picture.setAttribute("viewBox", "0 0 100 40");
  picture.setAttribute("preserveAspectRatio", "none");
  picture.setAttribute("aria-hidden", "true");
  const top = Math.max(...history.filter((value) => value !== null), 1e-9);
  const x = (index) => (index / (history.length - 1)) * 100;
  let pen = "";
  history.forEach((value, index) => {
    if (value !== null) pen += `${pen ? "L" : "M"}${x(index).toFixed(2)} ${(39 - (value / top) * 37).toFixed(2)}`;
  });
  // A line of one point has no length; a stroke with round ends shows it.
  if (pen && !pen.includes("L")) pen += "h0.01";
  const floor = document.createElementNS(SVG, "line");
  for (const [name, value] of Object.entries({ x1: 0, x2: 100, y1: 39.5, y2: 39.5 })) floor.setAttribute(name, value);
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", pen);
  picture.append(floor, path);
  return picture;
}

function measure(one) {
  const box = element("div", undefined, "measure");
  const value = one.value === null ? "–" : one.kind === "histogram" ? span(one.value) : one.value.toLocaleString();
  const name = element("h3");
  // A long name may break after its underscores.
  one.name.split(/(?<=_)/).forEach((word) => name.append(word, element("wbr")));
  box.append(name, element("p", value, "value"), element("p", one.about, "soft"), sparkline(one.history));
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

function move(one) {
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
  const alive = element("td", one.alive ? "✓ runs" : "▲ ended", `tag ${one.alive ? "good" : "bad"}`);
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

function once(id, items, draw) {
  const told = JSON.stringify(items);
  if (byId(id).dataset.told === told) return;
  byId(id).dataset.told = told;
  fill(id, items, draw);
}

function show(now) {
  document.body.classList.remove("stale");
  say("sentence", sentence(now));
  say("facts", `up ${span(now.at - now.started_at)} · ${facts(now)}`);
  once("troubles", now.troubles, (text) => element("li", text));
  once("links", now.links, link);
  fill("measures", now.measures, measure);
  say("running", now.running ? `${count(now.running, "execution")} under way, by the state each is in.` : "None: the pipeline is idle.");
  fill("states", Object.entries(now.states), state);
  once("alarms", now.alarms, alarm);
  fill("moves", now.moves, move, none("No alarm has changed its state."));
  fill("queues", now.queues, queue);
  fill("processes", now.processes, process);
  say("checks", now.checks.map((one) => `${one.well ? "✓" : "▲"}\u00a0${one.name}: ${one.words}`).join(" · "));
  fill("failures", now.failures, failure, none("No execution has failed."));
}

const events = new EventSource("events");
events.onmessage = (event) => show(JSON.parse(event.data));
events.onerror = () => {
  document.body.classList.add("stale");
  say("sentence", "The stack does not answer: it has probably been stopped.");
};
