'use strict';
// Draws what /api/stats says, each second. All text goes in as text: no name can become markup.

const INTERVAL_MS = 1000;
const byId = (id) => document.getElementById(id);

function element(tag, text, className) {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  if (className) node.className = className;
  return node;
}

const UNITS = ['', 'k', 'M', 'G', 'T'];
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

function facts(target, pairs) {
  for (const [name, value] of pairs) {
    const box = element('div');
    box.append(element('dt', name), element('dd', value));
    target.append(box);
  }
  return target;
}

// White to blue by value: perceptibly even in lightness.
function shade(share) {
  const s = Math.sqrt(Math.max(0, Math.min(1, share)));
  return `rgb(${Math.round(247 - 239 * s)}, ${Math.round(251 - 203 * s)}, ${Math.round(255 - 148 * s)})`;
}

function heatMap(title, rows, axes) {
  const box = element('div');
  box.append(element('h4', title));
  const height = rows.length;
  const width = Math.max(...rows.map((row) => row.length));
  const cell = Math.max(4, Math.min(28, Math.floor(320 / Math.max(width, height))));
  const canvas = element('canvas');
  canvas.width = width * cell;
  canvas.height = height * cell;
  canvas.setAttribute('role', 'img');
  const largest = Math.max(1, ...rows.flat());
  canvas.setAttribute('aria-label', `${title}: ${height} by ${width}, largest ${count(largest)}`);
  const draw = canvas.getContext('2d');
  rows.forEach((row, y) => row.forEach((value, x) => {
    draw.fillStyle = shade(value / largest);
    draw.fillRect(x * cell, y * cell, cell - 1, cell - 1);
  }));
  box.append(canvas, element('div', `${axes}; darkest ${count(largest)}`, 'quiet'));
  return box;
}

function bars(title, values, note) {
  const box = element('div');
  box.append(element('h4', title));
  const width = Math.max(1, Math.min(16, Math.floor(320 / values.length)));
  const canvas = element('canvas');
  canvas.width = Math.max(1, values.length * width);
  canvas.height = 90;
  const largest = Math.max(1, ...values);
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', `${title}: ${values.length} experts, largest ${count(largest)}`);
  const draw = canvas.getContext('2d');
  draw.fillStyle = '#3b82c4';
  values.forEach((value, i) => {
    const height = Math.round(88 * value / largest);
    draw.fillRect(i * width, 90 - height, Math.max(1, width - 1), height);
  });
  box.append(canvas, element('div', note, 'quiet'));
  return box;
}

function tableOf(head, rows) {
  const scroll = element('div', undefined, 'scroll');
  const table = element('table');
  const header = element('tr');
  head.forEach((name) => header.append(element('th', name)));
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

function jobCard(job) {
  const card = element('article', undefined, 'card');
  card.append(element('h3', job.label || job.digest.slice(0, 12)));
  card.append(facts(element('dl'), [
    ['digest', job.digest.slice(0, 12)], ['steps', count(job.num_steps)],
    ['newest step planned', job.newest_step_planned === undefined ? 'none yet' : String(job.newest_step_planned)],
    ['plan lead', seconds(job.plan_lead_seconds)], ['rows that stay on their rank', percent(job.local_share)],
    ['rows that stay on their node', percent(job.node_local_share)],
    ['routers', job.causal_tables ? 'causal' : 'not causal'],
  ]));
  const plots = element('div', undefined, 'plots');
  for (const load of job.expert_load || []) {
    const values = (load.tokens_per_expert || []).map(Number);
    if (values.length === 0) continue;
    plots.append(bars(`Expert load, layer group ${load.layer_group}`, values,
      `MaxVio ${Number(load.max_vio).toFixed(3)}, rank balancedness ${Number(load.rank_balancedness).toFixed(3)}`));
  }
  const ranks = numbers(job.rows_between_ranks);
  if (ranks.length > 0) plots.append(heatMap('Rows between ranks', ranks, 'from (down) to (across)'));
  const nodes = numbers(job.rows_between_nodes);
  if (nodes.length > 1) plots.append(heatMap('Rows between nodes', nodes, 'from (down) to (across)'));
  card.append(plots);
  if ((job.workers || []).length > 0) {
    card.append(element('h4', 'Workers'));
    card.append(tableOf(['worker', 'rank', 'step sent', 'step finished', 'lead', 'credit', 'stalled'],
      job.workers.map((w) => [w.worker, String(w.rank), w.step_sent === undefined ? '' : String(w.step_sent),
        w.step_finished === undefined ? '' : String(w.step_finished), seconds(w.plan_lead_seconds),
        bytes(w.credit_bytes), seconds(w.stalled_seconds)])));
  }
  return card;
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
  if ((stats.jobs || []).length > 0) byId('jobs').replaceChildren(...stats.jobs.map(jobCard));
  if ((stats.tables || []).length > 0) {
    byId('tables').replaceChildren(tableOf(['table', 'tokens', 'stored', 'jobs', 'state'], stats.tables.map((t) => [
      t.digest.slice(0, 12), count(t.num_tokens), bytes(t.stored_bytes), String(t.num_jobs), t.damage || 'whole'])));
  }
  byId('state').className = '';
  byId('state').textContent = server.draining ? 'draining' : 'serving';
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
