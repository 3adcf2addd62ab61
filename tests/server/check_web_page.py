"""usage: check_web_page.py PROGRAM FRAGMENT

The web page in a real Chromium: chat, switching a fragment inside a conversation, stop, an agent run, fragment cards, both languages, keyboard,
names for screen readers, the token, nothing fetched from elsewhere.
"""

import sys

from browser import Browser
from serve_program import Served

program, fragment = sys.argv[1], sys.argv[2]
IDLE = "[...document.querySelectorAll('button')].some((b) => b.textContent === 'Stop' && b.disabled)"


def note(n):
    return f"document.querySelectorAll('article.assistant')[{n}]?.querySelector('.who span:last-child').textContent"


with Served(program, ["--token"]) as server, Browser() as page:
    url = server.url
    page.open(url + "/")

    # Without a token the page shows itself and asks; a wrong one is asked for again.
    page.wait("document.getElementById('ask_token').open")
    for token in ("not the token", server.token):
        page.run(f"document.getElementById('token').value = {token!r}; document.querySelector('#ask_token button').click()")
        page.wait("document.getElementById('ask_token').open || document.activeElement?.id === 'message'")
    page.wait("document.activeElement?.id === 'message'")
    assert page.run("document.title") == "aicoder: Chat"

    # An answer, sent by keyboard alone.
    page.type("Say hello.")
    page.press("Enter")
    page.wait(f"{note(0)}?.includes('reused')")
    assert page.run("document.querySelector('article.user p').textContent") == "Say hello."
    assert page.run("document.querySelector('article.assistant').innerText").strip()

    # With the fragment from the last message on: what was said before is not read again.
    page.run(
        f"[...document.querySelectorAll('.fragment label')].find((l) => l.textContent === {fragment!r}).querySelector('input').click()"
    )
    page.run("document.getElementById('message').focus()")
    page.type("And goodbye.")
    page.press("Enter")
    said = page.wait(f"{note(1)}?.includes('reused') && {note(1)}")
    reused, prompt = [int(word) for word in said.split(", ")[-1].split() if word.isdigit()]
    assert 0 < reused < prompt, said
    assert page.run("document.querySelectorAll('article.assistant')[1].querySelector('.who span').textContent").endswith("+" + fragment)
    assert "tokens" in page.run("document.querySelector('.gauge').parentElement.textContent")

    # Markup in a message stays text.
    page.type('<img src=x onerror="window.broken=1">')
    page.press("Enter")
    page.wait("document.querySelectorAll('article.user').length === 3")
    page.press("Escape")
    page.wait(IDLE)
    assert page.run("document.querySelector('main img') === null && window.broken === undefined")

    # Shift+Enter makes a line and sends nothing.
    page.run("document.getElementById('message').focus()")
    page.type("one")
    page.press("Enter", modifiers=8)
    assert page.run("document.querySelectorAll('article.user').length") == 3

    # Fragments: loaded by the chat; unloaded and loaded again by hand.
    page.open(url + "/#fragments")
    state = f"[...document.querySelectorAll('.card')].find((c) => c.getAttribute('aria-label') === {fragment!r})"
    page.wait(f"{state}?.querySelector('.badge').textContent === 'loaded'")
    assert page.run(f"{state}.querySelector('p').textContent") == "No suite has judged it: used only when named."
    page.run(f"{state}.querySelector('.row button').click()")
    page.wait(f"{state}?.querySelector('.badge').textContent === 'not loaded'")
    page.run(f"{state}.querySelector('.row button').click()")
    page.wait(f"{state}?.querySelector('.badge').textContent === 'loaded'")
    assert page.controls_without_name() == []

    # Korean, kept over a reload; dark.
    page.run("(() => { const s = document.getElementById('language'); s.value = 'ko'; s.dispatchEvent(new Event('change')); })()")
    page.wait("document.querySelector('h1').textContent === '프래그먼트'")
    page.open(url + "/#status")
    page.wait("document.documentElement.lang === 'ko' && document.querySelector('h1').textContent === '지표'")
    page.wait("document.querySelectorAll('main dd').length > 5")
    page.run("(() => { const s = document.getElementById('theme'); s.value = 'dark'; s.dispatchEvent(new Event('change')); })()")
    assert page.run("getComputedStyle(document.body).backgroundColor") == "rgb(22, 22, 22)"
    page.run("(() => { const s = document.getElementById('language'); s.value = 'en'; s.dispatchEvent(new Event('change')); })()")

    # An agent run with an example, judged by running it.
    page.open(url + "/#agent")
    page.wait("document.activeElement?.id === 'task'")
    page.type("Write add(a, b). Example: add(1, 2) == 3")
    page.run("document.querySelector('form button[type=submit]').click()")
    page.wait("document.querySelectorAll('.steps li').length > 1")
    assert page.wait("document.querySelector('.badge')?.textContent", 240) in ("verified", "ran, not verified", "not run")
    assert page.controls_without_name() == []

    # A folder that is not allowed is refused in words.
    page.wait("!document.querySelector('form button[type=submit]').disabled")
    page.run("(() => { const d = document.getElementById('dir'); d.value = '/etc'; d.dispatchEvent(new Event('input')); })()")
    page.run("document.querySelector('form button[type=submit]').click()")
    page.wait("document.querySelector('.error').textContent.includes('--dir')")

    foreign = [one for one in page.requests if not one.startswith((url, "data:", "about:"))]
    assert foreign == [], foreign
    # What was refused above is all the errors there are.
    unexpected = [one for one in page.problems if "403" not in one and "401" not in one]
    assert unexpected == [], unexpected
print("the page works")
