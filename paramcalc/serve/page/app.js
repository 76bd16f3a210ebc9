// What happens on the page with an editor. `backend` answers: it is Python behind HTTP, or in a worker.
import { makeEditor } from "./editor.js";

const PAUSE = 40; // milliseconds after a key before a table is asked for
const REST = 500; // and after a table before the slower parts are
const SLOW = 700; // after which a run can be stopped by a button
const GIVEN_UP = 4000; // after which a run gives way to a newer text
const FIRST_LINES = 40; // groups are open to the depth that gives at most so many lines
const MORE = 300; // lines that are drawn at once
const LARGEST = 1 << 24; // characters that a link may unpack to
const ORDER = ["table", "completions", "bring", "fixes", "claims", "page"];

const at = id => document.getElementById(id);
const digits = text => text.replace(/\B(?=(\d{3})+$)/g, ",");

function node(name, settings = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(settings)) key in made ? made[key] = value : made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// One question at a time; of each kind the newest waits, and an earlier one is answered with nothing.
class Lane {
  constructor(lane, busy) { Object.assign(this, { lane, busy, waiting: new Map(), running: null, warm: false }); }
  ask(kind, version, question) {
    this.waiting.get(kind)?.done(null);
    return new Promise((done, failed) => {
      this.waiting.set(kind, { kind, version, question, done, failed });
      const { running } = this; // what a cold Python needs to start is not the text's fault
      const slow = this.warm && running && performance.now() - running.since > GIVEN_UP;
      if (slow && running.version !== version) this.stop(); else this.next();
    });
  }
  drop() {
    for (const one of this.waiting.values()) one.done(null);
    this.waiting.clear();
  }
  async next() {
    if (this.running || !this.waiting.size) return;
    const kind = ORDER.find(one => this.waiting.has(one)), run = this.waiting.get(kind);
    this.waiting.delete(kind);
    run.since = performance.now();
    this.running = run;
    const timer = setTimeout(() => this.busy(this, true), SLOW);
    try {
      const reply = await run.question(this.lane);
      if (reply.error && !("text" in reply)) throw Error(reply.error);
      this.warm = !reply.stopped;
      run.done(reply.stopped ? null : reply);
    } catch (error) { run.failed(error); }
    clearTimeout(timer);
    await this.stopping; // or it would end the next one
    this.busy(this, false);
    this.running = null;
    this.next();
  }
  stop() { if (this.running) this.stopping = Promise.resolve(this.lane.stop()).catch(() => {}); }
}

// A text in an address: deflated, in the letters that an address can have.
async function packed(text) {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("deflate-raw"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  let letters = "";
  for (const byte of bytes) letters += String.fromCharCode(byte);
  return btoa(letters).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

async function unpacked(letters) {
  const bytes = Uint8Array.from(atob(letters.replaceAll("-", "+").replaceAll("_", "/")), letter => letter.charCodeAt(0));
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw")).getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (let part; !(part = await reader.read()).done;) {
    text += decoder.decode(part.value, { stream: true });
    if (text.length > LARGEST) throw RangeError("too long");
  }
  return text + decoder.decode();
}

export function start(backend) {
  const busy = new Set();
  const marked = (lane, on) => {
    busy[on ? "add" : "delete"](lane);
    at("stop").hidden = !busy.size;
    if (on) say("still running");
    else if (!busy.size && at("status").textContent === "still running") say("");
  };
  const quick = new Lane(backend.lane("quick"), marked), slow = new Lane(backend.lane("slow"), marked);
  const toggled = new Map();
  let version = 0, name = "", variant = "", good = "", rows = [], limit = MORE, problems = [], timer, rest;

  const say = text => { at("status").textContent = text; };
  const failed = error => say(`no answer: ${error.message}`);
  const settings = more => ({ name, variant, ...more });
  const editor = makeEditor(at("editor"), {
    changed: () => { version++; clearTimeout(timer); clearTimeout(rest); slow.drop(); timer = setTimeout(update, PAUSE); },
    complete: async (text, offset) => {
      const asked = version;
      const reply = await quick.ask("completions", asked, lane => lane.answer(text, settings({ parts: ["completions"], offset, earlier: good })));
      return asked === version ? reply?.completions : null;
    },
  });

  // ------------------------------------------------------------------------------ the table

  async function update() {
    const asked = version, text = editor.text();
    try {
      const reply = await quick.ask("table", asked, lane => lane.answer(text, settings({ parts: ["table"] })));
      if (!reply) { if (asked === version) say("stopped: change the spec to run it again"); return; }
      if (asked !== version) return;
      if (/^(no answer|stopped)/.test(at("status").textContent)) say("");
      show(reply, text);
      rest = setTimeout(() => later(asked, text).catch(failed), REST);
    } catch (error) { failed(error); }
  }

  function show(reply, text) {
    put(reply.problems);
    const { table } = reply;
    document.querySelector(".right").classList.toggle("stale", !table);
    if (!table) return;
    choose(reply.variants);
    good = text;
    editor.hint(table.hints);
    at("title").textContent = table.title;
    at("inputs").textContent = table.inputs;
    const totals = Object.entries(table.totals).map(([key, count]) => node("div", {}, table.titles[key], node("b", { "data-quantity": key }, digits(count))));
    at("totals").replaceChildren(...totals);
    const heads = ["layer", "op", "output", ...table.columns].map(head => node("th", {}, head));
    at("table").tHead.replaceChildren(node("tr", {}, ...heads));
    rows = table.rows;
    lines();
  }

  function choose(variants) {
    at("variants").hidden = !variants.length;
    const select = at("variant"), known = [...select.options].map(option => option.value);
    if (["", ...variants].join("\n") !== known.join("\n"))
      select.replaceChildren(...["", ...variants].map(one => node("option", { value: one }, one || "as written")));
    if (!variants.includes(variant)) variant = "";
    select.value = variant;
  }

  // The lines of open groups, as many as somebody reads.
  function lines() {
    const counts = [];
    for (const [depth] of rows) counts[depth] = (counts[depth] || 0) + 1;
    let deepest = 0;
    for (let sum = counts[0] || 0; deepest + 1 < counts.length && sum + counts[deepest + 1] <= FIRST_LINES; sum += counts[++deepest]);
    const focused = document.activeElement?.closest("#table") && document.activeElement.dataset.key;
    const drawn = [], above = [];
    let shut = Infinity, hidden = 0;
    rows.forEach((row, place) => {
      const [depth, label, times, call, output, , , , line, auxiliary] = row;
      above.length = depth;
      above.push(label);
      if (depth <= shut) shut = Infinity;
      if (shut < Infinity) return;
      const key = above.join("/"), group = place + 1 < rows.length && rows[place + 1][0] > depth;
      const open = group && (toggled.get(key) ?? depth < deepest);
      if (group && !open) shut = depth;
      if (drawn.length >= limit) { hidden++; return; }
      const button = node("button", { type: "button", "data-key": key }, (group ? (open ? "▾ " : "▸ ") : "") + (times > 1 ? `${label} × ${times}` : label));
      if (group) button.setAttribute("aria-expanded", open);
      button.onclick = () => { if (group) { toggled.set(key, !open); lines(); } else if (line) editor.line(line); };
      const first = node("td", {}, button);
      first.style.paddingLeft = `${depth + .3}em`;
      drawn.push(node("tr", { className: auxiliary ? "aux" : "" }, first, ...[call, output, ...row.slice(5, 8).map(digits)].map(text => node("td", {}, text))));
    });
    at("table").tBodies[0].replaceChildren(...drawn);
    at("more").hidden = !hidden;
    at("more").textContent = `${digits(String(hidden))} more lines`;
    if (focused) [...at("table").querySelectorAll("button")].find(one => one.dataset.key === focused)?.focus();
  }

  at("table").addEventListener("keydown", event => {
    const button = event.target.closest("button"), step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!button) return;
    const all = [...at("table").querySelectorAll("button")], open = button.getAttribute("aria-expanded");
    if (step) all[all.indexOf(button) + step]?.focus();
    else if ((event.key === "ArrowRight" && open === "false") || (event.key === "ArrowLeft" && open === "true")) button.click();
    else return;
    event.preventDefault();
  });
  at("more").onclick = () => { limit += MORE; lines(); };

  // ------------------------------------------------------------------------------- problems

  function put(found) {
    problems = found;
    const pick = fix => editor.replace(fix.start, fix.end, fix.text);
    editor.mark(problems, pick);
    at("problems").replaceChildren(...problems.map(problem => {
      const place = node("button", { type: "button", className: "place" }, `${problem.line}:${problem.column}`);
      place.onclick = () => editor.go(problem.start);
      const buttons = (problem.fixes || []).map(fix => node("button", { type: "button", className: "fix", onclick: () => { pick(fix); editor.go(fix.start); } }, fix.title));
      return node("li", { className: problem.level }, place, " ", node("span", { className: "fact" }, problem.fact), " ", ...buttons,
        ...problem.notes.map(note => node("div", { className: "note" }, note)));
    }));
  }

  // What takes longer: fixes, claims, the figure and its knobs, each of the text that the table is of.
  async function later(asked, text) {
    const current = () => asked === version;
    for (const problem of problems.filter(one => one.notes.length).slice(0, 5)) {
      const reply = await slow.ask("fixes", asked, lane => lane.answer(text, settings({ parts: ["fixes"], at: problem.start })));
      if (!current()) return;
      if (reply?.fixes.length) { problem.fixes = reply.fixes; put(problems); }
    }
    if (good !== text) return;
    const reply = await slow.ask("claims", asked, lane => lane.answer(text, settings({ parts: ["claims"] })));
    if (reply && current()) { judge(reply.claims); put(reply.problems); }
    if (at("knobs").open && current()) await turn(asked, text);
  }

  function judge(found) {
    const { claims = [], budgets = [], said = "" } = found ?? {};
    at("claims").hidden = !said;
    at("claims").querySelector("summary").textContent = said;
    const tables = [["claim", "source", claims, one => one.verdict === "failed"], ["budget", "limit", budgets, one => !one.kept]];
    at("claims").querySelector("div").replaceChildren(...tables.filter(([, , rows]) => rows.length).map(([name, last, rows, bad]) => node("table", {},
      node("thead", {}, node("tr", {}, ...["network", name, "computed", "verdict", last].map(head => node("th", { className: "text" }, head)))),
      node("tbody", {}, ...rows.map(one => node("tr", { className: bad(one) ? "bad" : "" },
        ...[one.model, one[name], one.computed, one.judgement, one[last]].map(text => node("td", { className: "text" }, text))))))));
  }

  // The report's page, made of the same sections by the same script.
  async function turn(asked, text) {
    const place = at("knobs").querySelector("div");
    place.classList.add("stale");
    const reply = await slow.ask("page", asked, lane => lane.answer(text, settings({ parts: ["page"] })));
    if (!reply?.page || asked !== version) return;
    const { data, sections, rules } = reply.page;
    const fresh = node("div");
    fresh.innerHTML = `<style>${rules}</style>${sections}`; // escaped where it is made
    place.replaceChildren(fresh);
    place.classList.remove("stale");
    window.page(data, fresh);
  }

  at("knobs").ontoggle = () => { if (at("knobs").open && good === editor.text()) turn(version, good).catch(failed); };
  at("stop").onclick = () => {
    version++; // or the next of the slower parts would begin
    quick.stop();
    slow.drop();
    slow.stop();
    say("stopped: change the spec to run it again");
  };

  // -------------------------------------------------------------------- files, links, imports

  function opened(text, named) {
    name = named;
    variant = "";
    limit = MORE;
    toggled.clear();
    judge(null);
    at("knobs").querySelector("div").replaceChildren();
    editor.open(text);
  }

  async function open(chosen) { opened(await backend.open(chosen), chosen); }
  at("file").onchange = () => open(at("file").value).catch(failed);
  at("variant").onchange = () => { variant = at("variant").value; version++; update(); };

  function save(text, named, type) {
    const address = URL.createObjectURL(new Blob([text], { type }));
    node("a", { href: address, download: named }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10000);
  }

  const stem = () => (name || "network").replace(/^.*\//, "").replace(/\.ya?ml$/, "");
  at("save").onclick = () => save(editor.text(), `${stem()}.yaml`, "text/yaml");
  at("whole").onclick = async () => {
    const text = editor.text(), asked = version;
    say("making the page");
    const reply = await slow.ask("page", asked, lane => lane.answer(text, settings({ parts: ["page"], whole: true }))).catch(failed);
    if (!reply) return;
    say(reply.page ? "" : "this spec makes no network yet");
    if (reply.page) save(reply.page.file, `${variant || stem()}.html`, "text/html");
  };
  at("link").onclick = async () => {
    const address = new URL(`#spec=${await packed(editor.text())}`, location.href);
    history.replaceState(null, "", address);
    const box = at("address").querySelector("input");
    at("address").hidden = false;
    box.value = address;
    box.focus();
    box.select();
    await navigator.clipboard?.writeText(address.href).then(() => say("link copied"), () => say(""));
  };

  async function bring(file) {
    say(`reading ${file.name}`);
    try {
      if (/\.ya?ml$/i.test(file.name)) { opened(await file.text(), file.name); say(""); return; }
      const data = await file.arrayBuffer();
      const reply = await slow.ask("bring", version, lane => lane.bring(file.name, data));
      if (!reply) return;
      say(reply.error || reply.remarks.join("; "));
      if (reply.text !== null) opened(reply.text, `${file.name.replace(/\.[^.]*$/, "")}.yaml`);
    } catch (error) { failed(error); }
  }

  at("import").onclick = () => at("chosen").click();
  at("chosen").onchange = () => { const [file] = at("chosen").files; at("chosen").value = ""; if (file) bring(file); };
  const drags = event => event.dataTransfer?.types.includes("Files");
  addEventListener("dragover", event => { if (drags(event)) { event.preventDefault(); document.body.classList.add("dropping"); } }, true);
  addEventListener("dragleave", event => { if (!event.relatedTarget) document.body.classList.remove("dropping"); });
  addEventListener("drop", event => {
    if (!drags(event)) return;
    event.preventDefault();
    event.stopPropagation();
    document.body.classList.remove("dropping");
    const [file] = event.dataTransfer.files;
    if (file) bring(file);
  }, true);

  async function linked() {
    const found = /^#spec=([\w-]+)$/.exec(location.hash);
    if (!found) return false;
    try { opened(await unpacked(found[1]), ""); return true; } catch { say("this link does not hold a spec"); return false; }
  }
  addEventListener("hashchange", linked);

  async function first() {
    const { files, open: chosen, variant: asked } = await backend.files();
    at("file").replaceChildren(...files.map(one => node("option", { value: one }, one)));
    if (await linked()) { at("file").selectedIndex = -1; return; }
    at("file").value = chosen;
    await open(chosen);
    variant = asked || "";
  }
  first().catch(failed);
}
