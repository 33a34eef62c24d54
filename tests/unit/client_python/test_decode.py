"""Whatever bytes come, reading them gives values or CorruptError."""

import random

import pytest

import fake_service
from tokamak import CorruptError, TopToken, protocol, verify

DECODERS = (
    protocol.decode_chunks,
    protocol.decode_error_reply,
    protocol.decode_model_list,
    protocol.decode_status_report,
    protocol.decode_drained,
)
FULL = dict(id=9, text="ac", tokens=[7, 8], logprobs=[-0.5, -0.25])
TOP = ([2, 1], [7, 1, 8], [-0.5, -2.0, -0.25], ["a", "b", "c"])


def test_log_probabilities_are_read_beside_their_tokens():
    (received,) = protocol.decode_chunks(fake_service.chunks([dict(FULL, top=TOP)]))
    assert received.chunk.token_ids == [7, 8]
    assert received.chunk.logprobs == [-0.5, -0.25]
    assert received.chunk.top_logprobs == [
        [TopToken(7, -0.5, "a"), TopToken(1, -2.0, "b")],
        [TopToken(8, -0.25, "c")],
    ]


@pytest.mark.parametrize(
    "change, message",
    [
        (dict(logprobs=[1.0]), "a chunk has 2 tokens but 1 log-probabilities"),
        (dict(top=([2], *TOP[1:])), "a chunk's top log-probabilities do not fit its 2 tokens"),
        (dict(top=([2, 2], *TOP[1:])), "a chunk's top log-probabilities do not fit its 2 tokens"),
        (dict(top=(*TOP[:2], [-1.0], TOP[3])), "a chunk's top log-probabilities do not fit its 2 tokens"),
        (dict(top=(*TOP[:3], ["a"])), "a chunk's top log-probabilities do not fit its 2 tokens"),
        (dict(finish=9), "a chunk ends with the unknown reason 9"),
    ],
)
def test_vectors_and_reasons_that_do_not_fit_are_refused(change, message):
    with pytest.raises(CorruptError) as caught:
        protocol.decode_chunks(fake_service.chunks([dict(FULL, **change)]))
    assert caught.value.message == message


def test_random_damage_is_read_or_refused_and_nothing_else():
    whole = [
        fake_service.chunks([dict(FULL, top=TOP), dict(id=1, error=(2, "no", "x"))]),
        fake_service.error_reply(3, 2, "no"),
        fake_service.model_list(4, ["a", "b"]),
        fake_service.status_report(5),
        fake_service.drained(6),
    ]
    dice = random.Random(20240611)
    refused = 0
    for _ in range(3000):
        data = bytearray(dice.choice(whole))
        if dice.random() < 0.25:
            del data[dice.randrange(len(data) + 1) :]
        for _ in range(dice.randint(1, 4)):
            if data:
                data[dice.randrange(len(data))] = dice.randrange(256)
        for decode in DECODERS:
            try:
                decode(bytes(data))
            except CorruptError:
                refused += 1
    assert refused > 3000


def test_empty_bytes_are_refused_by_name():
    for decode, name in zip(DECODERS, ("Chunks", "ErrorReply", "ModelList", "StatusReport", "Drained")):
        with pytest.raises(CorruptError, match=f"the service sent a broken {name} message"):
            decode(b"")


def test_a_message_that_repeats_one_table_too_often_is_refused(monkeypatch):
    # One empty table shared by all entries: a short message that would cost minutes and gigabytes to read.
    monkeypatch.setattr(verify, "_MAX_PARTS", 1000)
    entries = 1001
    data = bytearray((12).to_bytes(4, "little") + bytes.fromhex("0600 0800 0400 0000") + bytes(8 + 4 + 4 * entries + 16))
    root, vtable = 12, 4
    data[root : root + 4] = (root - vtable).to_bytes(4, "little")
    data[root + 4 : root + 8] = (4).to_bytes(4, "little")  # the vector follows
    vector = root + 8
    data[vector : vector + 4] = entries.to_bytes(4, "little")
    empty = vector + 4 + 4 * entries + 4  # a table without fields, its vtable before it
    data[empty - 4 : empty] = bytes.fromhex("0400 0400")
    data[empty : empty + 4] = (4).to_bytes(4, "little")
    for i in range(entries):
        at = vector + 4 + 4 * i
        data[at : at + 4] = (empty - at).to_bytes(4, "little")
    with pytest.raises(CorruptError):
        protocol.decode_chunks(bytes(data))
    data[vector : vector + 4] = (990).to_bytes(4, "little")  # otherwise it is well-formed
    assert len(protocol.decode_chunks(bytes(data))) == 990
