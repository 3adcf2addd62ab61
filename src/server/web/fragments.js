import { call, get } from '/ui/api.js';
import { announce, bytes, el, svg } from '/ui/dom.js';
import { t } from '/ui/text.js';

const STANDING = { helps: 'good', harms: 'bad', 'helps and harms': 'warn' };

/** Per suite a grey dot without and a coloured one with the fragment, joined: people look before they read. */
function evidencePlot(fragment) {
  const width = 300, left = 96, right = 12, row = 22;
  const x = (score) => left + score * (width - left - right);
  const plot = svg('svg', { viewBox: `0 0 ${width} ${row * fragment.evidence.length + 22}`, role: 'img', 'aria-label': t('plot', { name: fragment.name }) });
  fragment.evidence.forEach((e, i) => {
    const y = row * i + 14;
    const colour = e.score_on >= e.score_off ? 'var(--good)' : 'var(--bad)';
    const name = svg('text', { x: left - 8, y: y + 4, 'text-anchor': 'end' });
    name.textContent = e.suite.length > 13 ? e.suite.slice(0, 12) + '…' : e.suite;
    plot.append(name, svg('line', { x1: left, x2: width - right, y1: y, y2: y, stroke: 'var(--line)' }),
      svg('line', { x1: x(e.score_off), x2: x(e.score_on), y1: y, y2: y, stroke: colour, 'stroke-width': 3 }),
      svg('circle', { cx: x(e.score_off), cy: y, r: 4, fill: 'var(--quiet)' }), svg('circle', { cx: x(e.score_on), cy: y, r: 5, fill: colour }));
  });
  for (const share of [0, 0.5, 1]) {
    const tick = svg('text', { x: x(share), y: row * fragment.evidence.length + 18, 'text-anchor': share === 1 ? 'end' : 'middle' });
    tick.textContent = `${share * 100} %`;
    plot.append(tick);
  }
  return plot;
}

function evidenceTable(fragment) {
  const head = el('tr', {}, ...['suite', 'n', 'off', 'on', 'points', 'p'].map((key) => el('th', { scope: 'col' }, t(key))));
  const rows = fragment.evidence.map((e) => el('tr', {}, el('td', {}, e.suite), el('td', {}, String(e.n)), el('td', {}, `${(e.score_off * 100).toFixed(1)} %`),
    el('td', {}, `${(e.score_on * 100).toFixed(1)} %`), el('td', {}, ((e.score_on - e.score_off) * 100).toFixed(1)), el('td', {}, e.p_value.toPrecision(2))));
  return el('div', { class: 'scroll' }, el('table', {}, el('thead', {}, head), el('tbody', {}, ...rows)));
}

export async function fragmentsPage(main) {
  const cards = el('div', { class: 'cards' });
  const problem = el('p', { class: 'error', role: 'alert' });

  async function change(fragment) {
    problem.textContent = '';
    try {
      if (fragment.loaded) await call('DELETE', `/v1/fragments/${encodeURIComponent(fragment.name)}`);
      else await call('POST', '/v1/fragments', { name: fragment.name });
      announce(`${fragment.name}: ${t(fragment.loaded ? 'not_loaded' : 'loaded')}`);
      await show();
    } catch (error) {
      problem.textContent = t('failed', { why: error.message });
    }
  }
  function card(fragment) {
    const made = [fragment.recipe, fragment.keep ? `keep ${fragment.keep}` : '', fragment.rank ? `rank ${fragment.rank}` : ''].filter(Boolean).join(', ');
    const fact = (key, value) => [el('dt', { class: 'quiet' }, t(key)), el('dd', {}, value)];
    return el('article', { class: 'card', 'aria-label': fragment.name },
      el('div', { class: 'field' }, el('h2', {}, fragment.name), el('span', { class: `badge ${fragment.loaded ? 'good' : 'quiet'}` }, t(fragment.loaded ? 'loaded' : 'not_loaded'))),
      el('p', { class: STANDING[fragment.standing] ?? 'quiet' }, t('standing_' + fragment.standing.replaceAll(' ', '_'))),
      el('dl', {}, ...fact('made_by', made), ...fact('strength_own', String(fragment.strength)), ...fact('size', bytes(fragment.bytes)),
        ...fact('lanes', String(fragment.lanes)), ...fact('requests', String(fragment.requests))),
      el('h3', { class: 'hidden' }, t('evidence')),
      ...(fragment.evidence.length ? [evidencePlot(fragment), evidenceTable(fragment)] : [el('p', { class: 'quiet' }, t('no_evidence'))]),
      el('div', { class: 'row' }, el('button', { type: 'button', onclick: () => change(fragment) }, t(fragment.loaded ? 'unload' : 'load'))));
  }
  async function show() {
    const { data } = await get('/v1/fragments');
    cards.replaceChildren(...data.map(card));
    if (data.length === 0) cards.append(el('p', { class: 'quiet' }, t('none_yet')));
  }
  main.replaceChildren(el('div', { class: 'field' }, el('h1', {}, t('fragments')), el('button', { type: 'button', onclick: show }, t('refresh'))), problem, cards);
  await show();
}
