import { call, events } from '/ui/api.js';
import { chosenFragments, fragmentChooser } from '/ui/chooser.js';
import { announce, diffView, el, markdown } from '/ui/dom.js';
import { t } from '/ui/text.js';

const state = { task: '', dir: '', mode: 'auto' };
const VERDICT = { verified: 'good', ran: 'warn', not_run: 'warn' };
let abort = null;

function stepView(step, running) {
  const parts = [step.role, step.fragment].filter(Boolean).join(' · ');
  const oneLine = step.detail && !step.detail.includes('\n');
  const numbers = running ? '' : ` ${step.seconds.toFixed(1)} s, ${step.tokens} tokens` + (step.fragment ? `, ${step.switch_ms.toFixed(1)} ms` : '');
  return el('li', { class: running ? 'running' : '' }, el('strong', {}, parts), running ? el('span', { class: 'dot', 'aria-hidden': 'true' }, ' ●') : null,
    el('span', { class: 'quiet' }, numbers),
    step.verdict || step.detail ? el('div', {}, step.verdict ?? '', oneLine ? el('span', { class: 'quiet' }, ` ${step.detail}`) : null) : null,
    step.detail && !oneLine ? el('pre', { tabindex: 0 }, step.detail) : null);
}

export async function agentPage(main) {
  const steps = el('ol', { class: 'steps' });
  const text = el('div', {});
  const diffs = el('div', { class: 'log' });
  const result = el('div', { class: 'log' });
  const problem = el('p', { class: 'error', role: 'alert' });
  const task = el('textarea', { id: 'task', rows: 4, required: true, oninput: () => { state.task = task.value; } });
  task.value = state.task;
  const dir = el('input', { id: 'dir', value: state.dir, oninput: () => { state.dir = dir.value; } });
  const mode = el('select', { id: 'mode', onchange: () => { state.mode = mode.value; } },
    ...['auto', 'direct', 'agent'].map((name) => el('option', { value: name, selected: state.mode === name }, name === 'agent' ? t('agent') : t(name))));
  const run = el('button', { type: 'submit', class: 'primary' }, t('run'));
  const stop = el('button', { type: 'button', disabled: true, onclick: () => abort?.abort() }, t('stop'));

  function showResult(data, where) {
    const kind = data.verification;
    result.append(el('h2', {}, t('result')),
      el('p', {}, el('span', { class: `badge ${VERDICT[kind] ?? ''}` }, t(kind)), ' ', data.verification_detail ?? '', el('span', { class: 'quiet' }, ` ${data.seconds.toFixed(1)} s, ${data.tokens} tokens`)),
      ...markdown(data.answer ?? ''));
    if (data.reasons?.length) result.append(el('details', {}, el('summary', {}, t('why')), el('ul', {}, ...data.reasons.map((reason) => el('li', {}, reason)))));
    if (data.files?.length && where) {
      const apply = el('button', { type: 'button', onclick: async () => {
        if (!window.confirm(t('apply_sure', { dir: where }))) return;
        apply.disabled = true;
        try {
          const answer = await (await call('POST', `/v1/agent/runs/${encodeURIComponent(data.id)}/apply`, {})).json();
          const said = t('applied', { files: answer.files.join(', ') });
          result.append(el('p', { class: 'good' }, said));
          announce(said);
        } catch (error) {
          apply.disabled = false;
          problem.textContent = t('failed', { why: error.message });
        }
      } }, t('apply'));
      result.append(apply);
    }
    announce(`${t('result')}: ${t(kind)}`);
  }

  async function start() {
    if (abort) return;
    for (const part of [steps, text, diffs, result]) part.replaceChildren();
    problem.textContent = '';
    const body = { task: task.value, mode: mode.value };
    if (dir.value.trim()) body.dir = dir.value.trim();
    const fragments = chosenFragments();
    if (fragments.length) body.fragments = fragments;
    abort = new AbortController();
    run.disabled = true;
    stop.disabled = false;
    announce(t('running'));
    let open = null;
    let written = '';
    let where = '';
    try {
      for await (const { event, data } of events('/v1/agent/runs', body, abort.signal)) {
        if (event === 'run') where = data.dir;
        if (event === 'step_begin') {
          open = stepView(data, true);
          steps.append(open);
          written = '';
        }
        if (event === 'step' || event === 'plan') {
          const closed = stepView(data, false);
          if (open) open.replaceWith(closed);
          else steps.append(closed);
          open = null;
        }
        if (event === 'text') {
          written += data.text;
          text.replaceChildren(...markdown(written));
        }
        if (event === 'diff') diffs.append(el('h2', {}, data.path), diffView(data.diff));
        if (event === 'result') {
          text.replaceChildren();
          showResult(data, where);
        }
        if (event === 'error') problem.textContent = t('failed', { why: data.error.message });
      }
    } catch (error) {
      if (error.name === 'AbortError') announce(t('stopped'));
      else problem.textContent = t('failed', { why: error.message });
    }
    open?.classList.remove('running');
    abort = null;
    run.disabled = false;
    stop.disabled = true;
  }

  const side = el('div', { class: 'side' });
  main.replaceChildren(el('h1', { class: 'hidden' }, t('agent')), el('div', { class: 'columns' },
    el('div', { class: 'log' },
      el('form', { class: 'log', onsubmit: (event) => { event.preventDefault(); start(); } },
        el('label', { for: 'task' }, t('task')), task,
        el('label', { for: 'dir' }, t('dir')), dir,
        el('div', { class: 'row' }, el('label', { for: 'mode' }, t('mode')), mode, run, stop)),
      problem, el('section', { 'aria-label': t('steps') }, steps), text, el('section', { 'aria-label': t('changes') }, diffs), el('section', { 'aria-label': t('result') }, result)),
    side));
  side.append(await fragmentChooser());
  task.focus();
}
