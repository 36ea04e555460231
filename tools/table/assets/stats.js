"use strict";
const report = JSON.parse(document.getElementById("data").textContent);
const groups = report.layer_groups || [];
const experts = report.num_experts;
const byId = (id) => document.getElementById(id);
const count = (n) => n.toLocaleString("en-US");
const short = (digest) => (digest ? digest.slice(0, 12) : "unknown");

byId("title").textContent = report.path;
byId("subtitle").textContent =
  `${count(report.num_tokens)} tokens in ${count(report.num_samples)} samples, ${experts} experts, k ${report.k}` +
  `${report.per_token_k ? " at most" : ""}, ${report.num_layer_groups} layer groups`;
for (const [name, value] of [
  ["content digest", report.content_digest],
  ["tier", `${report.tier}, ${count(report.stored_bytes)} bytes, gate weights ${report.weight_type}`],
  ["causality", report.causality],
  ["tokenizer, router", `${short(report.tokenizer_digest)}, ${short(report.router_digest)}`],
  ["sample index", short(report.sample_index_digest)],
  ...report.splits.map((s) => [`split ${s.name}`, `${count(s.num_samples)} samples, ${count(s.num_tokens)} tokens`]),
  ...report.provenance.map((line) => ["provenance", line]),
]) {
  const dt = document.createElement("dt"), dd = document.createElement("dd");
  dt.textContent = name;
  dd.textContent = value;
  byId("facts").append(dt, dd);
}

// Colours: [r, g, b] of a value in 0..1, between stops side by side.
const blend = (stops) => (x) => {
  const at = Math.min(Math.max(x, 0), 1) * (stops.length - 1), low = Math.min(Math.floor(at), stops.length - 2);
  return stops[low].map((c, i) => Math.round(c + (stops[low + 1][i] - c) * (at - low)));
};
const diverging = blend([[33, 102, 172], [146, 197, 222], [255, 255, 255], [244, 165, 130], [178, 24, 43]]);
const rising = blend([[255, 255, 255], [254, 217, 118], [240, 100, 50], [128, 10, 60], [40, 0, 50]]);
const css = (c) => `rgb(${c})`;

// A canvas in CSS pixels.
function sized(id, width, height) {
  const canvas = byId(id), ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.width = `${width}px`;
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  context.clearRect(0, 0, width, height);
  context.font = "11px system-ui, sans-serif";
  context.fillStyle = "#64707d";
  return context;
}

function scale(id, colour, labels, caption) {
  const context = sized(id, 420, 40), width = 260;
  for (let x = 0; x < width; ++x) {
    context.fillStyle = css(colour(x / (width - 1)));
    context.fillRect(40 + x, 6, 1.5, 10);
  }
  context.strokeStyle = "#d9dee4";
  context.strokeRect(40, 6, width, 10);
  context.fillStyle = "#64707d";
  context.textAlign = "center";
  labels.forEach((label, i) => context.fillText(label, 40 + (width * i) / (labels.length - 1), 30));
  context.textAlign = "left";
  context.fillText(caption, 40 + width + 12, 16);
}

const tip = byId("tip");
function hover(id, words) {
  const canvas = byId(id);
  canvas.onmousemove = (event) => {
    const box = canvas.getBoundingClientRect(), text = words(event.clientX - box.left, event.clientY - box.top, box);
    tip.style.display = text ? "block" : "none";
    tip.textContent = text || "";
    tip.style.left = `${Math.min(event.clientX + 12, window.innerWidth - 180)}px`;
    tip.style.top = `${event.clientY + 14}px`;
  };
  canvas.onmouseleave = () => { tip.style.display = "none"; };
}

// Steps that give about ten labels: 1, 2, 5, 10, ...
function step(n) {
  for (let s = 1; ; s *= 10) for (const m of [1, 2, 5]) if (n / (s * m) <= 16) return s * m;
}

const marginLeft = 46, marginTop = 18;
function drawLoad() {
  const width = 1100, cell = (width - marginLeft) / experts, row = Math.max(6, Math.min(18, 640 / groups.length));
  const context = sized("load", width, marginTop + row * groups.length + 4);
  context.textAlign = "center";
  for (let e = 0; e < experts; e += step(experts)) context.fillText(e, marginLeft + (e + 0.5) * cell, 12);
  context.textAlign = "right";
  groups.forEach((group, g) => {
    const mean = group.load.reduce((a, b) => a + b, 0) / experts;
    if (g % Math.ceil(12 / row) === 0) context.fillText(group.layer_group, marginLeft - 6, marginTop + row * (g + 0.5) + 4);
    group.load.forEach((load, e) => {
      // A quarter of the mean is the deepest blue, four times it the deepest red.
      context.fillStyle = load === 0 ? "#000" : css(diverging(0.5 + Math.log2(load / mean) / 4));
      context.fillRect(marginLeft + e * cell, marginTop + g * row, cell + 0.3, row - (row > 8 ? 1 : 0));
    });
    context.fillStyle = "#64707d";
  });
  scale("loadscale", diverging, ["1/4", "1/2", "1", "2", "4"], "x mean load");
  hover("load", (x, y, box) => {
    const k = width / box.width, e = Math.floor((x * k - marginLeft) / cell), g = Math.floor((y * k - marginTop) / row);
    if (!(g in groups) || !(e in groups[g].load)) return null;
    const mean = groups[g].load.reduce((a, b) => a + b, 0) / experts;
    return `layer group ${groups[g].layer_group}, expert ${e}\n${count(groups[g].load[e])} selections, ` +
      `${mean ? (groups[g].load[e] / mean).toFixed(2) : 0} x mean`;
  });
}

function drawMatrix(group) {
  const matrix = group.coactivation || [], bins = matrix.length;
  const span = (b) => {
    const first = Math.ceil((b * experts) / bins), last = Math.ceil(((b + 1) * experts) / bins) - 1;
    return first === last ? `${first}` : `${first}-${last}`;
  };
  const size = Math.min(640, Math.max(320, bins * 16)), cell = size / Math.max(1, bins);
  let most = 0;
  matrix.forEach((row, a) => row.forEach((share, b) => { if (a !== b || bins < experts) most = Math.max(most, share); }));
  byId("pairs").textContent = bins === 0 ? "No pairs." :
    `Share of the tokens in which two ${bins < experts ? "groups of experts (summed)" : "experts"} are both active` +
    `${group.coactivation_exact ? "" : "; only the most frequent pairs are counted"}. The colour follows the square root.`;
  const context = sized("matrix", marginLeft + size + 8, marginTop + size + 4);
  context.textAlign = "center";
  for (let b = 0; b < bins; b += step(bins)) context.fillText(span(b), marginLeft + (b + 0.5) * cell, 12);
  context.textAlign = "right";
  for (let b = 0; b < bins; b += step(bins)) context.fillText(span(b), marginLeft - 6, marginTop + (b + 0.5) * cell + 4);
  matrix.forEach((row, a) => row.forEach((share, b) => {
    context.fillStyle = a === b && bins === experts ? "#e6eaee" : css(rising(most ? Math.sqrt(share / most) : 0));
    context.fillRect(marginLeft + b * cell, marginTop + a * cell, cell + 0.3, cell + 0.3);
  }));
  context.strokeStyle = "#d9dee4";
  context.strokeRect(marginLeft, marginTop, size, size);
  const percent = (share) => `${(100 * share).toPrecision(2)} %`;
  scale("matrixscale", rising, ["0", percent(most / 4), percent(most)], "of tokens");
  hover("matrix", (x, y, box) => {
    const k = (marginLeft + size + 8) / box.width, a = Math.floor((y * k - marginTop) / cell), b = Math.floor((x * k - marginLeft) / cell);
    return matrix[a] && b in matrix[a] ? `experts ${span(a)} and ${span(b)}\n${percent(matrix[a][b])} of tokens` : null;
  });
}

function fillNumbers() {
  const columns = [
    ["layer group", (g) => g.layer_group],
    ["tokens", (g) => count(g.num_tokens)],
    ["missing", (g) => count(g.num_missing)],
    ["mean k", (g) => g.mean_k.toFixed(3)],
    ["MaxVio", (g) => g.max_vio.toFixed(3)],
    ["entropy, bits", (g) => g.entropy_bits.toFixed(3)],
    ["dead experts", (g) => g.dead_experts],
  ];
  if (report.num_ranks) columns.push([`balancedness, ${report.num_ranks} ranks`, (g) => g.balancedness.toFixed(3)]);
  const line = (cells, kind) => {
    const row = byId("numbers").insertRow();
    for (const text of cells) row.appendChild(Object.assign(document.createElement(kind), { textContent: text }));
  };
  line(columns.map(([name]) => name), "th");
  for (const group of groups) line(columns.map(([, of]) => of(group)), "td");
}

for (const group of groups) {
  byId("group").append(Object.assign(document.createElement("option"), { textContent: `layer group ${group.layer_group}` }));
}
byId("group").onchange = () => drawMatrix(groups[byId("group").selectedIndex]);
fillNumbers();
if (groups.length > 0) {
  drawLoad();
  drawMatrix(groups[0]);
}
document.body.dataset.drawn = "yes";
