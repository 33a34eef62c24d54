"""The web page in Chromium, of services with a real model and with one that writes on, a token every 10 ms, until it is stopped."""

import os
import re
import shutil
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import sync_playwright
from running_service import FACTOR, RunningService

PATIENCE_MS = 15_000 * FACTOR
TOPOLOGY = """
[plugins]
paths = ["$null_backend"]
[models.smollm2]
path = "$model"
[engines.endless]
model = "smollm2"
backend = { plugin = "null", step_us = 10000 }
context_length = 2048
max_sequences = 2
[engines.brief]
model = "smollm2"
backend = { plugin = "null" }
context_length = 128
[pools.endless]
[pools.brief]
[frontends.http]
bind = "127.0.0.1:$port"
$more
"""
REAL = """
[engines.smollm2]
model = "smollm2"
context_length = 2048
[pools.smollm2]
engines = ["smollm2"]
"""


@pytest.fixture(scope="session")
def serve(tmp_path_factory):
    """serve(more lines of the topology, port): a service that ends with the tests."""
    started = []

    def start(more="", port=0):
        started.append(RunningService(TOPOLOGY, tmp_path_factory.mktemp("service"), port, null_backend=os.environ["TOKAMAK_NULL_BACKEND"], more=more))
        return started[-1]

    yield start
    for service in started:
        if service.process.poll() is None:
            service.end()


@pytest.fixture(scope="session")
def service(serve):
    return serve(REAL)


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield browser
        browser.close()


class Visit:
    """The page of a service in a window of its own. Whatever its console calls an error, and any request to elsewhere, fails the test,
    but for errors that the test expects: their patterns."""

    def __init__(self, browser, address, **window):
        self.address, self.errors, self.expected, self.elsewhere, self.asked = address, [], [], [], []
        self.context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}} | window)
        self.context.set_default_timeout(PATIENCE_MS)
        self.page = self.context.new_page()
        self.page.on("console", lambda m: self.errors.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda e: self.errors.append(str(e)))
        self.page.on("request", self.note_request)

    def note_request(self, request):
        if request.url.split(":")[0] != "data" and urlsplit(request.url).netloc != urlsplit(self.address).netloc:
            self.elsewhere.append(request.url)
        if request.method == "POST":
            self.asked.append(request.post_data_json)

    def open(self):
        self.page.goto(self.address + "/")
        return self

    def choose(self, model, temperature="0"):
        self.page.select_option("#model", model)
        self.page.fill("#temperature", temperature)

    def send(self, text):
        self.page.fill("#text", text)
        self.page.press("#text", "Enter")

    def wait(self, condition, argument=None):
        self.page.wait_for_function(condition, arg=argument)

    def wait_for_answer(self, number=1):
        self.wait("n => document.querySelectorAll('.assistant').length === n && document.querySelector('#stop').disabled", number)
        return self.page.locator(".assistant").nth(number - 1)

    def figure(self, title, actor, name):
        """What the live view shows: of "Engines", "smollm2", "running"; None if that is not there."""
        return self.page.evaluate("""([title, actor, name]) => {
          const heading = [...document.querySelectorAll('h2')].find(h => h.textContent === title);
          for (let e = heading?.nextElementSibling; e?.classList.contains('actor'); e = e.nextElementSibling)
            if ((e.querySelector('h3')?.textContent ?? '') === actor)
              for (const d of e.querySelectorAll('dl > div')) if (d.firstChild.textContent === name) return d.lastChild.textContent;
          return null; }""", [title, actor, name])

    def end(self):
        self.context.close()
        assert self.elsewhere == []
        assert [e for e in self.errors if not any(re.search(x, e) for x in self.expected)] == []


@pytest.fixture
def visit(browser):
    """visit(service, **window): its page, once its models are there, if they are to be."""
    visits = []

    def go(service, models=True, **window):
        visits.append(Visit(browser, service.address, **window).open())
        if models:
            visits[-1].wait("() => document.querySelector('#model').length > 0")
        return visits[-1]

    yield go
    for one in visits:
        one.end()
