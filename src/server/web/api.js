// The server's API as the page needs it. The token stays in this tab.
const KEY = 'aicoder-token';

export class ApiFailure extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

function askForToken() {
  const dialog = document.getElementById('ask_token');
  const field = document.getElementById('token');
  field.value = '';
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => {
      sessionStorage.setItem(KEY, field.value.trim());
      resolve(field.value.trim() !== '');
    }, { once: true });
    if (!dialog.open) dialog.showModal();
  });
}

let asking = null;  // several calls fail together: one question
export async function call(method, path, body, signal) {
  for (;;) {
    const headers = {};
    const token = sessionStorage.getItem(KEY);
    if (token) headers.Authorization = `Bearer ${token}`;
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    const response = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), signal });
    if (response.ok) return response;
    if (response.status === 401) {
      asking ??= askForToken().finally(() => { asking = null; });
      if (await asking) continue;
    }
    let message = response.statusText;
    try { message = (await response.json()).error.message; } catch { /* not ours: the status has to do */ }
    throw new ApiFailure(response.status, message);
  }
}

export const get = async (path) => (await call('GET', path)).json();

/** Yields {event, data} of a stream of server-sent events. */
export async function* events(path, body, signal) {
  const response = await call('POST', path, body, signal);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = '';
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      buffer += value;
      for (let end; (end = buffer.indexOf('\n\n')) >= 0; buffer = buffer.slice(end + 2)) {
        let event = 'message';
        let data = '';
        for (const line of buffer.slice(0, end).split('\n')) {
          if (line.startsWith('event: ')) event = line.slice(7);
          if (line.startsWith('data: ')) data += line.slice(6);
        }
        if (data === '[DONE]') return;
        if (data) yield { event, data: JSON.parse(data) };
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
