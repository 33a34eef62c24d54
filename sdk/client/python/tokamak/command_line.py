"""The commands ask, models, status and drain of `python -m tokamak`."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from typing import List, Optional

from .answers import Usage
from .client import DEFAULT_ADDRESS, Client
from .errors import Error


def main(arguments: Optional[List[str]] = None) -> int:
    """Exit status: 0; 1 for an error of the service or the connection; 2 for wrong usage; 130 if interrupted."""
    given = _parser().parse_args(arguments)
    try:
        with Client(given.connect, key_file=given.key, server_key_file=given.server_key) as client:
            return given.run(client, given)
    except Error as problem:
        print(f"tokamak: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tokamak", description="Talks to a running Tokamak service.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    connect = argparse.ArgumentParser(add_help=False)
    connect.add_argument("--connect", default=DEFAULT_ADDRESS, metavar="ADDRESS", help="default: %(default)s")
    connect.add_argument("--key", metavar="FILE", help="own secret key, as `tokamak keygen` makes it")
    connect.add_argument("--server-key", metavar="FILE", help="the service's public key; needed with --key")

    ask = commands.add_parser("ask", parents=[connect], help="stream the answer to a prompt to the terminal")
    ask.add_argument("model", metavar="MODEL", help="a name that `models` prints")
    ask.add_argument("prompt", metavar="PROMPT", help="sent as a user message through the model's chat template")
    ask.add_argument("--raw", action="store_true", help="continue the prompt as plain text, without the template")
    ask.add_argument("--max-tokens", type=int, default=256, metavar="N", help="default: %(default)s")
    ask.add_argument("--temperature", type=float, default=0.0, metavar="T", help="0, the default: most likely token")
    ask.add_argument("--top-k", type=int, default=0, metavar="K", help="0, the default: all tokens")
    ask.add_argument("--top-p", type=float, default=1.0, metavar="P", help="default: %(default)s")
    ask.add_argument("--min-p", type=float, default=0.0, metavar="P", help="default: %(default)s")
    ask.add_argument("--seed", type=int, metavar="N", help="default: the service chooses one")
    ask.add_argument("--stop", action="append", default=[], metavar="TEXT", help="end before this text; repeatable")
    ask.add_argument("--system", metavar="TEXT", help="system message before the prompt")
    ask.add_argument("--quiet", action="store_true", help="no statistics")
    ask.set_defaults(run=_ask)

    models = commands.add_parser("models", parents=[connect], help="list what the service offers")
    models.set_defaults(run=_models)
    status = commands.add_parser("status", parents=[connect], help="show the actors of all nodes, and their counters")
    status.add_argument("--json", action="store_true", help="as JSON")
    status.set_defaults(run=_status)
    drain = commands.add_parser("drain", parents=[connect], help="take a node out: it finishes what it runs, and ends")
    drain.add_argument("node", metavar="NODE", help="a name that `status` prints")
    drain.set_defaults(run=_drain)
    return parser


def _ask(client: Client, given: argparse.Namespace) -> int:
    messages = [{"role": "system", "content": given.system}] if given.system else []
    messages.append({"role": "user", "content": given.prompt})
    prompt = {"prompt": given.prompt} if given.raw else {"messages": messages}
    answer = client.generate(
        model=given.model,
        max_tokens=given.max_tokens,
        temperature=given.temperature,
        top_k=given.top_k,
        top_p=given.top_p,
        min_p=given.min_p,
        seed=given.seed,
        stop=given.stop,
        stream=True,
        **prompt,
    )
    usage = None
    with answer:
        for chunk in answer:
            usage = chunk.usage
            print(chunk.text, end="", flush=True)
    print(flush=True)
    if usage is not None and not given.quiet:
        print(_statistics(usage), file=sys.stderr)
    return 0


def _statistics(usage: Usage) -> str:
    """Times as the service measures them; the rate is that of the tokens after the first."""
    rest = usage.total_seconds - usage.first_token_seconds
    rate = (usage.completion_tokens - 1) / rest if usage.completion_tokens > 1 and rest > 0 else 0.0
    return (
        f"[prompt {usage.prompt_tokens} tokens ({usage.cached_tokens} cached), answer {usage.completion_tokens} tokens, "
        f"first token after {usage.first_token_seconds * 1000:.0f} ms, then {rate:.1f} tokens/s]"
    )


def _models(client: Client, given: argparse.Namespace) -> int:
    for model in client.list_models():
        print(f"{model.name}\t{model.fusion}\tcontext {model.context_length}\tpools {', '.join(model.pools)}")
    return 0


def _status(client: Client, given: argparse.Namespace) -> int:
    status = client.status()
    if given.json:
        nodes = [
            {
                "name": n.name,
                "version": n.version,
                "uptime_us": round(n.uptime_seconds * 1e6),
                "draining": n.draining,
                "problem": n.problem,
            }
            for n in status.nodes
        ]
        actors = [
            {
                "node": a.node,
                "kind": a.kind,
                "name": a.name,
                "counters": a.counters,
                "histograms": {name: dataclasses.asdict(h) for name, h in a.histograms.items()},
            }
            for a in status.actors
        ]
        report = {"node": status.node, "version": status.version, "topology_digest": status.topology_digest}
        print(json.dumps({**report, "uptime_us": round(status.uptime_seconds * 1e6), "nodes": nodes, "actors": actors}))
        return 0
    for node in status.nodes:
        draining = ", draining" if node.draining else ""
        about = node.problem or f"version {node.version}, up {node.uptime_seconds:.0f} s{draining}"
        print(f"node {node.name}: {about}")
    print(f"topology {status.topology_digest}")
    for actor in status.actors:
        place = f" on {actor.node}" if len(status.nodes) > 1 else ""
        print(f"{actor.name} ({actor.kind}){place}")
        for name, value in actor.counters.items():
            print(f"  {name:<32} {value:g}")
    return 0


def _drain(client: Client, given: argparse.Namespace) -> int:
    done = client.drain(given.node)
    how = f"{done.finished} finished, {done.moved} moved to other engines, {done.cut} cut"
    print(f"node {done.node} drained in {done.seconds:.1f} s; requests: {how}")
    return 0
