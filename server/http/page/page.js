'use strict';
// Draws what /api/stats says, each second. All text goes in as text: no name can become markup.

const INTERVAL_MS = 1000;
const LEAD_POINTS = 120;  // of the plan lead's history, kept here
const MOST_CELLS = 64;    // of a heat map's side; larger matrices are summed by blocks
const MOST_BARS = 128;    // larger expert counts are drawn by the largest of each run
const MOST_GROUPS = 4;    // layer groups drawn, the least even first
const MOST_WORKERS = 32;  // rows shown, the latest first
const byId = (id) => document.getElementById(id);

function element(tag, text, className) {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  if (className) node.className = className;
  return node;
}

const UNITS = ['', 'k', 'M', 'G', 'T', 'P'];
function count(value, suffix = '') {
  if (value === undefined || value === null) return 'none yet';
  let number = Number(value);
  let unit = 0;
  while (number >= 1000 && unit + 1 < UNITS.length) { number /= 1000; unit += 1; }
  const digits = unit === 0 && Number.isInteger(number) ? 0 : number < 10 ? 2 : 1;
  return `${number.toFixed(digits)} ${UNITS[unit]}${suffix}`.trim();
}
const bytes = (value) => count(value, 'B');
const percent = (value) => `${(100 * Number(value || 0)).toFixed(1)} %`;
function seconds(value) {
  if (value === undefined || value === null) return 'none yet';
  const number = Number(value);
  if (number < 1) return `${(1000 * number).toFixed(0)} ms`;
  if (number < 120) return `${number.toFixed(1)} s`;
  return number < 7200 ? `${(number / 60).toFixed(0)} min` : `${(number / 3600).toFixed(1)} h`;
}
const step = (value) => (value === undefined ? 'none yet' : String(value));

function facts(target, pairs) {
  for (const [name, value] of pairs) {
    const box = element('div');
    box.append(element('dt', name), element('dd', value));
    target.append(box);
  }
  return target;
}

// From the paper's colour to blue, evenly in lightness as seen.
const dark = window.matchMedia('(prefers-color-scheme: dark)');
const COLOURS = {
  light: {empty: [238, 242, 246], full: [8, 64, 129], line: '#0b62a8'},
  dark: {empty: [38, 44, 52], full: [124, 184, 236], line: '#7cb8ec'},
};
const colours = () => (dark.matches ? COLOURS.dark : COLOURS.light);
function shade(share) {
  const {empty, full} = colours();
  const s = Math.sqrt(Math.max(0, Math.min(1, share)));
  return `rgb(${empty.map((from, i) => Math.round(from + (full[i] - from) * s)).join(',')})`;
}

// A canvas of `width` by `height` points of the page, sharp on any screen; `draw` gets the context.
function picture(width, height, label, draw) {
  const canvas = element('canvas');
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.style.setProperty('width', `${width}px`);
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', label);
  const context = canvas.getContext('2d');
  context.scale(scale, scale);
  draw(context);
  return canvas;
}

// `rows` with sides of at most MOST_CELLS, and how many old cells a new one's side is.
function summed(rows) {
  const side = Math.max(rows.length, ...rows.map((row) => row.length));
  const block = Math.ceil(side / MOST_CELLS);
  if (block === 1) return [rows, 1];
  const blocks = [];
  rows.forEach((row, y) => row.forEach((value, x) => {
    const line = (blocks[Math.floor(y / block)] ||= []);
    line[Math.floor(x / block)] = (line[Math.floor(x / block)] || 0) + value;
  }));
  return [blocks, block];
}

function heatMap(title, noun, matrix) {
  const box = element('figure');
  const [rows, block] = summed(matrix);
  const side = Math.max(rows.length, ...rows.map((row) => row.length));
  const cell = Math.max(4, Math.min(36, Math.floor(288 / side)));
  const gap = cell > 8 ? 1 : 0;
  const largest = Math.max(1, ...rows.flat());
  const label = `${title}: ${matrix.length} by ${matrix.length}, largest ${count(largest)} rows`;
  const canvas = picture(side * cell, rows.length * cell, label, (draw) => {
    rows.forEach((row, y) => row.forEach((value, x) => {
      draw.fillStyle = shade(value / largest);
      draw.fillRect(x * cell, y * cell, cell - gap, cell - gap);
    }));
  });
  const note = element('figcaption', `down: from ${noun} 0; across: to ${noun} 0, 1, ...`, 'quiet');
  canvas.addEventListener('pointermove', (event) => {
    const frame = canvas.getBoundingClientRect();
    const y = Math.floor((event.clientY - frame.top) * rows.length / frame.height);
    const x = Math.floor((event.clientX - frame.left) * side / frame.width);
    if (rows[y] === undefined || rows[y][x] === undefined) return;
    note.textContent = `${noun} ${y * block} to ${noun} ${x * block}${block > 1 ? ' and on' : ''}: ${count(rows[y][x])} rows`;
  });
  const scale = element('div', undefined, 'scale');
  scale.append(element('span', '0'), picture(96, 10, 'scale', (draw) => {
    for (let i = 0; i < 96; i += 1) {
      draw.fillStyle = shade(i / 95);
      draw.fillRect(i, 0, 1, 10);
    }
  }), element('span', `${count(largest)} rows`));
  box.append(element('h4', title), canvas, scale, note);
  return box;
}

function bars(title, values, note) {
  const box = element('figure');
  const run = Math.ceil(values.length / MOST_BARS);
  const drawn = [];
  values.forEach((value, i) => { drawn[Math.floor(i / run)] = Math.max(drawn[Math.floor(i / run)] || 0, value); });
  const width = Math.max(2, Math.min(36, Math.floor(288 / drawn.length)));
  const largest = Math.max(1, ...values);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const label = `${title}: ${values.length} experts, largest ${count(largest)} tokens, mean ${count(Math.round(mean))}`;
  box.append(element('h4', title), picture(drawn.length * width, 96, label, (draw) => {
    draw.fillStyle = colours().line;
    drawn.forEach((value, i) => {
      const height = Math.round(92 * value / largest);
      draw.fillRect(i * width, 96 - height, Math.max(1, width - 1), height);
    });
    draw.globalAlpha = 0.6;
    draw.fillRect(0, 96 - Math.round(92 * mean / largest), drawn.length * width, 1);
  }), element('figcaption', `experts 0 to ${values.length - 1}, largest ${count(largest)} tokens, mean (line) ${count(Math.round(mean))}; ${note}`, 'quiet'));
  return box;
}

const leads = new Map();  // job digest -> newest plan leads in seconds
function remember(jobs) {
  for (const digest of leads.keys()) {
    if (!jobs.some((job) => job.digest === digest)) leads.delete(digest);
  }
  for (const job of jobs) {
    if (job.plan_lead_seconds === undefined) continue;
    if (!leads.has(job.digest)) leads.set(job.digest, []);
    const history = leads.get(job.digest);
    history.push(Number(job.plan_lead_seconds));
    if (history.length > LEAD_POINTS) history.shift();
  }
}

function leadLine(job) {
  const history = leads.get(job.digest) || [];
  const box = element('figure');
  const largest = Math.max(1e-9, ...history);
  box.append(element('h4', 'Plan lead'), picture(288, 96, `plan lead, newest ${seconds(history[history.length - 1])}`, (draw) => {
    draw.fillStyle = shade(0.1);
    draw.fillRect(0, 95, 288, 1);
    draw.strokeStyle = colours().line;
    draw.lineWidth = 2;
    draw.beginPath();
    history.forEach((value, i) => {
      const x = 288 - (history.length - 1 - i) * 288 / (LEAD_POINTS - 1);
      draw.lineTo(x, 94 - 88 * value / largest);
    });
    if (history.length === 1) draw.lineTo(285, 94 - 88 * history[0] / largest);
    draw.stroke();
  }), element('figcaption', `now ${seconds(job.plan_lead_seconds)}; the last ${LEAD_POINTS} s, largest ${seconds(history.length ? largest : undefined)}`, 'quiet'));
  return box;
}

function tableOf(name, head, rows) {
  const scroll = element('div', undefined, 'scroll');
  scroll.dataset.name = name;
  scroll.tabIndex = 0;
  const table = element('table');
  const header = element('tr');
  head.forEach((title) => header.append(element('th', title)));
  table.append(header);
  for (const row of rows) {
    const line = element('tr');
    row.forEach((value) => line.append(element('td', value)));
    table.append(line);
  }
  scroll.append(table);
  return scroll;
}

const numbers = (rows) => (rows || []).map((row) => (row.rows || []).map(Number));

function workersOf(job) {
  const all = [...job.workers].sort((a, b) => Number(a.step_finished || 0) - Number(b.step_finished || 0));
  const title = all.length > MOST_WORKERS ? `Workers, the latest ${MOST_WORKERS} of ${all.length}` : 'Workers';
  const rows = all.slice(0, MOST_WORKERS).map((w) => [
    w.worker, String(w.rank), step(w.step_sent), step(w.step_finished), seconds(w.plan_lead_seconds),
    bytes(w.credit_bytes), seconds(w.stalled_seconds)]);
  return [element('h4', title), tableOf(`workers ${job.digest}`,
    ['worker', 'rank', 'step sent', 'step finished', 'lead', 'credit', 'stalled'], rows)];
}

function loadsOf(job) {
  const loads = (job.expert_load || []).filter((load) => (load.tokens_per_expert || []).length > 0);
  loads.sort((a, b) => Number(b.max_vio) - Number(a.max_vio));
  return loads.slice(0, MOST_GROUPS).map((load) => bars(
    `Expert load, layer group ${load.layer_group}${loads.length > MOST_GROUPS ? ` (of ${loads.length})` : ''}`,
    load.tokens_per_expert.map(Number),
    `MaxVio ${Number(load.max_vio).toFixed(3)}, rank balancedness ${Number(load.rank_balancedness).toFixed(3)}`));
}

function jobCard(job) {
  const card = element('article', undefined, 'card');
  card.append(element('h3', job.label || job.digest.slice(0, 12)));
  card.append(facts(element('dl'), [
    ['digest', job.digest.slice(0, 12)], ['steps', count(job.num_steps)],
    ['newest step planned', step(job.newest_step_planned)],
    ['plan lead', seconds(job.plan_lead_seconds)], ['rows that stay on their rank', percent(job.local_share)],
    ['rows that stay on their node', percent(job.node_local_share)],
    ['routers', job.causal_tables ? 'causal' : 'not causal'], ['workers', String((job.workers || []).length)],
  ]));
  const plots = element('div', undefined, 'plots');
  if (leads.has(job.digest)) plots.append(leadLine(job));
  plots.append(...loadsOf(job));
  const ranks = numbers(job.rows_between_ranks);
  if (ranks.length > 0) plots.append(heatMap('Rows between ranks', 'rank', ranks));
  const nodes = numbers(job.rows_between_nodes);
  if (nodes.length > 1) plots.append(heatMap('Rows between nodes', 'node', nodes));
  card.append(plots);
  if ((job.workers || []).length > 0) card.append(...workersOf(job));
  return card;
}

// Puts `nodes` in, with tables scrolled as they were.
function replace(target, nodes) {
  const scrolled = new Map([...target.querySelectorAll('.scroll')].map((node) => [node.dataset.name, node.scrollLeft]));
  target.replaceChildren(...nodes);
  for (const node of target.querySelectorAll('.scroll')) node.scrollLeft = scrolled.get(node.dataset.name) || 0;
}

function expiry(unixSeconds) {
  const days = (Number(unixSeconds) - Date.now() / 1000) / 86400;
  return days < 0 ? 'expired' : `in ${days.toFixed(0)} days`;
}

function show(stats) {
  const server = stats.server;
  byId('server').replaceChildren();
  facts(byId('server'), [
    ['version', server.version], ['up', seconds(server.uptime_seconds)], ['connections', count(server.connections)],
    ['refused', count(server.connections_refused)], ['streams', count(server.open_streams)],
    ['sent', bytes(server.payload_bytes_sent)],
    ['plan cache', `${bytes(server.plan_cache_bytes)} of ${bytes(server.plan_cache_capacity_bytes)}`],
    ['cache hits / misses', `${count(server.plan_cache_hits)} / ${count(server.plan_cache_misses)}`],
    ['making plans', seconds(server.plan_make_seconds)],
  ].concat((server.rejects || []).map((r) => [`rejected: ${r.reason}`, count(r.count)])));
  if (server.certificate_expiry_unix_seconds !== undefined) {
    facts(byId('server'), [['certificate expires', expiry(server.certificate_expiry_unix_seconds)]]);
  }
  const jobs = stats.jobs || [];
  remember(jobs);
  replace(byId('jobs'), jobs.length > 0 ? jobs.map(jobCard) : [element('p', 'No job is registered.', 'quiet')]);
  const tables = (stats.tables || []).map((t) => [
    t.path || 'gone', t.digest.slice(0, 12), count(t.num_tokens), bytes(t.stored_bytes), String(t.num_jobs), t.damage || 'whole']);
  replace(byId('tables'), tables.length > 0 ?
    [tableOf('tables', ['table', 'digest', 'tokens', 'stored', 'jobs', 'state'], tables)] :
    [element('p', 'No table is in use.', 'quiet')]);
  byId('state').className = server.certificate_stale ? 'bad' : '';
  byId('state').textContent = (server.draining ? 'draining' : 'serving') +
    (server.certificate_stale ? '; the certificate files do not hold together' : '');
}

async function refresh() {
  try {
    const response = await fetch('api/stats', {cache: 'no-store'});
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
    show(await response.json());
  } catch (error) {
    byId('state').className = 'bad';
    byId('state').textContent = `no news: ${error.message}`;
  }
  setTimeout(refresh, INTERVAL_MS);
}
refresh();
