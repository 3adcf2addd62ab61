import { agentPage } from '/ui/agent.js';
import { get } from '/ui/api.js';
import { chatPage } from '/ui/chat.js';
import { el } from '/ui/dom.js';
import { fragmentsPage } from '/ui/fragments.js';
import { statusPage } from '/ui/status.js';
import { currentLanguage, setLanguage, t } from '/ui/text.js';

const PAGES = { chat: chatPage, agent: agentPage, fragments: fragmentsPage, status: statusPage };
const main = document.getElementById('main');
let model = null;

function translate() {
  for (const node of document.querySelectorAll('[data-text]')) node.textContent = t(node.dataset.text);
}
function setTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
}
async function show() {
  const page = location.hash.slice(1) in PAGES ? location.hash.slice(1) : 'chat';
  for (const link of document.querySelectorAll('nav a')) {
    if (link.hash === `#${page}`) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  document.title = `aicoder: ${t(page)}`;
  try {
    model ??= (await get('/v1/models')).data[0];
    document.getElementById('model').textContent = model.id;
    await PAGES[page](main, model);
  } catch (error) {
    main.replaceChildren(el('p', { class: 'error', role: 'alert' }, error.status ? t('failed', { why: error.message }) : t('offline')),
      el('button', { type: 'button', onclick: show }, t('refresh')));
  }
}

const language = document.getElementById('language');
setLanguage(localStorage.getItem('language') ?? (navigator.language.startsWith('ko') ? 'ko' : 'en'));
language.value = currentLanguage();
language.addEventListener('change', () => {
  localStorage.setItem('language', language.value);
  setLanguage(language.value);
  translate();
  show();
});
const theme = document.getElementById('theme');
theme.value = localStorage.getItem('theme') ?? '';
setTheme(theme.value);
theme.addEventListener('change', () => {
  localStorage.setItem('theme', theme.value);
  setTheme(theme.value);
});
document.querySelector('.skip').addEventListener('click', (event) => {
  event.preventDefault();
  main.focus();
});
window.addEventListener('hashchange', show);
translate();
show();
