// Elements without markup from strings: what a model says can never become an element.
import { t } from '/ui/text.js';

export function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else if (value === true) node.setAttribute(key, '');
    else if (value !== false && value !== undefined && value !== null) node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

const SVG = 'http://www.w3.org/2000/svg';
export function svg(name, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

export function announce(text) {
  document.getElementById('announce').textContent = text;
}

function inline(text) {
  const parts = text.split(/(`[^`\n]+`|\*\*[^*\n]+\*\*)/);
  return parts.map((part) => {
    if (part.length > 2 && part.startsWith('`') && part.endsWith('`')) return el('code', {}, part.slice(1, -1));
    if (part.length > 4 && part.startsWith('**') && part.endsWith('**')) return el('strong', {}, part.slice(2, -2));
    return part;
  });
}

function codeBlock(text) {
  const button = el('button', { type: 'button', onclick: async () => {
    try { await navigator.clipboard.writeText(text); } catch { return; }
    button.textContent = t('copied');
    setTimeout(() => { button.textContent = t('copy'); }, 1500);
  } }, t('copy'));
  return el('div', { class: 'code' }, el('pre', { tabindex: 0 }, el('code', {}, text)), button);
}

/** The part of Markdown that answers about code use: fences, inline code, bold; a fence that is still open counts. */
export function markdown(text) {
  const nodes = [];
  let rest = text;
  while (rest) {
    const open = rest.match(/(^|\n)```[^\n]*(\n|$)/);
    if (!open) break;
    const before = rest.slice(0, open.index);
    if (before.trim()) nodes.push(el('p', {}, ...inline(before.trim())));
    rest = rest.slice(open.index + open[0].length);
    const close = rest.search(/(^|\n)```(?=\s|$)/);
    const code = close < 0 ? rest : rest.slice(0, close);
    nodes.push(codeBlock(code));
    rest = close < 0 ? '' : rest.slice(close).replace(/^\n?```[^\n]*\n?/, '');
  }
  if (rest.trim()) nodes.push(el('p', {}, ...inline(rest.trim())));
  return nodes;
}

export function diffView(text) {
  const view = el('pre', { class: 'diff', tabindex: 0 });
  for (const line of text.replace(/\n$/, '').split('\n')) {
    const kind = line.startsWith('@@') || line.startsWith('+++') || line.startsWith('---') ? 'at' : line.startsWith('+') ? 'add' : line.startsWith('-') ? 'cut' : '';
    view.append(el('span', { class: kind }, line || ' '));
  }
  return view;
}

export function bytes(n) {
  const units = ['B', 'kB', 'MB', 'GB'];
  let i = 0;
  while (n >= 1000 && i + 1 < units.length) { n /= 1000; ++i; }
  return `${n >= 100 || i === 0 ? Math.round(n) : n.toFixed(1)} ${units[i]}`;
}
