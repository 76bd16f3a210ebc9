// Tables that follow their knobs, exactly: numbers are closed forms in BigInt. See page.py for what `data` holds.
// Comments stand on lines of their own: draw.py leaves these out, and indentation.
"use strict";

// ------------------------------------------------------------------ closed forms

// A number is a fraction: [above, below], below > 0.
const whole = n => [n, 1n];
const ratio = (a, b) => { if (b === 0n) throw RangeError("divides by 0"); return b < 0n ? [-a, -b] : [a, b]; };
const add = ([a, b], [c, d]) => b === d ? [a + c, b] : [a * d + c * b, b * d];
const multiply = ([a, b], [c, d]) => [a * c, b * d];
const divide = ([a, b], [c, d]) => ratio(a * d, b * c);
const below = (a, b) => a / b - (a % b !== 0n && (a < 0n) !== (b < 0n) ? 1n : 0n);
const floor = ([a, b]) => whole(below(a, b));
const minus = ([a, b]) => [-a, b];
const compare = ([a, b], [c, d]) => a * d - c * b;
const FUNCTIONS = {
  "": x => x,
  floor: (x, y) => floor(divide(x, y)),
  ceil: (x, y) => minus(floor(divide(minus(x), y))),
  round: ([a, b]) => {
    const up = below(2n * a + b, 2n * b);
    return whole(up - ((2n * a + b) % (2n * b) === 0n && up % 2n !== 0n ? 1n : 0n));
  },
  divisible: (x, y) => {
    const near = multiply(floor(divide(add(x, divide(y, whole(2n))), y)), y);
    const steps = compare(near, y) < 0n ? y : near;
    return compare(multiply(steps, whole(10n)), multiply(x, whole(9n))) < 0n ? add(steps, y) : steps;
  },
  max: (...all) => all.reduce((x, y) => compare(x, y) < 0n ? y : x),
  min: (...all) => all.reduce((x, y) => compare(x, y) > 0n ? y : x),
};

// What computes a form: `at` has the values of letters, and of other forms by number.
function compile(text) {
  let place = 0;
  const found = pattern => { pattern.lastIndex = place; const hit = pattern.exec(text); if (hit) place += hit[0].length; return hit; };
  function factor() {
    let base, hit = found(/(\d+)(?:\/(\d+))?/y);
    if (hit) { const value = ratio(BigInt(hit[1]), BigInt(hit[2] || 1)); return () => value; }
    if (hit = found(/\$(\d+)/y)) { const number = +hit[1]; base = at => at.form(number); }
    else if (hit = found(/([a-z]*)\(/y)) {
      const inner = [sum()], call = FUNCTIONS[hit[1]];
      while (found(/,/y)) inner.push(sum());
      found(/\)/y);
      base = at => call(...inner.map(one => one(at)));
    } else { const name = found(/\w+/y)[0]; base = at => at.letters[name]; }
    hit = found(/\^(-?)(\d+)/y);
    if (!hit) return base;
    const power = BigInt(hit[2]);
    return at => { const [a, b] = base(at); return hit[1] ? ratio(b ** power, a ** power) : [a ** power, b ** power]; };
  }
  function term() {
    const sign = found(/[+-]/y), factors = [factor()];
    while (found(/\*/y)) factors.push(factor());
    return at => { const value = factors.reduce((value, one) => multiply(value, one(at)), whole(1n)); return sign && sign[0] === "-" ? minus(value) : value; };
  }
  function sum() {
    const terms = [term()];
    while (/[+-]/.test(text[place] || "")) terms.push(term());
    return at => terms.reduce((value, one) => add(value, one(at)), whole(0n));
  }
  return sum();
}

const HOLDS = {
  ">=": ([a]) => a >= 0n, ">": ([a]) => a > 0n, "=": ([a]) => a === 0n, "!=": ([a]) => a !== 0n,
  divides: (x, y) => { const [a, b] = divide(x, y); return a % b === 0n; },
  "does not divide": (x, y) => { const [a, b] = divide(x, y); return a % b !== 0n; },
};

// Forms at one point, each computed once.
class Point {
  constructor(data, letters) { this.data = data; this.letters = letters; this.known = []; }
  form(number) {
    const compiled = this.data.compiled ||= [];
    compiled[number] ||= compile(this.data.forms[number]);
    return this.known[number] ||= compiled[number](this);
  }
  number(place) { const [a, b] = this.form(place); if (a % b) throw RangeError("not whole"); return a / b; }
  text(place) { return this.data.texts[place].replace(/\{(\d+)\}/g, (_, number) => this.number(+number)); }
  // What does not hold here, in words.
  broken(state) {
    const guard = state.guards.find(([kind, value, divisor]) => !HOLDS[kind](this.form(value), this.form(divisor)));
    return guard && this.data.texts[guard[3]];
  }
}

// ---------------------------------------------------------------------- the page

const WORDS = { params: "params", macs: "MACs", activations: "activations", memory: "params + outputs" };
const LARGEST = 10n ** 15n;
const shown = new Intl.NumberFormat("en-US").format;

function make(name, settings = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(settings)) key in node ? node[key] = value : node.setAttribute(key, value);
  node.append(...children);
  return node;
}

// One network in its section.
class Network {
  constructor(data, model, section, changed) {
    Object.assign(this, { data, model, changed, state: model.states[0], values: {}, most: 500, open: new Set(), told: new Set() });
    this.totals = section.querySelector(".totals");
    this.picture = section.querySelector("figure");
    this.caption = section.querySelector("figcaption");
    this.back = make("button", { type: "button", onclick: () => this.reset() }, "as written");
    this.knobs = section.querySelector(".knobs");
    this.table = section.querySelector(".layers");
    this.controls();
    this.draw();
  }

  controls() {
    const { states } = this.model;
    this.knobs.replaceChildren();
    if (states.length > 1) {
      const options = states.map((state, place) => make("option", { value: place }, state.label || "as written"));
      const choice = make("select", { onchange: () => { this.state = states[choice.value]; this.controls(); this.draw(); } }, ...options);
      choice.value = states.indexOf(this.state);
      this.knobs.append(make("label", {}, "one other setting ", choice));
    }
    for (const [letter, name, usual, least, most, step] of this.state.knobs) {
      const value = this.values[name] ?? BigInt(usual);
      this.values[name] = value;
      const box = make("input", { type: "text", inputMode: "numeric", value, "aria-label": name });
      const slider = make("input", { type: "range", min: least, max: most, step, value: Number(value), "aria-label": `${name} (slider)`, title: letter });
      const turn = text => {
        const number = /^\s*\d+\s*$/.test(text) ? BigInt(text) : -1n;
        const fits = number >= BigInt(least) && number <= LARGEST && (number - BigInt(least)) % BigInt(step) === 0n;
        box.setCustomValidity(fits ? "" : `from ${least} in steps of ${step}`);
        box.classList.toggle("bad", !fits);
        if (!fits) { box.reportValidity(); return; }
        this.values[name] = number;
        this.draw();
      };
      slider.oninput = () => { box.value = slider.value; turn(slider.value); };
      box.onchange = () => { slider.value = box.value; turn(box.value); };
      this.knobs.append(make("label", {}, name, box, slider));
    }
    this.knobs.append(this.back);
  }

  // What is not as written.
  turned() {
    const knobs = this.state.knobs.filter(([, name, usual]) => this.values[name] !== BigInt(usual)).map(([, name]) => `${name} = ${this.values[name]}`);
    return this.state.label ? [this.state.label, ...knobs] : knobs;
  }

  reset() {
    this.values = {};
    this.state = this.model.states[0];
    this.controls();
    this.draw();
    this.knobs.querySelector("input, select")?.focus();
  }

  point() {
    const letters = {};
    for (const [letter, name, , , , , scale, offset] of this.state.knobs)
      letters[letter] = whole((this.values[name] - BigInt(offset)) / BigInt(scale));
    return new Point(this.data, letters);
  }

  draw() {
    const at = this.at = this.point(), broken = at.broken(this.state);
    this.sums = broken ? null : this.state.totals.map(total => at.number(total));
    const parts = broken ? [make("p", { className: "bad", role: "alert" }, `no network here: it needs ${broken}`)]
      : this.data.quantities.map((name, place) => make("div", {}, WORDS[name], make("b", { "data-quantity": name }, shown(this.sums[place]))));
    this.totals.replaceChildren(...parts);
    const turned = this.turned();
    this.picture.classList.toggle("past", turned.length > 0);
    this.back.hidden = !turned.length;
    this.caption.textContent = turned.length ? `The picture shows the network as written, without ${turned.join(", ")}.` + (this.state.lines.length ? "" : " Of this setting the page has only the totals.") : "";
    this.rows(broken ? [] : this.lines());
    this.changed();
  }

  // The lines of the table with their sums, which are `times` those of the lines below.
  lines() {
    const lines = [], above = [];
    for (let run = 0; run < this.state.lines.length; run += 2)
      for (let place = 0; place < this.state.lines[run + 1]; place++) {
        const [depth, name, call, output, often, ...rest] = this.data.lines[this.state.lines[run] + place];
        const [times, rounds, repeated] = this.data.often[often];
        const line = { depth, name: this.data.texts[name], call, output, times, rounds, key: "", counts: [0n, 0n, 0n], explained: -1, group: rest.length === 0 };
        above.length = depth;
        line.key = [...above.map(one => one.name), line.name].join("/");
        if (!line.group) {
          const all = this.at.number(repeated) * BigInt(times);
          line.counts = rest.slice(0, 3).map(form => all * this.at.number(form));
          line.explained = rest[3];
        }
        above.push(line);
        lines.push(line);
      }
    // A group's sum, from the end on.
    for (let place = lines.length - 1; place >= 0; place--) {
      const group = lines[place];
      if (!group.group) continue;
      for (let next = place + 1; next < lines.length && lines[next].depth > group.depth; next++)
        if (lines[next].depth === group.depth + 1) lines[next].counts.forEach((count, column) => { group.counts[column] += BigInt(group.times) * count; });
    }
    return lines;
  }

  // The table's rows; those that are there already only get their texts.
  rows(lines) {
    const seen = [];
    let shut = Infinity;
    for (const line of lines) {
      if (line.depth <= shut) shut = Infinity;
      if (shut < Infinity) continue;
      line.open = (line.group ? this.open : this.told).has(line.key);
      if (line.group && !line.open) shut = line.depth;
      seen.push(line);
    }
    const hidden = Math.max(seen.length - this.most, 0);
    seen.length -= hidden;
    const structure = hidden + seen.map(line => `${line.depth} ${line.open} ${line.group} ${line.key}`).join("\n");
    if (structure !== this.structure) this.build(seen, hidden);
    this.structure = structure;
    const all = this.sums?.[1] || 1n;
    const put = (node, text) => { if (node.said !== text) node.textContent = node.said = text; };
    seen.forEach((line, place) => {
      const { toggle, cells, bar, share, formula } = this.built[place];
      const often = line.rounds ? this.at.number(line.rounds) : BigInt(line.times);
      const sign = line.group ? (line.open ? "▾ " : "▸ ") : "";
      put(toggle, sign + (often === 1n && !line.rounds ? line.name : `${line.name} × ${often}`));
      [this.at.text(line.call), this.at.text(line.output), ...line.counts.map(shown)].forEach((text, column) => put(cells[column], text));
      const part = Number((2000n * line.counts[1] + all) / (2n * all)) / 10;
      if (bar.part !== part) bar.style.width = `${(bar.part = part) / 20}rem`;
      put(share, ` ${part.toFixed(1)} %`);
      if (formula) put(formula, this.formulas(line));
    });
  }

  build(seen, hidden) {
    const focused = document.activeElement?.dataset?.key, inside = this.table.contains(document.activeElement), rows = [];
    this.built = seen.map(({ key, depth, group, open, explained }) => {
      const toggle = make("button", { type: "button", "aria-expanded": open, "data-key": key });
      toggle.onclick = () => this.toggle(key, group);
      const first = make("td", {}, toggle);
      first.style.paddingLeft = `${depth + .3}em`;
      const cells = ["text op", "", "", "", ""].map(className => make("td", { className }));
      const bar = make("span", { className: "bar" }), share = make("span");
      rows.push(make("tr", {}, first, ...cells, make("td", { className: "share text" }, bar, share)));
      const formula = !group && open ? make("td", { colSpan: 7 }) : null;
      if (formula) rows.push(make("tr", { className: "formula" }, formula));
      return { toggle, cells, bar, share, formula };
    });
    if (hidden) {
      const more = make("button", { type: "button" }, `${shown(hidden)} more lines`);
      more.onclick = () => { this.most *= 4; this.rows(this.lines()); };
      rows.push(make("tr", {}, make("td", { colSpan: 7 }, more)));
    }
    this.table.tBodies[0].replaceChildren(...rows);
    if (inside) this.button(focused)?.focus();
  }

  button(key) { return [...this.table.querySelectorAll("button")].find(one => one.dataset.key === key); }

  toggle(key, group) {
    const set = group ? this.open : this.told;
    set.delete(key) || set.add(key);
    this.rows(this.lines());
  }

  // A layer's equations, with the numbers in place.
  formulas(line) {
    if (line.explained < 0) return "no formula by itself";
    const { texts, shapes, explained } = this.data, [shape, ...forms] = explained[line.explained], [said, symbols] = shapes[shape];
    const values = forms.slice(0, said.length / 2), sizes = {};
    symbols.forEach((symbol, place) => { sizes[texts[symbol]] = this.at.number(forms[values.length + place]); });
    const lines = values.map((value, place) => {
      const formula = texts[said[2 * place + 1]], numbers = formula.replace(/[A-Za-z_][\w']*/g, name => sizes[name] ?? name);
      return [...new Set([texts[said[2 * place]], formula, numbers, shown(this.at.number(value))])].join(" = ");
    });
    return (line.rounds ? ["the last of them:"] : []).concat(lines).join("\n");
  }
}

function page(data, root = document) {
  const table = root.querySelector(".compared");
  const networks = [];
  const changed = () => {
    if (!table || networks.length < data.models.length) return;
    table.tBodies[0].replaceChildren(...networks.map(({ model, sums }) => make("tr", {}, make("td", {}, model.name),
      ...data.quantities.map((_, place) => {
        const base = networks[0].sums?.[place];
        const ratio = sums && base ? Number(sums[place] * 10000n / base) / 10000 : 1;
        const times = sums && base && sums[place] !== base ? ` (${ratio < 100 ? ratio.toPrecision(3) : shown(Math.round(ratio))} x)` : "";
        return make("td", {}, sums ? shown(sums[place]) + times : "-");
      }))));
  };
  data.models.forEach((model, place) => networks.push(new Network(data, model, root.querySelectorAll("section")[place], changed)));
  changed();
  // Up and down the table, in and out of its groups.
  root.addEventListener("keydown", event => {
    const button = event.target.closest?.(".layers button"), step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!button) return;
    const all = [...button.closest("table").querySelectorAll("button")], open = button.getAttribute("aria-expanded") === "true";
    if (step) all[all.indexOf(button) + step]?.focus();
    else if ((event.key === "ArrowRight" && !open) || (event.key === "ArrowLeft" && open)) button.click();
    else return;
    event.preventDefault();
  });
  return networks;
}
