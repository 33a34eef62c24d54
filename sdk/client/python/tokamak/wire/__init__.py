"""FlatBuffers code of the wire contract, made by generate_wire.py."""
