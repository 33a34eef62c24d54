"""/metrics with the parser of Prometheus' own client: its text is valid, counts what happened, and is documented."""

import collections
import json
import pathlib
import time
import urllib.request

import openai
import pytest
from prometheus_client.parser import text_string_to_metric_families

PAGE = pathlib.Path(__file__).parents[3] / "framework/frontend/http/metrics.md"
HELLO = [{"role": "user", "content": "Hi"}]


def families(address):
    with urllib.request.urlopen(address + "/metrics") as answer:
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        return list(text_string_to_metric_families(answer.read().decode()))


def value(address, name, /, **labels):
    """The sum of the samples that have these labels."""
    samples = [s for f in families(address) for s in f.samples if s.name == name and labels.items() <= s.labels.items()]
    return sum(s.value for s in samples)


@pytest.fixture(scope="module")
def used(client, address):
    """After a chat, a completion and a request that is refused by the engine."""
    client.chat.completions.create(model="smollm2", messages=HELLO, max_tokens=5, temperature=0, extra_body={"ignore_eos": True})
    client.completions.create(model="smollm2", prompt="Once upon", max_tokens=3, temperature=0, extra_body={"ignore_eos": True})
    with pytest.raises(openai.BadRequestError):
        client.completions.create(model="smollm2", prompt="word " * 5000, max_tokens=3)
    return address


def test_the_text_is_valid(used):
    found = families(used)
    assert len({f.name for f in found}) == len(found)  # one HELP and TYPE, and all samples together
    samples = collections.Counter((s.name, tuple(sorted(s.labels.items()))) for f in found for s in f.samples)
    assert max(samples.values()) == 1
    for family in found:
        assert family.documentation and family.samples, family.name
        assert family.type in ("counter", "gauge", "histogram"), family.name
        if family.type == "counter":
            assert all(s.name == family.name + "_total" for s in family.samples)


def test_histograms_are_cumulative(used):
    for family in families(used):
        if family.type != "histogram":
            continue
        buckets, counts = collections.defaultdict(list), {}
        for s in family.samples:
            labels = tuple(sorted((k, v) for k, v in s.labels.items() if k != "le"))
            if s.name.endswith("_bucket"):
                buckets[labels].append((float(s.labels["le"]), s.value))
            elif s.name.endswith("_count"):
                counts[labels] = s.value
        assert buckets.keys() == counts.keys()
        for labels, of in buckets.items():
            assert of == sorted(of) and [n for _, n in of] == sorted(n for _, n in of), family.name
            assert of[-1] == (float("inf"), counts[labels])


def test_every_name_is_documented(used):
    page = PAGE.read_text()
    missing = {f.name + ("_total" if f.type == "counter" else "") for f in families(used)}
    assert not {name for name in missing if f"`{name}`" not in page}


def test_what_happened_is_counted(used, client):
    names = {
        "vllm:request_success_total": {"finished_reason": "length", "model_name": "smollm2"},
        "vllm:e2e_request_latency_seconds_count": {"model_name": "smollm2"},
        "vllm:time_to_first_token_seconds_count": {"model_name": "smollm2"},
        "vllm:request_time_per_output_token_seconds_count": {},
        "vllm:inter_token_latency_seconds_count": {},
        "vllm:request_queue_time_seconds_count": {},
        "vllm:request_prompt_tokens_sum": {},
        "vllm:request_generation_tokens_sum": {},
        "vllm:prompt_tokens_total": {"engine": "smollm2", "model_name": "smollm2"},
        "vllm:generation_tokens_total": {"engine": "smollm2"},
        "vllm:prefix_cache_queries_total": {"engine": "smollm2"},
        "gen_ai_server_request_duration_seconds_count": {"gen_ai_operation_name": "chat", "gen_ai_provider_name": "tokamak", "gen_ai_request_model": "smollm2"},
        "tokamak_endpoint_finished_length_total": {"name": "smollm2"},
    }
    before = {name: value(used, name, **labels) for name, labels in names.items()}
    answer = client.chat.completions.create(model="smollm2", messages=HELLO, max_tokens=6, temperature=0, extra_body={"ignore_eos": True})
    more = {name: value(used, name, **labels) - before[name] for name, labels in names.items()}
    prompt = answer.usage.prompt_tokens
    assert more == dict.fromkeys(names, 1) | {
        "vllm:inter_token_latency_seconds_count": 5,
        "vllm:request_prompt_tokens_sum": prompt,
        "vllm:request_generation_tokens_sum": 6,
        "vllm:prompt_tokens_total": prompt,
        "vllm:generation_tokens_total": 6,
        "vllm:prefix_cache_queries_total": prompt,
    }


def test_errors_are_apart(used, client):
    names = {
        "gen_ai_server_request_duration_seconds_count": {"error_type": "too_large", "gen_ai_operation_name": "text_completion"},
        "vllm:request_success_total": {"finished_reason": "error"},
        "vllm:e2e_request_latency_seconds_count": {},
        "vllm:time_to_first_token_seconds_count": {},
    }
    before = {name: value(used, name, **labels) for name, labels in names.items()}
    with pytest.raises(openai.BadRequestError):
        client.completions.create(model="smollm2", prompt="word " * 5000, max_tokens=3)
    assert [value(used, name, **labels) - before[name] for name, labels in names.items()] == [1, 1, 0, 0]


def test_nothing_runs_when_all_is_answered(used):
    assert value(used, "vllm:num_requests_running") == value(used, "vllm:num_requests_waiting") == 0
    assert value(used, "vllm:kv_cache_usage_perc") == 0
    assert value(used, "vllm:cache_config_info", engine="smollm2", block_size="32") == 1


def test_the_cache_is_in_use_while_a_request_runs(used, client):
    stream = client.completions.create(model="smollm2", prompt="Once", max_tokens=1500, temperature=0, stream=True, extra_body={"ignore_eos": True})
    next(iter(stream))
    assert value(used, "vllm:num_requests_running", model_name="smollm2") == 1
    assert 0 < value(used, "vllm:kv_cache_usage_perc") < 1
    stream.close()
    for _ in range(100):
        if value(used, "vllm:num_requests_running") == 0:
            break
        time.sleep(0.05)
    assert value(used, "vllm:kv_cache_usage_perc") == 0
    assert value(used, "vllm:request_success_total", finished_reason="abort") >= 1


def test_status_has_the_same_histograms(used):
    with urllib.request.urlopen(used + "/status") as answer:
        (measured,) = [a["histograms"] for a in json.load(answer)["actors"] if a["kind"] == "endpoint"]
    chat = measured["chat.request_duration_seconds"]
    assert len(chat["counts"]) == len(chat["bounds"]) + 1 and chat["bounds"] == sorted(chat["bounds"]) and chat["sum"] > 0
    count = "tokamak_endpoint_request_duration_seconds_count"
    without_errors = [s.value for f in families(used) for s in f.samples if s.name == count and s.labels["operation"] == "chat" and "error" not in s.labels]
    assert without_errors == [sum(chat["counts"])]
