"""The live view beside the chat: what it shows is what /status says."""

import json
import threading
import urllib.request

import pytest
from running_service import FACTOR


def generate(service, model, prompt, tokens):
    body = json.dumps({"model": model, "prompt": prompt, "max_tokens": tokens, "temperature": 0}).encode()
    request = urllib.request.Request(service.address + "/v1/completions", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


@pytest.fixture
def in_background():
    threads = []

    def start(*arguments):
        threads.append(threading.Thread(target=generate, args=arguments))
        threads[-1].start()

    yield start
    for thread in threads:
        thread.join()


def number(text):
    return float(text.replace(",", "").split()[0])


def test_every_part_of_the_service_is_shown(visit, service):
    v = visit(service)
    v.page.wait_for_selector("aside dd")
    for title, names in [("Endpoints", ["brief", "endless", "smollm2"]), ("Pools", ["brief", "endless", "smollm2"]), ("Engines", ["brief", "endless", "smollm2"]), ("Frontends", ["http"])]:
        for name in names:
            assert v.figure(title, name, "running") == "0" or (title, name) == ("Frontends", "http")
    assert v.figure("Pools", "endless", "engines") == "1 of 1"
    assert "local, version 0.1.0, up " in v.page.inner_text("aside")


def test_running_and_waiting_requests_and_rates_are_shown_while_they_last(visit, service, in_background):
    v = visit(service)
    for i in range(4):  # the engine runs two at once
        in_background(service, "endless", f"{i}", 200)
    names = [("Service", "", "waiting"), ("Service", "", "delivered/s"), ("Service", "", "computed/s"), ("Endpoints", "endless", "running"), ("Endpoints", "endless", "tokens/s"),
             ("Pools", "endless", "running"), ("Pools", "endless", "tokens/s"), ("Engines", "endless", "running"), ("Engines", "endless", "waiting"), ("Engines", "endless", "generated/s")]
    seen = {}
    for _ in range(10):
        v.page.wait_for_timeout(400)
        for title, actor, name in names:
            if (value := v.figure(title, actor, name)) not in (None, "–"):
                seen[title, name] = max(number(value), seen.get((title, name), 0))
    assert seen["Engines", "running"] == 2 and seen["Engines", "waiting"] == 2 and seen["Service", "waiting"] == 2
    assert seen["Endpoints", "running"] == 4 and seen["Pools", "running"] == 4
    for name in [("Engines", "generated/s"), ("Pools", "tokens/s"), ("Endpoints", "tokens/s"), ("Service", "delivered/s"), ("Service", "computed/s")]:
        assert 20 / FACTOR < seen[name] <= 240, name  # two streams of at most 100 a second


def test_time_to_first_token_and_the_cache_are_shown(visit, service):
    v = visit(service)
    v.wait("() => document.querySelectorAll('aside dd').length > 0")
    assert v.figure("Endpoints", "smollm2", "first token") == "–"
    prompt = "A prompt of some length that is asked for twice. " * 20
    first, second = generate(service, "smollm2", prompt, 2), generate(service, "smollm2", prompt, 2)
    assert second["usage"]["prompt_tokens_details"]["cached_tokens"] > 0
    v.wait("() => [...document.querySelectorAll('aside section')].some(s => s.textContent.includes('smollm2') && /first token[0-9.]+ ms/.test(s.textContent))")
    histograms = next(a["histograms"] for a in service.status()["actors"] if a["kind"] == "endpoint" and a["name"] == "smollm2")
    cache = next(a["counters"] for a in service.status()["actors"] if a["kind"] == "kv_cache" and a["name"] == "smollm2")
    engine = next(a["counters"] for a in service.status()["actors"] if a["kind"] == "scheduler" and a["name"] == "smollm2")
    assert 0 < number(v.figure("Endpoints", "smollm2", "first token")) <= 1000 * sum(h["sum"] for name, h in histograms.items() if name.endswith("time_to_first_token_seconds")) + 0.1
    assert v.figure("Engines", "smollm2", "cache hits") == f"{100 * cache['hits'] / cache['lookups']:.0f} %"
    used = engine["blocks_total"] - engine["blocks_leased_free"] - cache["blocks_free"]
    assert used >= cache["cached_blocks"] > 0
    assert v.figure("Engines", "smollm2", "cache used") == f"{100 * used / engine['blocks_total']:.0f} %"


def test_nodes_and_engines_that_are_not_whole_are_shown(visit, service):
    v = visit(service)
    v.page.route("**/status", lambda route: route.fulfill(json={
        "nodes": [{"name": "a", "version": "0.1.0", "uptime_s": 5000, "draining": True, "problem": None}, {"name": "b", "version": "0.1.0", "uptime_s": 1, "draining": False, "problem": "no answer"}],
        "actors": [{"kind": "scheduler", "name": "big", "node": "b", "counters": {"missing_shards": 1}}]}))
    v.wait("() => document.querySelector('aside').textContent.includes('no answer')")
    assert v.figure("Engines", "big on b", "missing shards") == "1"
    assert v.page.locator("aside p").all_inner_texts() == ["a, version 0.1.0, up 5,000 s, draining", "b, version 0.1.0, up 1 s: no answer"]
    v.page.unroute("**/status")
    v.wait("() => document.querySelector('aside').textContent.includes('endless')")
