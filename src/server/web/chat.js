import { events } from '/ui/api.js';
import { chosenFragments, fragmentChooser } from '/ui/chooser.js';
import { announce, el, markdown } from '/ui/dom.js';
import { t } from '/ui/text.js';

const state = { messages: [], used: 0, system: '', temperature: 0.7, max_tokens: 1024, late: true };
let abort = null;

function messageView(message) {
  const body = el('div', {}, ...(message.role === 'user' ? [el('p', {}, message.content)] : markdown(message.content)));
  const note = el('span', {}, message.note ?? '');
  const view = el('article', { class: `message ${message.role}` }, el('div', { class: 'who' }, el('span', {}, message.role === 'user' ? t('you') : message.name), note), body);
  return { view, body, note };
}

function request() {
  const fragments = chosenFragments();
  const messages = state.messages.map(({ role, content }) => ({ role, content }));
  if (state.system.trim()) messages.unshift({ role: 'system', content: state.system.trim() });
  const body = { messages, stream: true, stream_options: { include_usage: true }, temperature: state.temperature, max_tokens: state.max_tokens };
  if (fragments.length) body.fragments = fragments;
  if (fragments.length && state.late) body.active_from = messages.length - 1;
  return body;
}

export async function chatPage(main, model) {
  const log = el('div', { class: 'log', role: 'log', 'aria-live': 'off' });
  const problem = el('p', { class: 'error', role: 'alert' });
  const gauge = el('span', {});
  const gaugeText = el('span', { class: 'quiet' });
  const input = el('textarea', { id: 'message', rows: 3, 'aria-describedby': 'hint' });
  const send = el('button', { type: 'submit', class: 'primary' }, t('send'));
  const stop = el('button', { type: 'button', disabled: true, onclick: () => abort?.abort() }, t('stop'));
  const again = el('button', { type: 'button', onclick: () => answerAgain() }, t('again'));
  const clear = el('button', { type: 'button', onclick: () => {
    abort?.abort();
    state.messages = [];
    state.used = 0;
    show();
    input.focus();
  } }, t('clear'));

  function showGauge() {
    const all = model.context_length ?? 0;
    gauge.style.width = all ? `${Math.min(100, (100 * state.used) / all)}%` : '0';
    gaugeText.textContent = all ? t('context', { used: state.used, all }) : '';
  }
  function show() {
    log.replaceChildren(...state.messages.map((message) => messageView(message).view));
    again.disabled = abort !== null || state.messages.at(-1)?.role !== 'assistant';
    clear.disabled = state.messages.length === 0;
    showGauge();
  }
  function setBusy(busy) {
    send.disabled = busy;
    stop.disabled = !busy;
    again.disabled = busy;
  }

  async function answer() {
    problem.textContent = '';
    const body = request();
    const message = { role: 'assistant', content: '', name: model.id + (body.fragments ? '+' + body.fragments.map((f) => f.name).join('+') : '') };
    const { view, body: content, note } = messageView(message);
    log.append(view);
    abort = new AbortController();
    setBusy(true);
    announce(t('answering'));
    const start = performance.now();
    let first = 0;
    let pieces = 0;
    let usage = null;
    let scheduled = false;
    const draw = () => {
      scheduled = false;
      const atEnd = window.innerHeight + window.scrollY >= document.body.scrollHeight - 80;
      content.replaceChildren(...markdown(message.content));
      note.textContent = pieces > 1 ? `${(pieces / ((performance.now() - first) / 1000)).toFixed(1)} tokens/s` : '';
      if (atEnd) window.scrollTo(0, document.body.scrollHeight);
    };
    try {
      for await (const { data } of events('/v1/chat/completions', body, abort.signal)) {
        if (data.error) throw new Error(data.error.message);
        const piece = data.choices?.[0]?.delta?.content;
        if (piece) {
          first ||= performance.now();
          ++pieces;
          message.content += piece;
          if (!scheduled) {
            scheduled = true;
            requestAnimationFrame(draw);
          }
        }
        usage = data.usage ?? usage;
      }
      announce(t('done'));
    } catch (error) {
      if (error.name === 'AbortError') announce(t('stopped'));
      else problem.textContent = t('failed', { why: error.message });
    }
    const seconds = Math.max(1e-3, (performance.now() - first) / 1000);
    if (usage) {
      state.used = usage.total_tokens;
      message.note = t('speed', { n: usage.completion_tokens, rate: (usage.completion_tokens / seconds).toFixed(1), first: ((first - start) / 1000).toFixed(2), reused: usage.prompt_tokens_details?.cached_tokens ?? 0, prompt: usage.prompt_tokens });
    }
    if (message.content) state.messages.push(message);
    abort = null;
    setBusy(false);
    show();
  }
  function answerAgain() {
    state.messages.pop();
    show();
    answer();
  }
  function submit() {
    const text = input.value.trim();
    if (!text || abort) return;
    input.value = '';
    state.messages.push({ role: 'user', content: text });
    show();
    answer();
  }

  input.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      submit();
    }
    if (event.key === 'Escape') abort?.abort();
  });
  const setting = (name, text, attributes) => {
    const field = el('input', { type: 'number', value: state[name], ...attributes, onchange: () => { if (field.checkValidity()) state[name] = Number(field.value); } });
    return el('label', { class: 'field' }, t(text), field);
  };
  const system = el('textarea', { rows: 2, oninput: () => { state.system = system.value; } });
  system.value = state.system;
  const late = el('input', { type: 'checkbox', checked: state.late, onchange: () => { state.late = late.checked; } });
  const side = el('div', { class: 'side' });
  const form = el('form', { onsubmit: (event) => { event.preventDefault(); submit(); } },
    el('label', { for: 'message' }, t('message')), input,
    el('div', { class: 'row' }, send, stop, again, clear, el('span', { id: 'hint', class: 'quiet' }, t('message_hint'))));
  main.replaceChildren(el('h1', { class: 'hidden' }, t('chat')), el('div', { class: 'columns' }, el('div', { class: 'log' }, log, problem, form), side));
  side.append(await fragmentChooser(),
    el('label', { class: 'check' }, late, t('late')),
    el('fieldset', {}, el('legend', {}, t('system')), system,
      setting('temperature', 'temperature', { min: 0, max: 2, step: 0.1 }), setting('max_tokens', 'max_tokens', { min: 1, max: 1000000, step: 1 })),
    el('div', {}, el('span', { class: 'gauge' }, gauge), gaugeText));
  show();
  input.focus();
}
