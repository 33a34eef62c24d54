"""Chats: how answers come, how they are stopped, and what is said when something fails."""

import json
import re

import pytest

QUESTION = "What is the capital of France? Answer with one sentence."
HTML = '<img src=x onerror="window.read_as_html = true"><b>bold</b> &amp; <script>window.read_as_html = true</script>'


def event(content):
    return "data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": content}, "finish_reason": None}]}) + "\n\n"


def say(page, *events):
    """The page's next questions are answered with these events."""
    page.route("**/v1/chat/completions", lambda route: route.fulfill(content_type="text/event-stream", body="".join(events)))


def test_an_answer_grows_as_it_is_written(visit, service):
    v = visit(service)
    v.choose("endless")
    v.page.evaluate("""() => { window.lengths = new Set();
      new MutationObserver(() => lengths.add(document.querySelector('.assistant')?.textContent.length))
        .observe(document.querySelector('#messages'), {childList: true, characterData: true, subtree: true}); }""")
    v.send("Go on.")
    v.wait("() => document.querySelector('.assistant').textContent.length > 60")
    assert v.page.evaluate("lengths.size") >= 10
    v.page.keyboard.press("Escape")
    v.wait_for_answer()


def test_an_answer_is_whole_and_says_what_it_took(visit, service):
    v = visit(service)
    v.choose("smollm2")
    v.send(QUESTION)
    answer = v.wait_for_answer()
    said, note = answer.inner_text().split("\n")
    assert "Paris" in said
    assert re.fullmatch(r"[0-9]+ \+ [0-9]+ tokens, first after [0-9]+ ms, then [0-9.]+ a second", note)
    assert v.page.input_value("#text") == ""


def test_several_messages_are_one_conversation(visit, service):
    v = visit(service)
    v.choose("smollm2")
    v.send(QUESTION)
    v.wait_for_answer(1)
    v.send("And of Italy?")
    v.wait_for_answer(2)
    first = v.page.evaluate("document.querySelector('.assistant').firstChild.data")
    assert v.asked[1]["messages"] == [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": first}, {"role": "user", "content": "And of Italy?"}]
    assert "Rome" in v.page.locator(".assistant").nth(1).inner_text()


def test_the_chosen_model_answers(visit, service):
    v = visit(service)
    assert v.page.locator("#model option").all_inner_texts() == ["endless", "brief", "smollm2"]
    before = service.counter("endpoint", "opened", "endless")
    v.choose("endless")
    v.send("Go on.")
    v.wait("() => document.querySelector('.assistant').textContent.length > 20")
    assert service.counter("scheduler", "running", "endless") == 1 and service.counter("endpoint", "opened", "endless") == before + 1
    v.page.click("#stop")
    v.choose("smollm2")
    v.send(QUESTION)
    v.wait_for_answer(2)
    assert [a["model"] for a in v.asked] == ["endless", "smollm2"]


@pytest.mark.parametrize("how", ["button", "Escape"])
def test_an_answer_is_stopped(visit, service, how):
    v = visit(service)
    v.choose("endless")
    v.send("Go on.")
    v.wait("() => document.querySelector('.assistant').textContent.length > 20")
    assert service.counter("scheduler", "running") == 1
    v.page.click("#stop") if how == "button" else v.page.keyboard.press("Escape")
    answer = v.wait_for_answer().inner_text()
    assert service.wait_until(service.is_idle, 2)
    assert answer.endswith("\nstopped") and answer == v.page.locator(".assistant").inner_text()
    assert v.page.is_enabled("#send") and v.page.evaluate("document.activeElement.id") == "text"


def test_an_answer_that_is_stopped_before_it_began_gives_the_question_back(visit, service):
    v = visit(service)
    v.choose("endless")
    v.page.route("**/v1/chat/completions", lambda route: None)  # never answered
    v.send("Go on.")
    v.page.press("#text", "Escape")
    v.wait("() => document.querySelector('#text').value === 'Go on.'")
    assert v.page.locator(".message").count() == 0
    v.send("Go on.")
    v.page.click("#clear")
    v.page.wait_for_timeout(200)
    assert v.page.input_value("#text") == "" and v.page.locator(".message").count() == 0


def test_a_new_chat_forgets_also_what_was_being_written(visit, service):
    v = visit(service)
    v.choose("endless")
    v.send("Go on.")
    v.wait("() => document.querySelector('.assistant').textContent.length > 20")
    v.page.click("#clear")
    assert service.wait_until(service.is_idle, 2)
    v.choose("smollm2")
    v.send(QUESTION)
    v.wait_for_answer()
    assert v.asked[-1]["messages"] == [{"role": "user", "content": QUESTION}]
    assert v.page.locator(".message").count() == 2


def test_what_the_service_refuses_is_said_and_can_be_changed(visit, service):
    v = visit(service)
    v.expected = ["status of 400"]
    v.choose("brief")
    v.send("word " * 200)
    v.page.wait_for_selector(".problem")
    assert "128" in v.page.inner_text(".problem")
    assert v.page.input_value("#text") == ("word " * 200).strip()
    v.send("Shorter.")  # what was refused is not part of the conversation
    assert "cut: no more tokens fit" in v.wait_for_answer().inner_text()
    assert v.asked[-1]["messages"] == [{"role": "user", "content": "Shorter."}]


def test_an_error_amid_an_answer_is_said(visit, service):
    v = visit(service)
    say(v.page, event("Once"), 'data: {"error": {"message": "engine lost"}}\n\n')
    v.send("Tell me a story.")
    assert v.wait_for_answer().inner_text().startswith("Once")
    assert v.page.inner_text(".problem") == "engine lost"


def test_a_service_that_is_killed_amid_an_answer_is_noticed_and_met_again(visit, serve):
    service = serve()
    v = visit(service)
    v.expected = ["ERR_"]
    v.choose("endless")
    v.send("Go on.")
    v.wait("() => document.querySelector('.assistant').textContent.length > 20")
    service.kill()
    v.wait_for_answer()
    assert v.page.inner_text("#messages .problem") == "the connection to the service was lost"
    assert len(v.page.locator(".assistant").inner_text()) > 20
    v.page.wait_for_selector("aside .problem")
    assert v.page.inner_text("aside .problem") == "No state: the service cannot be reached"
    v.send("Are you there?")
    v.wait("() => document.querySelector('#text').value === 'Are you there?'")
    assert v.page.locator("#messages .problem").last.inner_text() == "the service cannot be reached"
    serve(port=service.port)
    v.wait("() => [...document.querySelectorAll('aside h2')].some(h => h.textContent === 'Engines')")
    v.choose("brief")
    v.send("Are you there?")
    v.wait_for_answer(2)


def test_no_text_is_read_as_html(visit, service):
    v = visit(service)
    v.expected = ["status of 400"]
    say(v.page, event(HTML), "data: [DONE]\n\n")
    v.send(HTML)
    assert v.wait_for_answer().inner_text() == HTML
    assert v.page.inner_text(".user") == HTML
    v.page.unroute("**/v1/chat/completions")
    v.page.route("**/v1/chat/completions", lambda route: route.fulfill(status=400, json={"error": {"message": HTML}}))
    v.send("Again.")
    v.page.wait_for_selector(".problem")
    assert v.page.inner_text(".problem") == HTML
    v.page.route("**/status", lambda route: route.fulfill(json={"nodes": [], "actors": [{"kind": "endpoint", "name": HTML, "node": "", "counters": {}}]}))
    v.wait("html => document.querySelector('aside h3')?.textContent === html", HTML)
    assert v.page.locator("img, b, #messages script").count() == 0
    assert v.page.evaluate("window.read_as_html") is None


def test_keys_are_asked_for_and_sent(visit, serve, tmp_path):
    keys = tmp_path / "keys"
    keys.write_text("alice sk-0123456789abcdef\n")
    service = serve(f'api_keys = "{keys}"')
    v = visit(service, models=False)
    v.expected = ["status of 401"]
    v.page.wait_for_selector("#messages .problem")
    assert "a key is needed" in v.page.inner_text("#messages .problem") and "a key is needed" in v.page.inner_text("aside")
    assert v.page.evaluate("document.activeElement.id") == "key"
    looks = []
    v.page.on("request", lambda request: looks.append(request.url))
    v.page.wait_for_timeout(1200)
    assert looks == []  # until there is a key
    v.page.fill("#key", "sk-wrong")
    v.page.press("#key", "Enter")
    v.wait("() => document.querySelector('#messages .problem')")
    v.page.fill("#key", "sk-0123456789abcdef")
    v.page.press("#key", "Enter")
    v.wait("() => document.querySelector('#model').length > 0")
    v.wait("() => [...document.querySelectorAll('aside h2')].some(h => h.textContent === 'Engines')")
    assert v.page.locator(".problem").count() == 0
    v.choose("brief")
    v.send("Hello.")
    assert "tokens" in v.wait_for_answer().inner_text()
    assert v.page.evaluate("localStorage.length + sessionStorage.length + document.cookie.length") == 0
