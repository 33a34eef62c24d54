"""Requests as clients and chat user interfaces send them: client_requests.jsonl has one a line, as it was recorded from a package or read in
its source (`version` says where). Each is sent as it is, but for a temperature of 0 and a limit of 8 tokens (200 where the answer has a form), those with tools at a model whose
template has some, and is answered, or refused for the field that `refused` names."""

import json
import pathlib
import urllib.error
import urllib.request

import pytest

LINES = (pathlib.Path(__file__).parent / "client_requests.jsonl").read_text().splitlines()
REQUESTS = [json.loads(line) for line in LINES]
LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens", "n_predict")


def limited(request):
    body = dict(request["body"])
    given = [name for name in LIMITS if name in body]
    for name in given or ["max_output_tokens" if request["path"].endswith("responses") else "max_tokens"]:
        body[name] = 8 if not form_of(body) else 200
    return body | {"temperature": 0}


def form_of(body):
    form = body.get("response_format") or body.get("text", {}).get("format", {"type": "text"})
    return None if form["type"] == "text" else form.get("json_schema", form).get("schema", {"type": "object"})


def check_form(body, text, ended):
    """JSON with what the schema requires, if the model came to an end of it; a small one that is held to it may not."""
    form = form_of(body)
    if form and not ended:
        assert text.lstrip().startswith("{")
    elif form:
        assert set(form.get("required", [])) <= set(json.loads(text))


def send(address, path, body):
    request = urllib.request.Request(address + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.headers, answer.read().decode()


def events_of(text):
    return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ") and line != "data: [DONE]"]


def check_choices(body, text):
    n = body.get("n", 1) * (len(body["prompt"]) if isinstance(body.get("prompt"), list) else 1)
    if body.get("stream"):
        assert text.endswith("data: [DONE]\n\n")
        events = events_of(text)
        told = [c for e in events for c in e["choices"]]
        assert any(c.get("text") or c.get("delta", {}).get("content") or c.get("delta", {}).get("tool_calls") for c in told)
        assert {c["index"] for c in told} == set(range(n))
        assert sum(c["finish_reason"] is not None for c in told) == n
        assert bool(body.get("stream_options")) == ("usage" in events[-1] and events[-1]["usage"]["completion_tokens"] <= 200 * n)
        check_form(body, "".join(c["delta"].get("content") or "" for c in told if "delta" in c), told[-1]["finish_reason"] == "stop")
        return
    answer = json.loads(text)
    assert len(answer["choices"]) == n and all(c["finish_reason"] in ("stop", "length", "tool_calls") for c in answer["choices"])
    assert all(c["text"] if "text" in c else c["message"]["content"] or c["message"].get("tool_calls") for c in answer["choices"])
    assert 0 < answer["usage"]["completion_tokens"] <= (200 if form_of(body) else 8) * n
    for c in answer["choices"]:
        check_form(body, c["message"]["content"] if "message" in c else c["text"], c["finish_reason"] == "stop")
    if body.get("logprobs"):
        assert all(c["logprobs"] for c in answer["choices"])


def check_response(body, text):
    answer = events_of(text)[-1]["response"] if body.get("stream") else json.loads(text)
    assert answer["object"] == "response" and answer["status"] in ("completed", "incomplete")
    assert answer["output"] and 0 < answer["usage"]["output_tokens"] <= (200 if form_of(body) else 8)
    check_form(body, answer["output"][-1]["content"][0]["text"], answer["status"] == "completed")


@pytest.mark.parametrize("request_", REQUESTS, ids=[f"{r['client']}: {r['case']}" for r in REQUESTS])
def test_request(address, tools_client, request_):
    body = limited(request_)
    if body.get("tools"):
        address, body["model"] = str(tools_client.base_url).removesuffix("/v1/"), "caller"
    status, head, text = send(address, request_["path"], body)
    if "refused" in request_:
        assert status == 400, text
        assert json.loads(text)["error"]["param"] == request_["refused"]
        return
    assert status == 200, text
    assert head["Content-Type"] == ("text/event-stream" if body.get("stream") else "application/json")
    (check_response if request_["path"].endswith("responses") else check_choices)(body, text)


@pytest.mark.parametrize("request_", [r for r in REQUESTS if r["client"].startswith("clients of ")], ids=lambda r: r["client"])
def test_fields_at_rest_change_nothing(address, request_):
    def told(body):
        status, _, text = send(address, request_["path"], body)
        assert status == 200, text
        return json.loads(text)["choices"]

    body = limited(request_)
    assert told(body) == told({k: body[k] for k in ("model", "messages", "prompt", "temperature") if k in body} | {"max_tokens": 8})
