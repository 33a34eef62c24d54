"""The same with curl, as people try a service first."""

import json
import subprocess
import time


def curl(*arguments):
    return subprocess.run(["curl", "-sS", "-m", "60", *arguments], capture_output=True, text=True, check=True).stdout


def test_chat_and_stream(address):
    body = '{"model":"smollm2","messages":[{"role":"user","content":"Hi"}],"max_tokens":4,"temperature":0'
    whole = json.loads(curl(address + "/v1/chat/completions", "-H", "Content-Type: application/json", "-d", body + "}"))
    assert whole["usage"]["completion_tokens"] <= 4
    lines = curl("-N", address + "/v1/chat/completions", "-H", "Content-Type: application/json", "-d", body + ',"stream":true}').strip().split("\n\n")
    assert lines[-1] == "data: [DONE]"


def test_a_large_body_is_asked_for_first(address):
    body = json.dumps({"model": "smollm2", "prompt": "word " * 400_000, "max_tokens": 1})
    answer = subprocess.run(["curl", "-sS", "-m", "60", address + "/v1/completions", "-H", "Content-Type: application/json", "-d", "@-"], input=body, capture_output=True, text=True, check=True)
    assert json.loads(answer.stdout)["error"]["code"] == "context_length_exceeded"


def test_megabytes_of_text_hold_nobody_up(address):
    work = json.dumps({"model": "smollm2", "prompt": "a" * 4_000_000})
    post = ["curl", "-sS", "-m", "120", "-H", "Content-Type: application/json", "-d", "@-", "-o", "/dev/null", "-w", "%{time_total}", address + "/tokenize"]
    tokenizing = subprocess.Popen(post, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    tokenizing.stdin.write(work)
    tokenizing.stdin.close()
    longest = 0.0
    while tokenizing.poll() is None:
        began = time.monotonic()
        curl(address + "/health")
        longest = max(longest, time.monotonic() - began)
    took = float(tokenizing.stdout.read())
    assert longest < took / 2, (longest, took)


def test_other_origins(address):
    head = curl("-i", "-X", "OPTIONS", address + "/v1/chat/completions", "-H", "Origin: http://page.example", "-H", "Access-Control-Request-Method: POST")
    assert "204 No Content" in head and "Access-Control-Allow-Origin: http://page.example" in head
    assert "Access-Control" not in curl("-i", address + "/health", "-H", "Origin: http://other.example")


def test_page(address):
    page = curl(address + "/")
    assert page.startswith("<!doctype html>") and "://" not in page.replace("http://127", "")  # nothing from elsewhere
