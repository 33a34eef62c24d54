"""python -m tokamak, and the examples."""

import json
import pathlib
import subprocess
import sys

import pytest

from fake_service import drained, error_reply, model_list, status_report
from tokamak.protocol import Frame

ROOT = pathlib.Path(__file__).resolve().parents[3]
STOP = 1


@pytest.fixture
def run():
    """Starts a program; result() gives (status, stdout, stderr)."""
    running = []

    def begin(*command):
        process = subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        running.append(process)

        def result():
            out, err = process.communicate(timeout=20)
            return process.returncode, out, err

        return result

    yield begin
    for process in running:
        process.kill()
        process.communicate()


def answer(service):
    got = service.expect(Frame.OPEN)
    service.chunk(got, text="Rayleigh ", tokens=[1, 2])
    service.chunk(got, offset=2, text="scattering.", tokens=[3], finish=STOP)
    return got.root


def test_ask_streams_the_answer_and_prints_statistics_to_stderr(service, run):
    flags = "--max-tokens 9 --temperature 0.5 --top-k 4 --top-p 0.75 --min-p 0.25 --seed 7 --stop END --stop X".split()
    result = run("-m", "tokamak", "ask", "--connect", service.address, "smollm2", "Why?", *flags)
    asked = answer(service)
    status, out, err = result()
    assert (status, out) == (0, "Rayleigh scattering.\n")
    assert err == "[prompt 5 tokens (2 cached), answer 3 tokens, first token after 0 ms, then 200000.0 tokens/s]\n"
    assert asked.Target() == b"smollm2"
    assert (asked.Prompt().Messages(0).Role(), asked.Prompt().Messages(0).Content()) == (b"user", b"Why?")
    sampling, stops = asked.Sampling(), asked.Stops()
    assert (asked.Generate(), sampling.Temperature(), sampling.TopK(), sampling.Seed()) == (9, 0.5, 4, 7)
    assert (sampling.TopP(), sampling.MinP()) == (0.75, 0.25)
    assert [stops.Strings(i) for i in range(2)] == [b"END", b"X"]


def test_ask_raw_sends_plain_text(service, run):
    result = run("-m", "tokamak", "ask", "--connect", service.address, "m", "Once upon", "--raw")
    assert answer(service).Prompt().Text() == b"Once upon"
    assert result()[0] == 0


def test_ask_takes_a_system_message_and_can_be_quiet(service, run):
    flags = ("--system", "Be brief.", "--quiet")
    result = run("-m", "tokamak", "ask", "--connect", service.address, "m", "Why?", *flags)
    prompt = answer(service).Prompt()
    assert [prompt.Messages(i).Content() for i in range(2)] == [b"Be brief.", b"Why?"]
    assert result() == (0, "Rayleigh scattering.\n", "")


def test_errors_are_one_line_and_status_1(service, run):
    result = run("-m", "tokamak", "ask", "--connect", service.address, "nope", "Why?")
    service.chunk(service.expect(Frame.OPEN), error=(2, "no model named 'nope'; known: smollm2", ""))
    status, out, err = result()
    assert (status, out, err) == (1, "", "tokamak: no model named 'nope'; known: smollm2 (not_found)\n")
    status, _, err = run("-m", "tokamak", "ask", "--connect", service.address, "m", "x", "--max-tokens", "0")()
    assert (status, err) == (1, "tokamak: max_tokens must be an integer from 1 to 4294967295, not 0 (invalid_argument)\n")


def test_models_and_status_are_printed(service, run):
    result = run("-m", "tokamak", "models", "--connect", service.address)
    got = service.expect(Frame.LIST_MODELS)
    service.send(got, Frame.MODEL_LIST, model_list(got.root.Op(), ["smollm2"]))
    assert result()[:2] == (0, "smollm2\tdirect\tcontext 2048\tpools smollm2_pool\n")
    result = run("-m", "tokamak", "status", "--connect", service.address)
    got = service.expect(Frame.STATUS_REQUEST)
    service.send(got, Frame.STATUS_REPORT, status_report(got.root.Op()))
    expected = [
        "node node1: version 0.1.0, up 7 s, draining",
        "node node2: not connected",
        "topology abc",
        "engine.a (scheduler) on node1",
        "  running                          3",
    ]
    assert result()[:2] == (0, "\n".join(expected) + "\n")
    result = run("-m", "tokamak", "status", "--json", "--connect", service.address)
    got = service.expect(Frame.STATUS_REQUEST)
    service.send(got, Frame.STATUS_REPORT, status_report(got.root.Op()))
    actor = {"node": "node1", "kind": "scheduler", "name": "engine.a", "counters": {"running": 3.0}}
    actor["histograms"] = {"seconds": {"bounds": [0.5, 1.0], "counts": [2, 0, 1], "sum": 2.5}}
    head = {"node": "node1", "version": "0.1.0", "topology_digest": "abc", "uptime_us": 7_000_000}
    there = {"name": "node1", "version": "0.1.0", "uptime_us": 7_000_000, "draining": True, "problem": ""}
    gone = {"name": "node2", "version": "", "uptime_us": 0, "draining": False, "problem": "not connected"}
    assert json.loads(result()[1]) == {**head, "nodes": [there, gone], "actors": [actor]}


def test_a_drain_is_reported_when_it_is_over(service, run):
    result = run("-m", "tokamak", "drain", "node2", "--connect", service.address)
    got = service.expect(Frame.DRAIN)
    assert got.root.Node() == b"node2"
    service.send(got, Frame.DRAINED, drained(got.root.Op()))
    expected = "node node2 drained in 1.5 s; requests: 3 finished, 2 moved to other engines, 1 cut\n"
    assert result()[:2] == (0, expected)
    result = run("-m", "tokamak", "drain", "node3", "--connect", service.address)
    got = service.expect(Frame.DRAIN)
    service.send(got, Frame.ERROR_REPLY, error_reply(got.root.Op(), 2, "no node 'node3'"))
    assert result() == (1, "", "tokamak: no node 'node3' (not_found)\n")


def test_the_sync_example_runs(service, run):
    result = run(str(ROOT / "examples/clients/python/ask.py"), service.address, "smollm2", "Why is the sky blue?")
    got = service.expect(Frame.LIST_MODELS)
    service.send(got, Frame.MODEL_LIST, model_list(got.root.Op(), ["smollm2"]))
    answer(service)
    status, out, err = result()
    assert (status, err) == (0, "")
    assert out == "models: smollm2\nRayleigh scattering.\n[stop: 3 tokens for a prompt of 5]\n"


def test_the_async_example_runs_its_questions_together(service, run):
    result = run(str(ROOT / "examples/clients/python/ask_many.py"), service.address, "smollm2")
    asked = [service.expect(Frame.OPEN) for _ in range(3)]
    for got in reversed(asked):
        service.chunk(got, text=got.root.Prompt().Messages(0).Content()[::-1], tokens=[1], finish=STOP)
    status, out, err = result()
    assert (status, err) == (0, "")
    assert len(out.splitlines()) == 6
