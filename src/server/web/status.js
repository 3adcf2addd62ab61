import { call } from '/ui/api.js';
import { el } from '/ui/dom.js';
import { t } from '/ui/text.js';

/** The samples of Prometheus' text format, without its buckets. */
function samples(text) {
  return text.split('\n').filter((line) => line && !line.startsWith('#') && !line.includes('_bucket')).map((line) => {
    const space = line.lastIndexOf(' ');
    return [line.slice(0, space), Number(line.slice(space + 1))];
  });
}

export async function statusPage(main) {
  const list = el('dl', {});
  const problem = el('p', { class: 'error', role: 'alert' });
  async function show() {
    try {
      const text = await (await call('GET', '/metrics')).text();
      list.replaceChildren(...samples(text).flatMap(([name, value]) => [el('dt', {}, el('code', {}, name)), el('dd', {}, value.toLocaleString())]));
      problem.textContent = '';
    } catch (error) {
      problem.textContent = t('failed', { why: error.message });
    }
  }
  main.replaceChildren(el('div', { class: 'field' }, el('h1', {}, t('details')), el('button', { type: 'button', onclick: show }, t('refresh'))), problem, list);
  await show();
  const timer = setInterval(() => {
    if (!list.isConnected) clearInterval(timer);
    else if (!document.hidden) show();
  }, 2000);
}
