// Which fragments act, and how strongly. Chat and agent share the choice.
import { get } from '/ui/api.js';
import { el } from '/ui/dom.js';
import { t } from '/ui/text.js';

const chosen = new Map();  // name -> strength

export const chosenFragments = () => [...chosen].map(([name, strength]) => ({ name, strength }));

export async function fragmentChooser() {
  const box = el('fieldset', {}, el('legend', {}, t('fragments')));
  const { data } = await get('/v1/fragments');
  if (data.length === 0) box.append(el('p', { class: 'quiet' }, t('none_yet')));
  for (const fragment of data) {
    const start = chosen.get(fragment.name) ?? (fragment.strength || 0.1);
    const value = el('output', { class: 'quiet' }, start.toFixed(2));
    const range = Math.max(1, Math.abs(start));
    const slider = el('input', { type: 'range', min: -range, max: range, step: 0.05, value: start, 'aria-label': t('strength', { name: fragment.name }), disabled: !chosen.has(fragment.name), oninput: () => {
      value.textContent = Number(slider.value).toFixed(2);
      if (check.checked) chosen.set(fragment.name, Number(slider.value));
    } });
    const check = el('input', { type: 'checkbox', checked: chosen.has(fragment.name), onchange: () => {
      slider.disabled = !check.checked;
      if (check.checked) chosen.set(fragment.name, Number(slider.value));
      else chosen.delete(fragment.name);
    } });
    box.append(el('div', { class: 'fragment' }, el('label', { class: 'check' }, check, fragment.name), slider, value));
  }
  return box;
}
